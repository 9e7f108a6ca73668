// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/smi/kernel_device.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace lightcard::smi {

namespace {

constexpr const char* kFolder = "/dev/lightcard";

driver::Completion to_completion(const lc_cqe& cqe, std::uint8_t opcode, bool admin)
{
    driver::Completion completion;
    completion.cid = cqe.cid;
    completion.status = LC_CQE_STATUS(cqe.status);
    completion.opcode = opcode;
    completion.admin = admin;
    completion.result = cqe.result;
    return completion;
}

const char* hint_of(int error)
{
    switch (error) {
        case ENOENT:
            return "is the driver loaded? insmod lightcard.ko";
        case EACCES:
        case EPERM:
            return "needs more rights";
        case ENODEV:
            return "the card is gone";
        case EIO:
            return "the card is down: lightcard-smi reset, and dmesg";
        case EFAULT:
            return "a command names memory that is not this program's";
        default:
            return "";
    }
}

}  // namespace

std::vector<unsigned> KernelDevice::list()
{
    std::vector<unsigned> numbers;
    glob_t found{};
    if (glob((std::string(kFolder) + "[0-9]*").c_str(), 0, nullptr, &found) == 0)
        for (std::size_t i = 0; i < found.gl_pathc; ++i)
            numbers.push_back(
                static_cast<unsigned>(std::strtoul(found.gl_pathv[i] + std::strlen(kFolder), nullptr, 10)));
    globfree(&found);
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

Result<std::unique_ptr<KernelDevice>> KernelDevice::open(unsigned number)
{
    const std::string path = kFolder + std::to_string(number);
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) return Error{std::strerror(errno), path, hint_of(errno)};
    std::unique_ptr<KernelDevice> device(new KernelDevice(file, path));
    if (ioctl(file, LCD_IOC_INFO, &device->info_) != 0) return device->failed("LCD_IOC_INFO");
    if (device->info_.api_version != LCD_API_VERSION)
        return Error{"the driver speaks version " + std::to_string(device->info_.api_version), path,
                     "this program version " + std::to_string(LCD_API_VERSION)};
    return device;
}

KernelDevice::~KernelDevice()
{
    close(file_);
}

Error KernelDevice::failed(const std::string& what) const
{
    const int error = errno;
    return {what + ": " + std::strerror(error), path_, hint_of(error)};
}

Result<std::uint32_t> KernelDevice::submit_to(std::size_t, const lc_sqe& sqe, const void* operands)
{
    lcd_submit submit{};
    submit.sqe = sqe;
    submit.operands = reinterpret_cast<std::uintptr_t>(operands);
    int result = 0;
    while ((result = ioctl(file_, LCD_IOC_SUBMIT, &submit)) != 0 && errno == EINTR) {
    }
    if (result != 0) return failed(std::string(driver::opcode_name(sqe.opcode)) + " is refused");
    opcodes_[submit.handle] = sqe.opcode;
    return submit.handle;
}

Result<driver::Completion> KernelDevice::wait_for(std::size_t, std::uint32_t ticket, Picoseconds timeout)
{
    constexpr Picoseconds kMost = 1'000'000;  // ms
    lcd_wait wait{};
    wait.handle = ticket;
    wait.timeout_ms = static_cast<std::uint32_t>(std::clamp<Picoseconds>(timeout / kMillisecond, 1, kMost));
    int result = 0;
    while ((result = ioctl(file_, LCD_IOC_WAIT, &wait)) != 0 && errno == EINTR) {
    }
    if (result != 0) return failed(std::string(driver::opcode_name(opcodes_[ticket])) + " has not ended");
    auto completion = to_completion(wait.cqe, opcodes_[ticket], false);
    completion.submitted = static_cast<Picoseconds>(wait.submitted_ns) * kNanosecond;
    completion.completed = static_cast<Picoseconds>(wait.completed_ns) * kNanosecond;
    opcodes_.erase(ticket);
    return completion;
}

Result<std::vector<std::uint8_t>> KernelDevice::log_page(std::uint32_t page, std::uint32_t bytes, std::uint32_t offset)
{
    std::vector<std::uint8_t> data(bytes);
    lc_sqe sqe{};
    sqe.opcode = LC_ADM_GET_LOG_PAGE;
    sqe.u.page.page = page;
    sqe.u.page.offset = offset;
    auto done = admin_data(sqe, data.data(), bytes);
    if (!done) return done.error();
    if (!done->ok()) return to_error(*done);
    return data;
}

Result<driver::Completion> KernelDevice::admin(const lc_sqe& sqe)
{
    return admin_data(sqe, nullptr, 0);
}

Result<driver::Completion> KernelDevice::admin_data(lc_sqe sqe, void* data, std::uint32_t bytes)
{
    lcd_admin admin{};
    admin.sqe = sqe;
    admin.data = reinterpret_cast<std::uintptr_t>(data);
    admin.bytes = bytes;
    if (ioctl(file_, LCD_IOC_ADMIN, &admin) != 0) return failed(driver::opcode_name(sqe.opcode, true));
    return to_completion(admin.cqe, sqe.opcode, true);
}

Result<lcd_status> KernelDevice::status() const
{
    lcd_status status{};
    if (ioctl(file_, LCD_IOC_STATUS, &status) != 0) return failed("LCD_IOC_STATUS");
    return status;
}

Result<std::vector<lc_telemetry>> KernelDevice::telemetry() const
{
    std::vector<lc_telemetry> entries;
    // Once to hear how many there are, once to read them.
    for (;;) {
        lcd_telemetry telemetry{};
        telemetry.entries = reinterpret_cast<std::uintptr_t>(entries.data());
        telemetry.count = static_cast<std::uint32_t>(entries.size());
        if (ioctl(file_, LCD_IOC_TELEMETRY, &telemetry) != 0) return failed("LCD_IOC_TELEMETRY");
        const bool all = telemetry.count <= entries.size();
        entries.resize(telemetry.count);
        if (all) return entries;
    }
}

Status KernelDevice::abort(std::uint32_t ticket)
{
    if (ioctl(file_, LCD_IOC_ABORT, &ticket) != 0) return failed("LCD_IOC_ABORT");
    return {};
}

Status KernelDevice::reset()
{
    if (ioctl(file_, LCD_IOC_RESET) != 0) return failed("LCD_IOC_RESET");
    return {};
}

Result<driver::DmaBuffer> KernelDevice::Memory::allocate(std::size_t bytes)
{
    lcd_buffer buffer{std::max<std::size_t>(bytes, 1), 0};
    if (ioctl(device_->file_, LCD_IOC_ALLOC, &buffer) != 0)
        return device_->failed("no DMA memory of " + std::to_string(bytes) + " bytes");
    void* host = mmap(nullptr, buffer.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, device_->file_,
                      static_cast<off_t>(buffer.address));
    if (host == MAP_FAILED) {
        auto error = device_->failed("DMA memory cannot be mapped");
        ioctl(device_->file_, LCD_IOC_FREE, &buffer);
        return error;
    }
    mapped_[buffer.address] = buffer.bytes;
    return driver::DmaBuffer{static_cast<std::uint8_t*>(host), buffer.address, bytes};
}

void KernelDevice::Memory::free(const driver::DmaBuffer& buffer)
{
    const auto found = mapped_.find(buffer.bus);
    if (found == mapped_.end()) return;
    munmap(buffer.host, found->second);
    lcd_buffer freed{found->second, buffer.bus};
    ioctl(device_->file_, LCD_IOC_FREE, &freed);
    mapped_.erase(found);
}

}  // namespace lightcard::smi
