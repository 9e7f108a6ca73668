// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/energy.h"

#include <algorithm>
#include <numeric>

namespace lightcard {

const char* to_string(Category category)
{
    switch (category) {
        case Category::laser:
            return "laser";
        case Category::dac:
            return "dac";
        case Category::modulator:
            return "modulator";
        case Category::receiver:
            return "receiver";
        case Category::adc:
            return "adc";
        case Category::sram:
            return "sram";
        case Category::digital:
            return "digital";
        case Category::dram:
            return "dram";
        case Category::link:
            return "link";
        case Category::weight_write:
            return "weight_write";
        case Category::bank_switch:
            return "bank_switch";
        case Category::packaging:
            return "packaging";
        case Category::board:
            return "board";
        case Category::conversion_loss:
            return "conversion_loss";
        case Category::fan:
            return "fan";
        case Category::calibration:
            return "calibration";
    }
    return "unknown";
}

const char* to_string(Scope scope)
{
    switch (scope) {
        case Scope::core:
            return "core";
        case Scope::card:
            return "card";
        case Scope::system:
            return "system";
    }
    return "unknown";
}

namespace {

/// Merges pairs of bins: what the same charges would have given with bins twice as wide.
void merge_pairs(std::vector<std::uint64_t>& trace)
{
    const std::size_t half = trace.size() / 2;
    for (std::size_t i = 0; i < half; ++i) trace[i] = trace[2 * i] + trace[2 * i + 1];
    std::fill(trace.begin() + static_cast<std::ptrdiff_t>(half), trace.end(), 0);
}

/// Spreads `count` evenly over [t0, t1), which lies in several bins, exactly: what falls before an edge is
/// floor(count * (edge - t0) / (t1 - t0)), a function of the edge alone, so that a wide bin always
/// equals the sum of the narrow bins it replaces. Quotient and remainder of that fraction are carried
/// from edge to edge; two divisions serve any number of bins.
void spread(std::vector<std::uint64_t>& trace, std::uint64_t count, Picoseconds t0, Picoseconds t1, Picoseconds width)
{
    const auto first = static_cast<std::size_t>(t0 / width);
    using Wide = unsigned __int128;
    const auto duration = static_cast<std::uint64_t>(t1 - t0);
    const auto last = static_cast<std::size_t>((t1 - 1) / width);
    const auto to_first_edge = static_cast<std::uint64_t>(width - t0 % width);
    const auto divide = [&](std::uint64_t factor, std::uint64_t& quotient, std::uint64_t& remainder) {
        std::uint64_t narrow = 0;
        if (!__builtin_mul_overflow(count, factor, &narrow)) {  // 64 bits do for all but days and joules
            quotient = narrow / duration;
            remainder = narrow % duration;
            return;
        }
        const Wide wide = static_cast<Wide>(count) * factor;
        quotient = static_cast<std::uint64_t>(wide / duration);
        remainder = static_cast<std::uint64_t>(wide % duration);
    };
    std::uint64_t before = 0, remainder = 0, step_quotient = 0, step_remainder = 0;
    divide(to_first_edge, before, remainder);
    divide(static_cast<std::uint64_t>(width), step_quotient, step_remainder);

    trace[first] += before;
    for (std::size_t bin = first + 1; bin < last; ++bin) {
        std::uint64_t share = step_quotient;
        remainder += step_remainder;  // both below duration < 2^63: no overflow
        if (remainder >= duration) {
            remainder -= duration;
            ++share;
        }
        trace[bin] += share;
        before += share;
    }
    trace[last] += count - before;
}

}  // namespace

AccountId Ledger::open(AccountSpec spec)
{
    Account account;
    account.spec = std::move(spec);
    account.trace.assign(kTraceBins, 0);
    accounts_.push_back(std::move(account));
    return static_cast<AccountId>(accounts_.size() - 1);
}

/// Charges that the last ones have not prepared for: another cause or another bin, several bins, an instant.
void Ledger::charge_any(AccountId id, std::uint64_t count, Picoseconds t0, Picoseconds t1, Cause cause)
{
    if (count == 0) return;
    t0 = std::clamp<Picoseconds>(t0, 0, kNever - 1);
    // An instant is an interval of one picosecond: its one bin is that of t0.
    t1 = std::max(t1, t0 + 1);
    if (t1 > trace_end_) widen_to(t1 - 1);
    Account& account = accounts_[id];
    account.count += count;
    auto& recent = account.recent;
    if (recent.count == nullptr || !(recent.cause == cause)) {
        recent.cause = cause;
        recent.count = &account.by_cause[cause];
    }
    *recent.count += count;
    if (t0 < recent_bin_.begin || t1 > recent_bin_.end) {
        const auto index = t0 / bin_width_;
        if (t1 - t0 > bin_width_ - t0 % bin_width_) return spread(account.trace, count, t0, t1, bin_width_);
        const auto begin = index * bin_width_;
        recent_bin_ = {begin, add_time(begin, bin_width_), static_cast<std::size_t>(index)};
    }
    account.trace[recent_bin_.index] += count;
}

/// Widens bins until `t` falls into the last one or before.
void Ledger::widen_to(Picoseconds t)
{
    while (t / bin_width_ >= static_cast<Picoseconds>(kTraceBins)) {
        bin_width_ *= 2;
        for (auto& account : accounts_) merge_pairs(account.trace);
    }
    trace_end_ = end_of_trace();
    recent_bin_ = {};
}

std::size_t Ledger::bins_used() const
{
    std::size_t used = 0;
    for (const auto& account : accounts_) {
        std::size_t bin = account.trace.size();
        while (bin > used && account.trace[bin - 1] == 0) --bin;
        used = std::max(used, bin);
    }
    return used;
}

double Ledger::joules(Scope scope, bool with_laser) const
{
    double sum = 0;
    for (const auto& account : accounts_) {
        if (account.spec.scope > scope) continue;
        if (!with_laser && account.spec.category == Category::laser) continue;
        sum += account.joules();
    }
    return scope == Scope::core ? sum : sum + conversion_loss_joules(with_laser);
}

double Ledger::conversion_loss_joules(bool with_laser) const
{
    double delivered = 0;
    for (const auto& account : accounts_) {
        if (!account.spec.through_vrm) continue;
        if (!with_laser && account.spec.category == Category::laser) continue;
        delivered += account.joules();
    }
    return delivered * (1.0 / vrm_efficiency_ - 1.0);
}

bool Ledger::balances() const
{
    Picoseconds width = kNanosecond;
    while (width < bin_width_ && width <= kNever / 2) width *= 2;
    if (width != bin_width_) return false;
    return std::all_of(accounts_.begin(), accounts_.end(), [](const Account& account) {
        if (account.trace.size() != kTraceBins) return false;
        std::uint64_t causes = 0;
        for (const auto& [cause, count] : account.by_cause) causes += count;
        const auto trace = std::accumulate(account.trace.begin(), account.trace.end(), std::uint64_t{0});
        return trace == account.count && causes == account.count;
    });
}

void Ledger::clear()
{
    bin_width_ = kNanosecond;
    trace_end_ = end_of_trace();
    recent_bin_ = {};
    for (auto& account : accounts_) {
        account.count = 0;
        account.by_cause.clear();
        account.recent = {};
        account.trace.assign(kTraceBins, 0);
    }
}

}  // namespace lightcard
