// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/report/perfetto.h"

#include <algorithm>
#include <cstdio>
#include <ostream>

#include <nlohmann/json.hpp>

#include "lightcard/platform/report/energy_table.h"

namespace lightcard::report {

namespace {

constexpr int kProcess = 1;

std::string quoted(std::string_view text)
{
    return nlohmann::json(std::string(text)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Microseconds with three decimals. Rounding start and end down by the same rule keeps nested spans nested.
std::string microseconds(Picoseconds ps)
{
    const Picoseconds ns = ps / kNanosecond;
    char text[40];
    std::snprintf(text, sizeof text, "%lld.%03lld", static_cast<long long>(ns / 1000),
                  static_cast<long long>(ns % 1000));
    return text;
}

std::string number(double value)
{
    return nlohmann::json(value).dump();
}

}  // namespace

bool PerfettoWriter::Row::fits(const Extent& extent) const
{
    for (std::size_t i = 0; i < std::min(spans, recent.size()); ++i) {
        const auto& other = recent[i];
        const bool crosses = (other.t0 < extent.t0 && extent.t0 < other.t1 && other.t1 < extent.t1) ||
                             (extent.t0 < other.t0 && other.t0 < extent.t1 && extent.t1 < other.t1);
        if (crosses) return false;
    }
    return true;
}

void PerfettoWriter::Row::add(const Extent& extent)
{
    recent[spans % recent.size()] = extent;
    ++spans;
}

PerfettoWriter::PerfettoWriter(std::ostream& out, std::vector<std::string> layer_names)
    : out_(out), layer_names_(std::move(layer_names))
{
    out_ << "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
    begin_event();
    out_ << R"({"ph":"M","pid":1,"name":"process_name","args":{"name":"lightcard"}})";
}

PerfettoWriter::~PerfettoWriter()
{
    finish();
}

/// No further record is taken.
bool PerfettoWriter::closed()
{
    if (finished_) return true;
    if (live_.most == 0 || records_ < live_.most) {
        ++records_;
        return false;
    }
    ++dropped_;
    return true;
}

void PerfettoWriter::put_wall()
{
    if (live_.wall_ns) out_ << R"(,"wall_ns":)" << live_.wall_ns();
}

void PerfettoWriter::begin_event()
{
    if (!first_) out_ << ",\n";
    first_ = false;
}

PerfettoWriter::Track& PerfettoWriter::at(TrackId id)
{
    if (id >= tracks_.size()) tracks_.resize(id + 1);
    auto& track = tracks_[id];
    if (track.rows.empty()) open_row(track);
    return track;
}

void PerfettoWriter::open_row(Track& track)
{
    Row row;
    row.tid = next_tid_++;
    track.rows.push_back(row);
    std::string name = track.path.empty() ? "unnamed" : track.path;
    if (track.rows.size() > 1) name += " #" + std::to_string(track.rows.size());
    begin_event();
    out_ << R"({"ph":"M","pid":)" << kProcess << R"(,"tid":)" << row.tid << R"(,"name":"thread_name","args":{"name":)"
         << quoted(name) << "}}";
}

PerfettoWriter::Row& PerfettoWriter::row_for(TrackId id, const Extent& extent)
{
    auto& track = at(id);
    for (auto& row : track.rows)
        if (row.fits(extent)) return row;
    open_row(track);
    return track.rows.back();
}

void PerfettoWriter::track(TrackId id, std::string_view path)
{
    if (id >= tracks_.size()) tracks_.resize(id + 1);
    tracks_[id].path = path;
    at(id);
}

void PerfettoWriter::span(TrackId track, std::string_view name, Picoseconds t0, Picoseconds t1, std::uint32_t layer,
                          std::uint64_t detail)
{
    if (closed()) return;
    const Extent extent{t0, std::max(t0, t1)};
    auto& row = row_for(track, extent);
    row.add(extent);
    const Picoseconds ns = extent.t1 / kNanosecond - extent.t0 / kNanosecond;
    begin_event();
    out_ << R"({"ph":"X","pid":)" << kProcess << R"(,"tid":)" << row.tid << R"(,"name":)" << quoted(name) << R"(,"ts":)"
         << microseconds(t0) << R"(,"dur":)" << microseconds(ns * kNanosecond) << R"(,"args":{"t0_ps":)" << t0
         << R"(,"dur_ps":)" << extent.t1 - t0;
    if (layer > 0) out_ << R"(,"layer":)" << layer;
    if (layer > 0 && layer <= layer_names_.size()) out_ << R"(,"layer_name":)" << quoted(layer_names_[layer - 1]);
    if (detail > 0) out_ << R"(,"count":)" << detail;
    put_wall();
    out_ << "}}";
}

void PerfettoWriter::instant(TrackId track, std::string_view name, Picoseconds t, std::uint64_t detail)
{
    if (closed()) return;
    const auto tid = at(track).rows.front().tid;
    begin_event();
    out_ << R"({"ph":"i","s":"t","pid":)" << kProcess << R"(,"tid":)" << tid << R"(,"name":)" << quoted(name)
         << R"(,"ts":)" << microseconds(t) << R"(,"args":{"t_ps":)" << t << R"(,"count":)" << detail;
    put_wall();
    out_ << "}}";
}

void PerfettoWriter::counter(TrackId track, std::string_view name, Picoseconds t, double value)
{
    if (closed()) return;
    const std::string row = at(track).path + "." + std::string(name);
    begin_event();
    out_ << R"({"ph":"C","pid":)" << kProcess << R"(,"name":)" << quoted(row) << R"(,"ts":)" << microseconds(t)
         << R"(,"args":{"value":)" << number(value) << '}';
    put_wall();  // not among the arguments: each of those is a curve
    out_ << '}';
}

void PerfettoWriter::power(const Ledger& ledger)
{
    if (finished_) return;
    const double bin_seconds = static_cast<double>(ledger.bin_width()) * 1e-12;
    std::array<double, kCategories> shown{};
    const auto show = [&](std::size_t category, Picoseconds t, double watts) {
        if (watts == shown[category]) return;  // a counter holds its value until the next event
        shown[category] = watts;
        begin_event();
        out_ << R"({"ph":"C","pid":)" << kProcess << R"(,"name":"power.)" << to_string(static_cast<Category>(category))
             << R"(","ts":)" << microseconds(t) << R"(,"args":{"W":)" << number(watts) << "}}";
    };
    const std::size_t bins = ledger.bins_used();
    for (std::size_t b = 0; b < bins; ++b) {
        std::vector<std::uint64_t> counts;
        for (const auto& account : ledger.accounts()) counts.push_back(b < account.trace.size() ? account.trace[b] : 0);
        const EnergyTable energy(ledger, counts);
        for (std::size_t c = 0; c < kCategories; ++c)
            show(c, static_cast<Picoseconds>(b) * ledger.bin_width(),
                 energy.joules(static_cast<Category>(c)) / bin_seconds);
    }
    for (std::size_t c = 0; c < kCategories; ++c) show(c, static_cast<Picoseconds>(bins) * ledger.bin_width(), 0);
}

void PerfettoWriter::finish()
{
    if (finished_) return;
    finished_ = true;
    out_ << "\n]";
    if (dropped_ > 0) out_ << R"(,"otherData":{"records_dropped":)" << dropped_ << '}';
    out_ << "}\n";
    out_.flush();
}

}  // namespace lightcard::report
