// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/driver/bring_up.h"

#include <algorithm>
#include <cstdio>

#include "lightcard/model/control_chip/lightcard_regs.h"
#include "lightcard/platform/driver/commands.h"

namespace lightcard::driver {
namespace {

constexpr std::uint32_t kAllOnes = 0xffff'ffff;
constexpr std::uint32_t kSupportedMajor = LC_VERSION_RESET >> LC_VERSION_MAJOR_SHIFT;
constexpr Picoseconds kFirstPause = 10 * kMicrosecond, kLongestPause = 1 * kMillisecond;

std::string hex(std::uint32_t value)
{
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", value);
    return text;
}

void write64(Transport& transport, std::uint32_t offset, std::uint64_t value)
{
    transport.write32(offset, static_cast<std::uint32_t>(value));
    transport.write32(offset + 4, static_cast<std::uint32_t>(value >> 32));
}

std::uint64_t read64(Transport& transport, std::uint32_t offset)
{
    const std::uint64_t low = transport.read32(offset);
    return low | static_cast<std::uint64_t>(transport.read32(offset + 4)) << 32;
}

}  // namespace

Result<Capabilities> Controller::probe()
{
    const std::uint32_t magic = transport_->read32(LC_REG_MAGIC);
    if (magic == kAllOnes) return Error{"registers read all ones: the card is gone or in reset", "MAGIC", ""};
    if (magic != LC_MAGIC_VALUE)
        return Error{"not a lightcard: " + hex(magic), "MAGIC", "expected " + hex(LC_MAGIC_VALUE)};

    Capabilities found;
    found.version = transport_->read32(LC_REG_VERSION);
    if (const std::uint32_t major = found.version >> LC_VERSION_MAJOR_SHIFT; major > kSupportedMajor)
        return Error{"interface version " + std::to_string(major) + " is newer than this driver", "VERSION",
                     "up to " + std::to_string(kSupportedMajor)};
    for (const std::uint32_t pattern : {0x5aa5'0ff0u, 0xa55a'f00fu}) {
        transport_->write32(LC_REG_LIVENESS, pattern);
        if (const std::uint32_t echo = transport_->read32(LC_REG_LIVENESS); echo != ~pattern)
            return Error{"wrote " + hex(pattern) + ", read " + hex(echo), "LIVENESS", "expected the inverse"};
    }
    const std::uint64_t cap = read64(*transport_, LC_REG_CAP);
    found.max_entries = static_cast<std::uint32_t>((cap & LC_CAP_MQES) >> LC_CAP_MQES_SHIFT) + 1;  // zero-based
    found.ready_timeout = static_cast<Picoseconds>((cap & LC_CAP_TO) >> LC_CAP_TO_SHIFT) * 500 * kMillisecond;
    found.max_queues = static_cast<std::uint32_t>((cap & LC_CAP_MAX_IOQ) >> LC_CAP_MAX_IOQ_SHIFT);
    if ((cap & LC_CAP_DSTRD) != 0) return Error{"doorbells further apart than 4 bytes", "CAP.DSTRD", "0"};
    found.features = read64(*transport_, LC_REG_FEATURES);
    capabilities_ = found;
    return found;
}

Status Controller::wait_for(std::uint32_t offset, std::uint32_t mask, std::uint32_t value, const char* what)
{
    const Picoseconds deadline = add_time(transport_->now(), capabilities_.ready_timeout);
    for (Picoseconds pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
        const std::uint32_t seen = transport_->read32(offset);
        if (seen == kAllOnes) return Error{"registers read all ones: the card is gone", what, ""};
        if (offset == LC_REG_CSTS && (seen & LC_CSTS_CFS))
            return Error{"the card reports a fatal error (CSTS.CFS)", what, "only a function-level reset helps"};
        if (offset == LC_REG_BOOT_STATUS && (seen & LC_BOOT_STATUS_FAILED))
            return Error{
                "boot failed: BOOT_STATUS " + hex(seen) + ", BOOT_ERR " + hex(transport_->read32(LC_REG_BOOT_ERR)),
                what, ""};
        if ((seen & mask) == value) return {};
        if (transport_->now() >= deadline)
            return Error{"no answer within CAP.TO (" + std::to_string(capabilities_.ready_timeout / kMillisecond) +
                             " ms), register reads " + hex(seen),
                         what, ""};
        transport_->sleep(pause);
    }
}

Status Controller::wait_for_boot()
{
    return wait_for(LC_REG_BOOT_STATUS, LC_BOOT_STATUS_READY, LC_BOOT_STATUS_READY, "boot");
}

Status Controller::enable(const QueuePair& admin)
{
    const std::uint32_t size = admin.entries() - 1;  // zero-based
    transport_->write32(LC_REG_AQA, size << LC_AQA_ASQS_SHIFT | size << LC_AQA_ACQS_SHIFT);
    write64(*transport_, LC_REG_ASQ, host_pointer(admin.sq_address()));
    write64(*transport_, LC_REG_ACQ, host_pointer(admin.cq_address()));
    transport_->write32(LC_REG_CC, LC_CC_EN);
    return wait_for(LC_REG_CSTS, LC_CSTS_RDY, LC_CSTS_RDY, "enable");
}

Status Controller::notify_shutdown()
{
    transport_->write32(LC_REG_CC, LC_CC_EN | LC_CC_SHN_NORMAL << LC_CC_SHN_SHIFT);
    return wait_for(LC_REG_CSTS, LC_CSTS_SHST, LC_CSTS_SHST_DONE << LC_CSTS_SHST_SHIFT, "shutdown");
}

Status Controller::disable()
{
    transport_->write32(LC_REG_CC, 0);
    return wait_for(LC_REG_CSTS, LC_CSTS_RDY, 0, "disable");
}

std::uint32_t Controller::reset_count()
{
    return transport_->read32(LC_REG_RESET_COUNT);
}

}  // namespace lightcard::driver
