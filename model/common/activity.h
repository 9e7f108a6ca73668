// SPDX-License-Identifier: Apache-2.0
/// The activity stream: what the card did and when, for timelines (Perfetto, VCD, CSV). One producer
/// interface, any number of sinks; with no sink attached a call costs one branch. It never influences
/// the model: outputs and report are the same with tracing on or off.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lightcard/model/common/time.h"

namespace lightcard {

using TrackId = std::uint32_t;

class ActivitySink {
public:
    virtual ~ActivitySink() = default;
    /// A track is one row of the timeline, named by its component path ("core0.converters").
    virtual void track(TrackId id, std::string_view path) = 0;
    virtual void span(TrackId track, std::string_view name, Picoseconds t0, Picoseconds t1, std::uint32_t layer,
                      std::uint64_t detail) = 0;
    virtual void instant(TrackId track, std::string_view name, Picoseconds t, std::uint64_t detail) = 0;
    virtual void counter(TrackId track, std::string_view name, Picoseconds t, double value) = 0;
};

class ActivityStream {
public:
    TrackId open(std::string path);
    void attach(ActivitySink& sink);
    void detach(ActivitySink& sink);
    bool enabled() const { return !sinks_.empty(); }

    /// `detail` is a count that explains the span: vectors, bytes, cells.
    void span(TrackId track, std::string_view name, Picoseconds t0, Picoseconds t1, std::uint32_t layer = 0,
              std::uint64_t detail = 0)
    {
        for (auto* sink : sinks_) sink->span(track, name, t0, t1, layer, detail);
    }
    void instant(TrackId track, std::string_view name, Picoseconds t, std::uint64_t detail = 0)
    {
        for (auto* sink : sinks_) sink->instant(track, name, t, detail);
    }
    void counter(TrackId track, std::string_view name, Picoseconds t, double value)
    {
        for (auto* sink : sinks_) sink->counter(track, name, t, value);
    }

private:
    std::vector<std::string> tracks_;
    std::vector<ActivitySink*> sinks_;
};

}  // namespace lightcard
