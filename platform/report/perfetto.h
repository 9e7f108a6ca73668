// SPDX-License-Identifier: Apache-2.0
/// Timeline in the Chrome JSON trace format, as ui.perfetto.dev and chrome://tracing load it. Written while the
/// card runs; finish() closes the document.
///
/// One process "lightcard"; one thread a track, named by its component path. `ts` and `dur` are microseconds with three
/// decimals (viewers resolve a nanosecond); the exact picoseconds are in `args`, and, of a live trace, the host's time.
/// Viewers want the spans of a thread nested or disjoint: a span that crosses one of the last 256 of its track goes to
/// an overflow row, "track #2".
#pragma once

#include <array>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "lightcard/model/common/activity.h"
#include "lightcard/model/common/energy.h"

namespace lightcard::report {

class PerfettoWriter : public ActivitySink {
public:
    /// `out` must outlive the writer. `layer_names[i]` names layer i + 1 in the spans' arguments.
    explicit PerfettoWriter(std::ostream& out, std::vector<std::string> layer_names = {});

    /// For a card that others drive in real time. Before the first record.
    struct Live {
        std::function<std::int64_t()> wall_ns;  ///< a clock of the host's: `wall_ns` of a record is when it was written
        std::uint64_t most = 0;                 ///< records; what comes after them is counted, not written
    };
    void set_live(Live live) { live_ = std::move(live); }
    std::uint64_t dropped() const { return dropped_; }
    ~PerfettoWriter() override;

    void track(TrackId id, std::string_view path) override;
    void span(TrackId track, std::string_view name, Picoseconds t0, Picoseconds t1, std::uint32_t layer,
              std::uint64_t detail) override;
    void instant(TrackId track, std::string_view name, Picoseconds t, std::uint64_t detail) override;
    void counter(TrackId track, std::string_view name, Picoseconds t, double value) override;

    /// Power by category over time, one counter row a category, from the ledger's trace. Call once, at the end.
    void power(const Ledger& ledger);
    /// Closes the document; nothing may follow. Also done by the destructor.
    void finish();

private:
    struct Extent {
        Picoseconds t0 = 0, t1 = 0;
    };
    struct Row {  ///< one thread of the trace: spans in it never cross
        std::uint64_t tid = 0;
        std::array<Extent, 256> recent{};
        std::size_t spans = 0;
        bool fits(const Extent& extent) const;
        void add(const Extent& extent);
    };
    struct Track {
        std::string path;
        std::vector<Row> rows;
    };

    Track& at(TrackId id);
    Row& row_for(TrackId id, const Extent& extent);
    void open_row(Track& track);
    void begin_event();
    bool closed();
    void put_wall();

    std::ostream& out_;
    std::vector<std::string> layer_names_;
    std::vector<Track> tracks_;
    std::uint64_t next_tid_ = 1;
    bool first_ = true, finished_ = false;
    Live live_;
    std::uint64_t records_ = 0, dropped_ = 0;
};

}  // namespace lightcard::report
