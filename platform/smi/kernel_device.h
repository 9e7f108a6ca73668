// SPDX-License-Identifier: Apache-2.0
/// A card through the Linux driver, /dev/lightcardN: the same Device that the user-mode driver offers, so the same
/// programs run on it. Free of SystemC.
///
///   auto card = KernelDevice::open(0);               // Result<std::unique_ptr<KernelDevice>>
///   driver::ProgramRunner runner(**card, program);
///
/// Time-outs and times are those of the host's clock: the card's is not read on the way of a command.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lightcard/platform/driver/device.h"
#include "lightcard/platform/linux/lightcard_uapi.h"

namespace lightcard::smi {

class KernelDevice : public driver::Device {
public:
    /// Numbers of the cards that have a device file, in order.
    static std::vector<unsigned> list();
    static Result<std::unique_ptr<KernelDevice>> open(unsigned number);
    ~KernelDevice() override;
    KernelDevice(const KernelDevice&) = delete;
    KernelDevice& operator=(const KernelDevice&) = delete;

    const lcd_info& info() const { return info_; }
    const lc_identify& identity() const override { return info_.identity; }
    driver::DmaAllocator& memory() override { return memory_; }
    /// The driver has given this file one of its queues.
    std::size_t queues() const override { return 1; }
    Result<std::uint32_t> submit_to(std::size_t queue, const lc_sqe& sqe, const void* operands) override;
    Result<driver::Completion> wait_for(std::size_t queue, std::uint32_t ticket, Picoseconds timeout) override;
    Result<std::vector<std::uint8_t>> log_page(std::uint32_t page, std::uint32_t bytes, std::uint32_t offset) override;

    Result<lcd_status> status() const;
    /// The card's telemetry table, read now.
    Result<std::vector<lc_telemetry>> telemetry() const;
    /// The card ends the command; its completion still comes.
    Status abort(std::uint32_t ticket);
    /// Controller reset: every command in flight ends with ABORTED_QUEUE. Needs CAP_SYS_ADMIN.
    Status reset();
    /// An admin command without data; a failed one is a value.
    Result<driver::Completion> admin(const lc_sqe& sqe);
    const std::string& path() const { return path_; }
    int file() const { return file_; }

private:
    class Memory : public driver::DmaAllocator {
    public:
        explicit Memory(KernelDevice& device) : device_(&device) {}
        Result<driver::DmaBuffer> allocate(std::size_t bytes) override;
        void free(const driver::DmaBuffer& buffer) override;

    private:
        KernelDevice* device_;
        std::map<std::uint64_t, std::size_t> mapped_;  ///< address -> bytes of the mapping
    };

    KernelDevice(int file, std::string path) : file_(file), path_(std::move(path)), memory_(*this) {}
    Error failed(const std::string& what) const;
    Result<driver::Completion> admin_data(lc_sqe sqe, void* data, std::uint32_t bytes);

    int file_;
    std::string path_;
    lcd_info info_{};
    Memory memory_;
    std::map<std::uint32_t, std::uint8_t> opcodes_;  ///< by ticket, for the words of an error
};

}  // namespace lightcard::smi
