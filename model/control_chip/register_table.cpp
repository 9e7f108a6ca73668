// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/register_table.h"

#include <algorithm>

namespace lightcard::control_chip {

namespace {

using A = Access;

constexpr std::uint32_t kWindowBytes = 64 * 1024;
constexpr std::uint32_t kDoorbells = 0x1000;
constexpr std::uint32_t kTelemetry = kTelemetryOffset, kErrorLog = kErrorLogOffset;
constexpr std::uint32_t kDoorbellPairs = 512;  // one page; which of them exist is CAP.MAX_IOQ
constexpr Picoseconds kTimeoutUnit = 500 * kMillisecond;

// Identification

constexpr FieldValue kMagicValues[] = {{"VALUE", 0x4c433031, "a lightcard"}};
constexpr RegisterField kMagic[] = {{"CARD", 0, 32, A::ro, 0x4c433031,
                                     "constant, the letters LC01; all ones: the card is gone or in reset",
                                     kMagicValues}};

constexpr RegisterField kVersion[] = {
    {"PATCH", 0, 16, A::ro, 0, "no change that a driver can see"},
    {"MINOR", 16, 8, A::ro, 2, "additions"},
    {"MAJOR", 24, 8, A::ro, 0, "incompatible changes; a driver refuses a higher one than it knows"},
};

constexpr RegisterField kCap[] = {
    {"MQES", 0, 16, A::ro, 1023, "entries of the largest ring, minus one", {}, true},
    {"CQR", 16, 1, A::ro, 1, "rings are contiguous in bus addresses"},
    reserved(17, 7),
    {"TO", 24, 8, A::ro, 1, "longest time to boot, to CSTS.RDY and to shut down, in units of 500 ms", {}, true},
    {"DSTRD", 32, 4, A::ro, 0, "doorbells are 4 << DSTRD bytes apart"},
    reserved(36, 12),
    {"MAX_IOQ", 48, 8, A::ro, 16, "I/O queue pairs, beside the admin pair", {}, true},
    reserved(56, 8),
};

constexpr RegisterField kFeatures[] = {
    {"SHADOW_DOORBELL", 0, 1, A::ro, 0, "doorbells may be kept in host memory"},
    {"TELEMETRY", 1, 1, A::ro, 1, "TELEM_PTR leads to a table"},
    {"INJECT", 2, 1, A::ro, 0, "faults can be injected by an admin command", {}, true},
    {"WINDOW", 3, 1, A::ro, 1, "BAR2 is a window on card memory"},
    {"PERSISTENT", 4, 1, A::ro, 1, "weights survive every reset and loss of power: verify them, do not assume"},
    {"ERRLOG", 5, 1, A::ro, 1, "ERRLOG_PTR leads to the error log"},
    {"EVENTS", 6, 1, A::ro, 1, "events are kept until an ASYNC_EVENT waits for them; LC_LOG_EVENT has them all"},
    reserved(7, 57),
};

constexpr RegisterField kLiveness[] = {
    {"PATTERN", 0, 32, A::rwi, 0, "reads back the inverse of what was written: both directions work"},
};

// Controller

constexpr FieldValue kShutdownValues[] = {
    {"NONE", 0, "no shutdown"},
    {"NORMAL", 1, "complete what is queued, then stop"},
    {"ABRUPT", 2, "stop now"},
};
constexpr RegisterField kCc[] = {
    {"EN", 0, 1, A::rw, 0, "1: start with the admin rings of AQA, ASQ, ACQ; 1 to 0: controller reset"},
    reserved(1, 13),
    {"SHN", 14, 2, A::rw, 0, "shutdown notification", kShutdownValues},
    reserved(16, 16),
};

constexpr FieldValue kShutdownStates[] = {
    {"NONE", 0, "normal operation"},
    {"BUSY", 1, "shutting down"},
    {"DONE", 2, "shut down; CC.EN 0 to 1 starts again"},
};
constexpr RegisterField kCsts[] = {
    {"RDY", 0, 1, A::ro, 0, "follows CC.EN within CAP.TO"},
    {"CFS", 1, 1, A::ro, 0, "fatal: only a reset helps"},
    {"SHST", 2, 2, A::ro, 0, "shutdown status", kShutdownStates},
    {"BUSY", 4, 1, A::ro, 0, "commands are in flight"},
    {"NEEDS_CAL", 5, 1, A::ro, 0, "results may be off until the card is calibrated; stays until then"},
    {"LAGGING", 6, 1, A::ro, 0, "the model is behind the clock on the wall: slow, not dead"},
    reserved(7, 25),
};

constexpr RegisterField kIntms[] = {
    {"VECTORS", 0, 32, A::w1s, 0, "bit v: interrupts of vector v are held back; for hosts without MSI-X"},
};
constexpr RegisterField kIntmc[] = {
    {"VECTORS", 0, 32, A::w1c, 0, "bit v: let interrupts of vector v go again"},
};

constexpr RegisterField kAqa[] = {
    {"ASQS", 0, 12, A::rw, 0, "entries of the admin submission ring, minus one"},
    reserved(12, 4),
    {"ACQS", 16, 12, A::rw, 0, "entries of the admin completion ring, minus one"},
    reserved(28, 4),
};
constexpr RegisterField kRing[] = {
    reserved(0, 12),
    {"PAGE", 12, 52, A::rw, 0, "bus address of the ring, in pages of 4 KiB"},
};

// Boot and reset

constexpr FieldValue kBootStages[] = {
    {"ROM", 1, "power is good, first code runs"},
    {"LOADER", 2, "loading the firmware"},
    {"FIRMWARE", 3, "firmware starts the card"},
    {"DONE", 4, "see READY and FAILED"},
};
constexpr RegisterField kBootStatus[] = {
    {"STAGE", 0, 8, A::ro, 1, "how far booting has come", kBootStages},
    {"PROGRESS", 8, 8, A::ro, 0, "of this stage, in percent"},
    reserved(16, 14),
    {"READY", 30, 1, A::ro, 0, "booted; CC.EN may be set"},
    {"FAILED", 31, 1, A::ro, 0, "booting has stopped; BOOT_ERR says why"},
};
constexpr RegisterField kBootErr[] = {
    {"ROM", 0, 1, A::ro, 0, "first code damaged"},
    {"IMAGE", 1, 1, A::ro, 0, "no valid firmware"},
    {"MEMORY", 2, 1, A::ro, 0, "card memory failed its test"},
    {"LASER", 3, 1, A::ro, 0, "a laser line did not start"},
    {"CALIBRATION", 4, 1, A::ro, 0, "converters could not be calibrated"},
    reserved(5, 26),
    {"ENABLED", 31, 1, A::ro, 1, "the other bits are valid"},
};

constexpr RegisterField kResetCount[] = {
    {"COUNT", 0, 32, A::ro, 0, "resets of any kind since power-on; tells of one the driver did not ask for"},
};
constexpr FieldValue kResetCauses[] = {
    {"POWER_ON", 0, "power-on"},          {"CONTROLLER", 1, "CC.EN 1 to 0"},        {"FLR", 2, "function level reset"},
    {"BUS", 3, "reset of the bus above"}, {"INTERNAL", 4, "the card reset itself"},
};
constexpr RegisterField kResetCause[] = {
    {"KIND", 0, 4, A::ro, 0, "of the last reset", kResetCauses},
    reserved(4, 28),
};

// Errors. One bit a unit, the same in all three registers.

constexpr RegisterField kErrStatus[] = {
    {"QUEUE", 0, 1, A::w1c, 0, "doorbell of no queue, or a position outside its ring"},
    {"DMA", 1, 1, A::w1c, 0, "the host answered a read or write with an error"},
    {"DRAM", 2, 1, A::w1c, 0, "card memory"},
    {"SRAM", 3, 1, A::w1c, 0, "scratchpad"},
    {"PCM", 4, 1, A::w1c, 0, "weight cells worn out or failing to verify"},
    {"LASER", 5, 1, A::w1c, 0, "laser line lost"},
    {"CONVERTER", 6, 1, A::w1c, 0, "converters saturating or out of calibration"},
    {"THERMAL", 7, 1, A::w1c, 0, "temperature out of range"},
    {"INTERNAL", 8, 1, A::w1c, 0, "a defect of the card: the command failed, the card lives on"},
    reserved(9, 23),
};
constexpr RegisterField kErrMask[] = {
    {"QUEUE", 0, 1, A::rw, 0, "1: no event for this unit; its status bit is set all the same"},
    {"DMA", 1, 1, A::rw, 0, "as QUEUE"},
    {"DRAM", 2, 1, A::rw, 0, "as QUEUE"},
    {"SRAM", 3, 1, A::rw, 0, "as QUEUE"},
    {"PCM", 4, 1, A::rw, 0, "as QUEUE"},
    {"LASER", 5, 1, A::rw, 0, "as QUEUE"},
    {"CONVERTER", 6, 1, A::rw, 0, "as QUEUE"},
    {"THERMAL", 7, 1, A::rw, 0, "as QUEUE"},
    {"INTERNAL", 8, 1, A::rw, 0, "as QUEUE"},
    reserved(9, 23),
};
constexpr RegisterField kErrSev[] = {
    {"QUEUE", 0, 1, A::rw, 0, "1: an error of this unit is fatal (CSTS.CFS); 0: it is not"},
    {"DMA", 1, 1, A::rw, 0, "as QUEUE"},
    {"DRAM", 2, 1, A::rw, 0, "as QUEUE"},
    {"SRAM", 3, 1, A::rw, 0, "as QUEUE"},
    {"PCM", 4, 1, A::rw, 0, "as QUEUE"},
    {"LASER", 5, 1, A::rw, 0, "as QUEUE"},
    {"CONVERTER", 6, 1, A::rw, 0, "as QUEUE"},
    {"THERMAL", 7, 1, A::rw, 0, "as QUEUE"},
    {"INTERNAL", 8, 1, A::rw, 0, "as QUEUE"},
    reserved(9, 23),
};
constexpr RegisterField kErrFirst[] = {
    {"UNIT", 0, 8, A::ro, 0, "bit number in ERR_STATUS"},
    {"CODE", 8, 8, A::ro, 0, "status code, as in a completion"},
    {"ADDRESS", 16, 48, A::ro, 0, "where: low 48 bits of the address, or the offset of the doorbell"},
};

// Power, time, weights, telemetry

constexpr FieldValue kPowerStates[] = {
    {"ACTIVE", 0, "everything on"},
    {"IDLE", 1, "converters off"},
    {"LIGHT_SLEEP", 2, "lasers held, the rest off"},
    {"DEEP_SLEEP", 3, "lasers off"},
};
constexpr RegisterField kPwrCtrl[] = {
    {"TARGET", 0, 4, A::rw, 0, "power state to go to, when idle; a doorbell brings the card back to ACTIVE",
     kPowerStates},
    reserved(4, 28),
};
constexpr RegisterField kPwrStatus[] = {
    {"STATE", 0, 4, A::ro, 0, "power state, values as PWR_CTRL.TARGET"},
    reserved(4, 27),
    {"INPROGRESS", 31, 1, A::ro, 0, "on the way to PWR_CTRL.TARGET"},
};
constexpr RegisterField kHeartbeat[] = {
    {"BEATS", 0, 32, A::ro, 0, "counts up while the firmware lives, once a millisecond of card time, and wraps"},
};
constexpr RegisterField kTimeNs[] = {{"TIME", 0, 64, A::ro, 0, "card time since power-on, in ns"}};
constexpr RegisterField kWeightGen[] = {
    {"GENERATION", 0, 64, A::ro, 0, "weight programming commands completed in the life of the card"},
};
constexpr RegisterField kTelemPtr[] = {
    {"OFFSET", 0, 32, A::ro, kTelemetry, "of the telemetry table in BAR0: entries of 16 bytes, struct lc_telemetry"},
};
constexpr RegisterField kTelemCount[] = {{"TAGS", 0, 32, A::ro, 0, "entries of the telemetry table"}};
constexpr RegisterField kTelemGen[] = {
    {"GENERATION", 0, 32, A::ro, 0, "changes whenever tags come or go"},
};
constexpr RegisterField kErrlogPtr[] = {
    {"OFFSET", 0, 32, A::ro, kErrorLog, "of the error log in BAR0: struct lc_log_error, newest first"},
};
constexpr RegisterField kErrlogCount[] = {
    {"ENTRIES", 0, 32, A::ro, 0, "in the error log now; an entry's own count tells whether it moved while it was read"},
};

constexpr RegisterField kDoorbell[] = {
    {"POSITION", 0, 16, A::wo, 0, "index of the next entry"},
    reserved(16, 16),
};

constexpr auto kController = ResetLevel::controller;
constexpr auto kFunction = ResetLevel::function;
constexpr auto kCold = ResetLevel::cold;
constexpr auto kKept = ResetLevel::never;

constexpr Register kRegisters[] = {
    {"MAGIC", 0x000, 4, kMagic, "Which card this is; the first register to read", kCold},
    {"VERSION", 0x004, 4, kVersion, "Version of this interface", kCold},
    {"CAP", 0x008, 8, kCap, "What the controller can do", kCold},
    {"FEATURES", 0x010, 8, kFeatures, "Optional parts of the interface that are there", kCold},
    {"LIVENESS", 0x018, 4, kLiveness, "Proves at bring-up that reads and writes arrive", kFunction},
    {"CC", 0x020, 4, kCc, "Controller configuration", kFunction},
    {"CSTS", 0x024, 4, kCsts, "Controller status", kController},
    {"INTMS", 0x028, 4, kIntms, "Interrupt mask, set", kController},
    {"INTMC", 0x02c, 4, kIntmc, "Interrupt mask, clear", kController, "INTMS"},
    {"AQA", 0x030, 4, kAqa, "Sizes of the admin rings; written while CC.EN is 0", kFunction},
    {"ASQ", 0x038, 8, kRing, "Admin submission ring; written while CC.EN is 0", kFunction},
    {"ACQ", 0x040, 8, kRing, "Admin completion ring; written while CC.EN is 0", kFunction},
    {"BOOT_STATUS", 0x080, 4, kBootStatus, "Progress of booting, readable from power-on", kCold},
    {"BOOT_ERR", 0x084, 4, kBootErr, "Why booting failed", kCold},
    {"RESET_COUNT", 0x090, 4, kResetCount, "Generation of the card's volatile state", kCold},
    {"RESET_CAUSE", 0x094, 4, kResetCause, "Cause of the last reset", kCold},
    {"ERR_STATUS", 0x0a0, 4, kErrStatus, "Units that have reported an error", kCold},
    {"ERR_MASK", 0x0a4, 4, kErrMask, "Units whose errors raise no event", kFunction},
    {"ERR_SEV", 0x0a8, 4, kErrSev, "Units whose errors are fatal", kFunction},
    {"ERR_FIRST", 0x0b0, 8, kErrFirst, "First error since ERR_STATUS was all clear; held until it is again", kCold},
    {"PWR_CTRL", 0x0c0, 4, kPwrCtrl, "Power state asked for", kFunction},
    {"PWR_STATUS", 0x0c4, 4, kPwrStatus, "Power state of the card", kFunction},
    {"HEARTBEAT", 0x0d0, 4, kHeartbeat, "Life of the firmware", kCold},
    {"TIME_NS", 0x0d8, 8, kTimeNs, "Clock, to align traces of host and card", kCold},
    {"WEIGHT_GEN", 0x0e0, 8, kWeightGen, "Generation of the weights, which survive resets and loss of power", kKept},
    {"TELEM_PTR", 0x100, 4, kTelemPtr, "Telemetry table", kCold},
    {"TELEM_COUNT", 0x104, 4, kTelemCount, "Size of the telemetry table; 0: there is none", kCold},
    {"TELEM_GEN", 0x108, 4, kTelemGen, "Generation of the telemetry table", kCold},
    {"ERRLOG_PTR", 0x110, 4, kErrlogPtr, "Error log, for hosts whose admin queue does not work", kCold},
    {"ERRLOG_COUNT", 0x114, 4, kErrlogCount, "Size of the error log", kCold},
    {"DOORBELL_SQ_TAIL", kDoorbells, 4, kDoorbell, "Submission queue n: new tail; queue 0 is the admin queue",
     kController, nullptr, kDoorbellPairs, 8},
    {"DOORBELL_CQ_HEAD", kDoorbells + 4, 4, kDoorbell, "Completion queue n: new head", kController, nullptr,
     kDoorbellPairs, 8},
};

constexpr RegisterTable kTable = {"lightcard registers (BAR0)", "LC_", kWindowBytes, kRegisters};

}  // namespace

const RegisterTable& register_table()
{
    return kTable;
}

std::vector<RegisterBank::Reset> card_resets(const Parameters& parameters, bool inject)
{
    const std::uint64_t entries = std::clamp<std::uint64_t>(parameters.queue_entries, 1, 65536);
    const Picoseconds boot = std::max<Picoseconds>(parameters.boot_time, 1);
    const Picoseconds units = (boot - 1) / kTimeoutUnit + 1;
    return {
        {"CAP.MQES", entries - 1},
        {"CAP.TO", static_cast<std::uint64_t>(std::min<Picoseconds>(units, 255))},
        {"CAP.MAX_IOQ", std::min<std::uint64_t>(parameters.io_queues, 255)},
        {"FEATURES.INJECT", inject ? 1u : 0u},
    };
}

std::map<std::uint32_t, std::string> register_names()
{
    std::map<std::uint32_t, std::string> names;
    for (const auto& reg : kTable.registers) {
        for (std::uint32_t n = 0; n < reg.count; ++n) {
            const std::string name = reg.count == 1 ? reg.name : reg.name + ("[" + std::to_string(n) + "]");
            names[reg.offset + n * reg.stride] = name;
            if (reg.bytes == 8) names[reg.offset + 4] = name + ".high";
        }
    }
    return names;
}

std::optional<Doorbell> decode_doorbell(std::uint32_t offset)
{
    if (offset < kDoorbells || offset >= kDoorbells + kDoorbellPairs * 8 || offset % 4 != 0) return {};
    const std::uint32_t index = (offset - kDoorbells) / 4;
    return Doorbell{index / 2, index % 2 == 1};
}

}  // namespace lightcard::control_chip
