// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/activity.h"

#include <algorithm>

namespace lightcard {

TrackId ActivityStream::open(std::string path)
{
    const auto id = static_cast<TrackId>(tracks_.size());
    tracks_.push_back(std::move(path));
    for (auto* sink : sinks_) sink->track(id, tracks_.back());
    return id;
}

/// A sink that comes late learns of the tracks that are already open.
void ActivityStream::attach(ActivitySink& sink)
{
    if (std::find(sinks_.begin(), sinks_.end(), &sink) != sinks_.end()) return;
    sinks_.push_back(&sink);
    for (std::size_t id = 0; id < tracks_.size(); ++id) sink.track(static_cast<TrackId>(id), tracks_[id]);
}

void ActivityStream::detach(ActivitySink& sink)
{
    sinks_.erase(std::remove(sinks_.begin(), sinks_.end(), &sink), sinks_.end());
}

}  // namespace lightcard
