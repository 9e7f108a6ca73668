// SPDX-License-Identifier: Apache-2.0
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <iterator>

#include "lightcard/model/control_chip/lightcard_regs.h"
#include "lightcard/platform/smi/commands.h"

namespace lightcard::smi {

namespace {

const char* state_name(std::uint32_t state)
{
    switch (state) {
        case LCD_STATE_READY:
            return "ready";
        case LCD_STATE_RESETTING:
            return "resetting";
        case LCD_STATE_FAILED:
            return "failed";
        default:
            return "gone";
    }
}

const char* reset_name(std::uint32_t cause)
{
    static constexpr const char* kNames[] = {"power-on", "controller", "function", "bus", "internal"};
    return cause < std::size(kNames) ? kNames[cause] : "unknown";
}

std::string model_of(const lc_identify& identity)
{
    return {identity.model_name, strnlen(identity.model_name, sizeof identity.model_name)};
}

void line(const char* name, const std::string& value)
{
    std::printf("  %-14s %s\n", name, value.c_str());
}

std::string number(std::uint64_t value, const char* unit = "")
{
    return std::to_string(value) + unit;
}

std::string hex(std::uint64_t value)
{
    char text[24];
    std::snprintf(text, sizeof text, "0x%" PRIx64, value);
    return text;
}

}  // namespace

int list_cards()
{
    const auto numbers = KernelDevice::list();
    if (numbers.empty()) return fail({"no card", "/dev/lightcard*", "is the driver loaded? insmod lightcard.ko"});
    int result = kOk;
    for (const auto number : numbers) {
        auto card = KernelDevice::open(number);
        if (!card) {
            result = fail(card.error());
            continue;
        }
        const auto status = (*card)->status();
        const auto& identity = (*card)->identity();
        std::printf("%u  %s  %s  %u x %u, %u lanes, %u banks  %s\n", number, (*card)->info().bus_name,
                    model_of(identity).c_str(), identity.n, identity.n, identity.lanes, identity.cores * identity.banks,
                    status ? state_name(status->state) : "gone");
    }
    return result;
}

int show_card(KernelDevice& card)
{
    const auto& info = card.info();
    const auto& identity = info.identity;
    const auto status = card.status();
    if (!status) return fail(status.error());
    std::printf("%s at %s\n", card.path().c_str(), info.bus_name);
    line("model", model_of(identity) + ", " + number(identity.n) + " x " + number(identity.n) + ", " +
                      number(identity.cores) + " cores, " + number(identity.lanes) + " lanes, " +
                      number(identity.banks) + " banks, " + number(identity.level_bits) + "-bit cells");
    line("interface", number(info.card_version >> LC_VERSION_MAJOR_SHIFT) + "." +
                          number((info.card_version & LC_VERSION_MINOR) >> LC_VERSION_MINOR_SHIFT) + ", features " +
                          hex(info.features));
    line("queues",
         number(info.queues) + " of " + number(info.queue_entries) + " entries, " + number(info.vectors) + " vectors");
    line("memory", number(identity.dram_bytes >> 20, " MiB DRAM, ") + number(identity.sram_bytes >> 10, " KiB SRAM"));
    line("state", std::string(state_name(status->state)) + ", CSTS " + hex(status->csts) + ", BOOT_STATUS " +
                      hex(status->boot_status));
    line("resets", number(status->reset_count) + ", the last by " + reset_name(status->reset_cause) + ", " +
                       number(status->recoveries) + " recoveries by the driver");
    line("errors", "units " + hex(status->err_pending) + " reported, " + number(status->events) + " events");
    line("weights", "generation " + number(status->weight_gen));
    line("card time", number(status->time_ns / 1000000, " ms"));
    return kOk;
}

int show_weights(KernelDevice& card)
{
    const auto log = card.weights_log();
    if (!log) return fail(log.error());
    std::printf("core bank  weight id           rows x cols  programmed    age        most worn row\n");
    for (const auto& entry : *log) {
        if (entry.weight_id == 0) {
            std::printf("%4u %4u  empty%41s%" PRIu64 " cycles\n", entry.core, entry.bank, "", entry.max_wear);
            continue;
        }
        std::printf("%4u %4u  0x%016" PRIx64 "  %4u x %-4u  %10" PRIu64 "  %6.3f s  %8" PRIu64 " cycles\n", entry.core,
                    entry.bank, entry.weight_id, entry.rows, entry.cols, entry.epoch,
                    static_cast<double>(entry.age_ns) * 1e-9, entry.max_wear);
    }
    return kOk;
}

int show_errors(KernelDevice& card)
{
    const auto log = card.error_log(64);
    if (!log) return fail(log.error());
    if (log->empty()) std::printf("no errors since power-on\n");
    for (const auto& entry : *log)
        std::printf("%6" PRIu64 "  %12.6f s  queue %u, cid %u: %s (%s), result 0x%" PRIx64 ", address 0x%" PRIx64 "\n",
                    entry.count, static_cast<double>(entry.time_ns) * 1e-9, entry.sq_id, entry.cid,
                    driver::status_name(entry.status), driver::status_text(entry.status), entry.result, entry.address);
    return kOk;
}

int reset_card(KernelDevice& card)
{
    if (auto reset = card.reset(); !reset) return fail(reset.error());
    const auto status = card.status();
    if (!status) return fail(status.error());
    std::printf("reset %u, card %s\n", status->reset_count, state_name(status->state));
    return status->state == LCD_STATE_READY ? kOk : kFailed;
}

}  // namespace lightcard::smi
