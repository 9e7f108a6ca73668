// SPDX-License-Identifier: Apache-2.0
// What the card tells of itself: telemetry, the log pages of events and of wear; and a fault put in by the driver's
// door.
#include <sys/ioctl.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "lightcard/platform/driver/tags.h"
#include "lightcard/platform/smi/commands.h"

namespace lightcard::smi {

int show_sensors(KernelDevice& card)
{
    const auto table = card.telemetry();
    if (!table) return fail(table.error());
    if (table->empty()) std::printf("the card has no telemetry\n");
    for (const auto& entry : *table) {
        const auto* tag = driver::find_tag(entry.tag);
        char number[16];
        std::snprintf(number, sizeof number, "tag_0x%04x", unsigned{entry.tag});
        std::printf("  %-18s %3u  %20" PRId64 " %s\n", tag != nullptr ? tag->name : number, unsigned{entry.index},
                    entry.value, tag != nullptr ? tag->unit : "");
    }
    return kOk;
}

int show_events(KernelDevice& card)
{
    const auto log = card.event_log(64);
    if (!log) return fail(log.error());
    if (log->empty()) std::printf("no events since power-on\n");
    for (const auto& entry : *log)
        std::printf("%6" PRIu64 "  %12.6f s  %-11s info %u, value %" PRId64 ", resets %u\n", entry.count,
                    static_cast<double>(entry.time_ns) * 1e-9, driver::event_name(entry.type), unsigned{entry.info},
                    static_cast<std::int64_t>(entry.value), unsigned{entry.resets});
    return kOk;
}

int show_wear(KernelDevice& card)
{
    const auto log = card.wear_log();
    if (!log) return fail(log.error());
    std::printf("core bank  programmed    most cycles      endurance  worn rows  stuck cells  spare rows\n");
    for (const auto& entry : *log)
        std::printf("%4u %4u  %10" PRIu64 "  %13" PRIu64 "  %13" PRIu64 "  %9u  %11u  %10u\n", unsigned{entry.core},
                    unsigned{entry.bank}, entry.programs, entry.max_cycles, entry.endurance, entry.worn_rows,
                    entry.stuck_cells, entry.spare_rows);
    return kOk;
}

int inject(KernelDevice& card, Arguments& arguments)
{
    constexpr std::uint64_t kMost = ~std::uint64_t{0};
    const auto target = arguments.number("--target", LC_TARGET_ANY, 0, kMost);
    if (!target) return fail(target.error(), kUsage);
    const auto value = arguments.number("--value", 0, 0, kMost >> 1);
    if (!value) return fail(value.error(), kUsage);
    const auto count = arguments.number("--count", 0, 0, ~std::uint32_t{0});
    if (!count) return fail(count.error(), kUsage);
    const auto word = arguments.word();
    if (auto rest = arguments.rest(); !rest) return fail(rest.error(), kUsage);
    char* end = nullptr;
    const auto fault = word ? std::strtoul(word->c_str(), &end, 10) : 0;
    if (!word || word->empty() || *end != 0 || fault == 0 || fault >= LC_FAULTS)
        return fail({"which fault?", word.value_or(""), "a number of enum lc_fault, 1 to 15"}, kUsage);
    lc_sqe sqe{};
    sqe.opcode = LC_ADM_INJECT;
    sqe.u.inject.fault = static_cast<std::uint16_t>(fault);
    sqe.u.inject.target = *target;
    sqe.u.inject.value = static_cast<std::int64_t>(*value);
    sqe.u.inject.count = static_cast<std::uint32_t>(*count);
    const auto done = card.admin(sqe);
    if (!done) return fail(done.error());
    return done->ok() ? kOk : fail(to_error(*done));
}

}  // namespace lightcard::smi
