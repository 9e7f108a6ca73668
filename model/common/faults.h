// SPDX-License-Identifier: Apache-2.0
/// Faults that were put into a card on purpose: which are active, which wait for their time. One table a card; a block
/// asks it at the one place where the fault would show. Whoever puts one in (scenario file, INJECT command, control
/// socket) goes the same way. Free of SystemC, and of what any fault means.
///
/// Nothing is scheduled for a fault: whether one has begun or ended is found out when somebody asks, so that a fault in
/// the future keeps no idle card awake.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "lightcard/model/common/time.h"

namespace lightcard {

/// Numbers as in lightcard_abi.h (enum lc_fault), where the meaning of target and value stands.
enum class FaultKind : std::uint16_t {
    none,
    boot_slow,
    boot_failed,
    firmware_hang,
    all_ones,
    interrupt_lost,
    interrupt_duplicate,
    dma_poisoned,
    queue_stuck,
    cell_stuck,
    cells_worn,
    laser_line,
    adc_offset,
    thermal,
    drift,
    link,
};
constexpr std::uint32_t kFaultKinds = 16;  ///< with none

struct Fault {
    static constexpr std::uint64_t kAnyTarget = ~std::uint64_t{0};

    FaultKind kind = FaultKind::none;
    std::uint32_t count = 0;  ///< times it strikes; 0 = until cleared
    std::uint64_t target = kAnyTarget;
    std::int64_t value = 0;
    Picoseconds lasts = 0;  ///< 0 = no such limit

    bool concerns(std::uint64_t which) const { return target == kAnyTarget || target == which; }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("kind", kind);
        archive.field("count", count);
        archive.field("target", target);
        archive.field("value", value);
        archive.field("lasts", lasts);
        archive.check(static_cast<std::uint32_t>(kind) < kFaultKinds, "no such fault");
    }
};

/// When a fault begins: at a card time, or once the card has done so many of something since power-on.
struct FaultStart {
    enum class Kind : std::uint8_t { time, commands, mvms, programs };
    Kind kind = Kind::time;
    std::uint64_t at = 0;  ///< ps, or a count

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("kind", kind);
        archive.field("at", at);
    }
};

class Faults {
public:
    /// `began`, `ended`: what has to happen at once. Called from inside find() and its kin as well. `used_up`: its
    /// count is, as against cleared or over.
    struct Hooks {
        std::function<Picoseconds()> now;
        std::function<void(const Fault&)> began;
        std::function<void(const Fault&, bool used_up)> ended;
    };
    void set_hooks(Hooks hooks) { hooks_ = std::move(hooks); }

    struct Active {
        Fault fault;
        Picoseconds since = 0;
        std::uint64_t struck = 0;

        template <class Archive>
        void visit(Archive& archive)
        {
            archive.field("fault", fault);
            archive.field("since", since);
            archive.field("struck", struck);
        }
    };
    struct Waiting {
        Fault fault;
        FaultStart start;

        template <class Archive>
        void visit(Archive& archive)
        {
            archive.field("fault", fault);
            archive.field("start", start);
        }
    };

    /// Begins now. A fault of the same kind and target takes the place of the one before.
    void inject(const Fault& fault);
    void schedule(const Fault& fault, FaultStart start);
    /// Ends every active or waiting fault of the kind that has this target (kAnyTarget: whatever it has). False: none.
    bool clear(FaultKind kind, std::uint64_t target = Fault::kAnyTarget);
    void clear_all();
    /// The same for active ones only: what waits for its time still comes (resets cure, they do not prevent).
    bool cure(FaultKind kind, std::uint64_t target = Fault::kAnyTarget);
    /// The card has done one more of what faults may wait for.
    void count(FaultStart::Kind what, std::uint64_t total)
    {
        if (!waiting_.empty()) begin_at(what, total);
    }

    /// The active fault that concerns `target`, or null.
    const Fault* find(FaultKind kind, std::uint64_t target = Fault::kAnyTarget)
    {
        const auto* active = quiet() ? nullptr : look_up(kind, target);
        return active == nullptr ? nullptr : &active->fault;
    }
    /// The same, and it strikes: one of its count. False: there is none.
    bool strike(FaultKind kind, std::uint64_t target = Fault::kAnyTarget) { return !quiet() && use(kind, target); }
    /// `visit(fault)` for each active fault of a kind.
    template <class Visit>
    void each(FaultKind kind, Visit visit)
    {
        if (quiet()) return;
        catch_up();
        for (const auto& active : active_)
            if (active.fault.kind == kind) visit(active.fault);
    }
    /// Lets what is due begin and end.
    void catch_up();

    const std::vector<Active>& active() const { return active_; }
    const std::vector<Waiting>& waiting() const { return waiting_; }
    bool quiet() const { return active_.empty() && waiting_.empty(); }
    /// The same from any thread, as of the last change.
    bool seen_quiet() const { return quiet_.load(std::memory_order_relaxed); }
    std::uint64_t begun() const { return begun_; }  ///< in the life of the table

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("active", active_);
        archive.field("waiting", waiting_);
        archive.field("begun", begun_);
        note();
    }

private:
    Active* look_up(FaultKind kind, std::uint64_t target);
    bool use(FaultKind kind, std::uint64_t target);
    void begin_at(FaultStart::Kind what, std::uint64_t total);
    void end(std::size_t index, bool used_up = false);
    Picoseconds now() const { return hooks_.now ? hooks_.now() : 0; }
    void note() { quiet_.store(quiet(), std::memory_order_relaxed); }

    Hooks hooks_;
    std::vector<Active> active_;
    std::vector<Waiting> waiting_;
    std::uint64_t begun_ = 0;
    std::atomic<bool> quiet_{true};
};

}  // namespace lightcard
