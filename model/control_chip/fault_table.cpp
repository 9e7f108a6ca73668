// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/fault_table.h"

namespace lightcard::control_chip {

static_assert(kFaultKinds == LC_FAULTS && static_cast<int>(FaultKind::boot_slow) == LC_FAULT_BOOT_SLOW &&
              static_cast<int>(FaultKind::dma_poisoned) == LC_FAULT_DMA_POISONED &&
              static_cast<int>(FaultKind::link) == LC_FAULT_LINK && Fault::kAnyTarget == LC_TARGET_ANY);

namespace {

using T = FaultTarget;
using V = FaultValue;

constexpr std::int64_t kLongest = 1'000'000'000'000'000'000;  ///< ns: 31 years
constexpr std::int64_t kMostSum = 1ll << 30;
constexpr std::int64_t kMostMillikelvin = 200'000;

constexpr FaultSpec kFaults[] = {
    {FaultKind::boot_slow, "boot_slow", T::none, V::time, false, "BOOT_STATUS stays at LOADER; READY comes late"},
    {FaultKind::boot_failed, "boot_failed", T::boot_error, V::none, false,
     "BOOT_STATUS.FAILED and the bit of BOOT_ERR"},
    {FaultKind::firmware_hang, "firmware_hang", T::none, V::none, false,
     "HEARTBEAT stands still, commands are not fetched, CSTS.RDY does not follow CC.EN"},
    {FaultKind::all_ones, "all_ones", T::none, V::none, false,
     "BARs read all ones, writes vanish, no DMA, no interrupt"},
    {FaultKind::interrupt_lost, "interrupt_lost", T::vector, V::none, true, "the completion is there, MSI-X is not"},
    {FaultKind::interrupt_duplicate, "interrupt_duplicate", T::vector, V::none, true, "MSI-X comes twice"},
    {FaultKind::dma_poisoned, "dma_poisoned", T::direction, V::none, true,
     "HOST_BUS, ERR_STATUS.DMA, AER poisoned TLP, error event"},
    {FaultKind::queue_stuck, "queue_stuck", T::queue, V::none, true, "entries of the queue are not fetched"},
    {FaultKind::cell_stuck, "cell_stuck", T::cell, V::weight_code, false,
     "the cell reads as one code whatever is written; VERIFY_FAILED; wear log"},
    {FaultKind::cells_worn, "cells_worn", T::bank, V::none, false, "WORN_OUT, ERR_STATUS.PCM, wear event and log"},
    {FaultKind::laser_line, "laser_line", T::lane, V::none, false,
     "the lane's vectors read as dark; ERR_STATUS.LASER, telemetry of the lines"},
    {FaultKind::adc_offset, "adc_offset", T::column, V::sum, false,
     "the column's sums are off; CSTS.NEEDS_CAL, calibration event"},
    {FaultKind::thermal, "thermal", T::core, V::millikelvin, false,
     "results drift with the die; ERR_STATUS.THERMAL, thermal event, CSTS.NEEDS_CAL"},
    {FaultKind::drift, "drift", T::none, V::time, false, "cells are older at once; CSTS.NEEDS_CAL, calibration event"},
    {FaultKind::link, "link", T::width, V::generation, false,
     "Link Status, AER receiver error, link event; DMA is slower"},
};

std::string range_text(const char* name, std::uint64_t last)
{
    return std::string(name) + " must be 0 .. " + std::to_string(last);
}

using Problem = std::optional<FaultProblem>;

Problem beyond(std::uint64_t value, std::uint64_t last, const char* name)
{
    if (value <= last) return std::nullopt;
    return FaultProblem{FaultProblem::Where::target, range_text(name, last)};
}

/// `fields`: which parts of a place the fault has.
Problem check_place(std::uint64_t target, const DecodeLimits& limits, FaultTarget kind)
{
    const bool bank = kind == T::cell || kind == T::bank;
    if (auto p = beyond(LC_PLACE_CORE(target), limits.cores - 1, "core")) return p;
    if (auto p = beyond(LC_PLACE_BANK(target),
                        bank              ? limits.banks - 1
                        : kind == T::lane ? limits.lanes - 1
                                          : 0,
                        bank ? "bank" : "lane"))
        return p;
    if (auto p = beyond(LC_PLACE_ROW(target), kind == T::cell ? limits.n - 1 : 0, "row")) return p;
    return beyond(LC_PLACE_COLUMN(target), kind == T::cell || kind == T::column ? limits.n - 1 : 0, "column");
}

Problem check_target(const FaultSpec& spec, std::uint64_t target, const DecodeLimits& limits)
{
    if (target == LC_TARGET_ANY) {
        if (spec.any_target || spec.target == T::none) return std::nullopt;
        return FaultProblem{FaultProblem::Where::target, "this fault needs a target"};
    }
    switch (spec.target) {
        case T::none:
            return beyond(target, 0, "target");
        case T::boot_error:
            return beyond(target, 4, "unit");
        case T::vector:
            return beyond(target, limits.msix_vectors == 0 ? 0 : limits.msix_vectors - 1, "vector");
        case T::direction:
            return beyond(target, 1, "direction");
        case T::queue:
            return beyond(target, limits.io_queues, "queue");
        case T::width:
            if (target >= 1 && target <= limits.link_width && (target & (target - 1)) == 0) return std::nullopt;
            return FaultProblem{FaultProblem::Where::target,
                                "lanes must be a power of two, 1 .. " + std::to_string(limits.link_width)};
        case T::cell:
        case T::bank:
        case T::lane:
        case T::column:
        case T::core:
            return check_place(target, limits, spec.target);
    }
    return std::nullopt;
}

Problem check_value(const FaultSpec& spec, std::int64_t value, const DecodeLimits& limits)
{
    std::int64_t low = 0, high = 0;
    const char* name = "value";
    switch (spec.value) {
        case V::none:
            break;
        case V::time:
            low = 1, high = kLongest, name = "time in ns";
            break;
        case V::weight_code:
            low = -127, high = 127, name = "level";
            break;
        case V::sum:
            low = -kMostSum, high = kMostSum, name = "offset";
            break;
        case V::millikelvin:
            low = -kMostMillikelvin, high = kMostMillikelvin, name = "mK";
            break;
        case V::generation:
            low = 1, high = limits.link_generation, name = "generation";
            break;
    }
    if (value >= low && value <= high) return std::nullopt;
    return FaultProblem{FaultProblem::Where::value,
                        std::string(name) + " must be " + std::to_string(low) + " .. " + std::to_string(high)};
}

}  // namespace

Listing<FaultSpec> fault_table()
{
    return kFaults;
}

const FaultSpec* find_fault(std::uint32_t number)
{
    for (const auto& spec : kFaults)
        if (static_cast<std::uint32_t>(spec.kind) == number) return &spec;
    return nullptr;
}

const FaultSpec* find_fault(const std::string& name)
{
    for (const auto& spec : kFaults)
        if (name == spec.name) return &spec;
    return nullptr;
}

std::vector<std::string> fault_names()
{
    std::vector<std::string> names;
    for (const auto& spec : kFaults) names.emplace_back(spec.name);
    return names;
}

const char* fault_name(FaultKind kind)
{
    const auto* spec = find_fault(static_cast<std::uint32_t>(kind));
    return spec == nullptr ? "?" : spec->name;
}

Fault fault_of_inject(const lc_sqe& sqe)
{
    const auto& inject = sqe.u.inject;
    Fault fault;
    fault.kind = static_cast<FaultKind>(inject.fault);
    fault.count = inject.count;
    fault.target = inject.target;
    fault.value = inject.value;
    fault.lasts = static_cast<Picoseconds>(sqe.length) * kMicrosecond;
    return fault;
}

std::optional<FaultProblem> check_fault(const Fault& fault, const DecodeLimits& limits)
{
    const auto* spec = find_fault(static_cast<std::uint32_t>(fault.kind));
    if (spec == nullptr) return FaultProblem{FaultProblem::Where::kind, "no such fault"};
    if (auto problem = check_target(*spec, fault.target, limits)) return problem;
    return check_value(*spec, fault.value, limits);
}

}  // namespace lightcard::control_chip
