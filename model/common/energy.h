// SPDX-License-Identifier: Apache-2.0
/// The energy ledger: the only source of every joule and watt that lightcard prints.
///
/// An account is (component path, category). A charge is an integer count of that account's unit
/// (samples, bits, cells, picoseconds of static power) over [t0, t1) with a cause. Counts are integers,
/// so sums do not depend on order or threads; joules appear only when a snapshot is read
/// (count * joules_per_count). docs/adr/0005-ledger.md says why.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lightcard/model/common/time.h"

namespace lightcard {

/// Boundary at which an account is summed: core (optics, converters, SRAM, digital), card (adds DRAM,
/// link, board, conversion loss), system (adds the host side). Each includes the one before.
enum class Scope : std::uint8_t { core, card, system };

enum class Category : std::uint8_t {
    laser,
    dac,
    modulator,
    receiver,
    adc,
    sram,
    digital,
    dram,
    link,
    weight_write,
    bank_switch,
    packaging,
    board,
    conversion_loss,
    fan,
    calibration
};
const char* to_string(Category category);
const char* to_string(Scope scope);

struct AccountSpec {
    std::string path;  ///< component path below the card: "core0.dac", "card_memory"
    Category category = Category::board;
    std::string unit;             ///< what one count is: "sample", "bit", "cell", "ps"
    double joules_per_count = 0;  ///< fixed by the configuration; static power P: P * 1e-12, unit "ps"
    Scope scope = Scope::core;
    bool through_vrm = true;  ///< drawn through the voltage regulators (pays conversion loss)
    std::string parameter;    ///< path of the configuration key that sets joules_per_count
};

/// Whom a charge is made for. Layer 0 = none (idle, control).
struct Cause {
    std::uint32_t context = 0;
    std::uint32_t layer = 0;
    friend bool operator<(const Cause& a, const Cause& b)
    {
        return a.context != b.context ? a.context < b.context : a.layer < b.layer;
    }
    friend bool operator==(const Cause& a, const Cause& b) { return a.context == b.context && a.layer == b.layer; }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("context", context);
        archive.field("layer", layer);
    }
};

using AccountId = std::uint32_t;

class Ledger {
public:
    static constexpr std::size_t kTraceBins = 2048;

    AccountId open(AccountSpec spec);

    /// Book `count` units over [t0, t1). t1 == t0 books at an instant. Exact and order-free.
    void charge(AccountId account, std::uint64_t count, Picoseconds t0, Picoseconds t1, Cause cause = {})
    {
        auto& to = accounts_[account];
        const bool usual = t0 >= recent_bin_.begin && t1 > t0 && t1 <= recent_bin_.end && to.recent.count != nullptr &&
                           to.recent.cause == cause;
        if (!usual) return charge_any(account, count, t0, t1, cause);
        to.count += count;
        *to.recent.count += count;
        to.trace[recent_bin_.index] += count;
    }

    struct Account {
        AccountSpec spec;
        std::map<Cause, std::uint64_t> by_cause;
        std::vector<std::uint64_t> trace;  ///< kTraceBins counts, one a bin of bin_width(); sums to count
        std::uint64_t count = 0;
        /// Where by_cause was charged last: charges come in runs of one cause. A copy has a map of its own.
        struct Recent {
            Recent() = default;
            Recent(const Recent&) {}
            Recent& operator=(const Recent&)
            {
                count = nullptr;
                return *this;
            }
            Cause cause;
            std::uint64_t* count = nullptr;
        } recent;
        double joules() const { return static_cast<double>(count) * spec.joules_per_count; }
    };
    const std::vector<Account>& accounts() const { return accounts_; }
    Picoseconds bin_width() const { return bin_width_; }
    std::size_t bins_used() const;  ///< up to the last bin that any account charged

    /// Voltage-regulator loss is a derived account: it is not charged, it follows from the others.
    void set_conversion(double vrm_efficiency) { vrm_efficiency_ = vrm_efficiency; }
    double vrm_efficiency() const { return vrm_efficiency_; }

    /// Sum over accounts of a scope and below, with the conversion loss from Scope::card up.
    /// with_laser = false leaves Category::laser (and what its conversion lost) out.
    double joules(Scope scope, bool with_laser = true) const;
    double conversion_loss_joules(bool with_laser = true) const;

    /// Counts only: accounts come from the configuration, and an archive of other accounts is refused.
    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("bin_width", bin_width_);
        archive.expect("accounts", static_cast<std::uint64_t>(accounts_.size()));
        for (auto& account : accounts_) {
            archive.expect("path", account.spec.path);
            archive.expect("category", account.spec.category);
            archive.expect("unit", account.spec.unit);
            archive.field("count", account.count);
            archive.field("by_cause", account.by_cause);
            account.recent = {};
            archive.field("trace", account.trace);
        }
        if constexpr (Archive::reading) {
            const bool sane = balances();
            trace_end_ = end_of_trace();
            recent_bin_ = {};
            if (!sane || !archive.ok()) clear();
            archive.check(sane, "the ledger does not balance");
        }
    }

    /// Every account: sum of trace == sum of causes == count. False only after a defective load.
    bool balances() const;
    void clear();

private:
    void charge_any(AccountId account, std::uint64_t count, Picoseconds t0, Picoseconds t1, Cause cause);
    void widen_to(Picoseconds t);
    Picoseconds end_of_trace() const
    {
        constexpr auto kBins = static_cast<Picoseconds>(kTraceBins);
        return bin_width_ > kNever / kBins ? kNever : bin_width_ * kBins;
    }

    std::vector<Account> accounts_;
    Picoseconds bin_width_ = kNanosecond;
    /// The bin of the last charge: most fall into it as a whole. None: begin == end.
    struct Bin {
        Picoseconds begin = 0, end = 0;
        std::size_t index = 0;
    } recent_bin_;
    Picoseconds trace_end_ = kNanosecond * static_cast<Picoseconds>(kTraceBins);  ///< of the last bin
    double vrm_efficiency_ = 1.0;
};

}  // namespace lightcard
