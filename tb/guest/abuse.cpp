// SPDX-License-Identifier: Apache-2.0
// What no program should do to /dev/lightcard0: each must be refused, or fail alone. Runs in the guest; exit status 0
// if so.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "lightcard/platform/driver/commands.h"
#include "lightcard/platform/driver/dma_memory.h"
#include "lightcard/platform/smi/kernel_device.h"

namespace {

using namespace lightcard;
using driver::DmaMemory;
using smi::KernelDevice;

int failures = 0;

void check(bool good, const char* what)
{
    std::printf("%s: %s\n", good ? "ok" : "FAILED", what);
    failures += good ? 0 : 1;
}

int refusal(int file, const lc_sqe& sqe, const void* operands = nullptr)
{
    lcd_submit submit{};
    submit.sqe = sqe;
    submit.operands = reinterpret_cast<std::uintptr_t>(operands);
    return ioctl(file, LCD_IOC_SUBMIT, &submit) == 0 ? 0 : errno;
}

int refused_record(int file, DmaMemory& records, const lc_sqe& record, std::uint64_t argument)
{
    std::memset(records.host(), 0, sizeof(lc_record));
    std::memcpy(records.host(), &record, sizeof record);
    auto exec = driver::make_exec(driver::host_pointer(records.bus()), 1);
    exec.args[0] = argument;
    return refusal(file, driver::make_command(LC_OP_EXEC), &exec);
}

void pointers(KernelDevice& card, int file)
{
    // Memory belongs to an open file: `file` is another than the card's.
    auto memory = DmaMemory::allocate(card.memory(), 8192);
    lcd_buffer own{8192, 0};
    if (!memory || ioctl(file, LCD_IOC_ALLOC, &own) != 0) return check(false, "memory");
    const auto dram = driver::dram_pointer(0), mine = driver::host_pointer(own.address);
    const auto stride = [&](std::uint64_t bytes) { return driver::make_copy_2d(mine, bytes, dram, 64, 64, 3); };
    check(refusal(file, driver::make_copy(dram, mine, 8192)) == 0, "COPY of a whole buffer is taken");
    check(refusal(file, driver::make_copy(dram, mine, 8193)) == EFAULT, "COPY beyond a buffer");
    check(refusal(file, driver::make_copy(dram, mine - 1, 16)) == EFAULT, "COPY before a buffer");
    check(refusal(file, driver::make_copy(dram, driver::host_pointer(0x1000), 16)) == EFAULT,
          "COPY of physical memory");
    check(refusal(file, stride(4000)) == 0, "COPY with strides inside");
    check(refusal(file, stride(4096)) == EFAULT, "COPY with strides that lead outside");
    check(refusal(file, stride(~0ull)) == EFAULT, "COPY with strides that wrap");
    if (memory->bus() != own.address)
        check(refusal(file, driver::make_copy(dram, driver::host_pointer(memory->bus()), 16)) == EFAULT,
              "COPY of another file's memory");
    ioctl(file, LCD_IOC_FREE, &own);
    check(refusal(file, driver::make_copy(dram, mine, 16)) == EFAULT, "COPY of freed memory");
}

void records(KernelDevice& card)
{
    auto buffer = DmaMemory::allocate(card.memory(), 4096);
    auto commands = DmaMemory::allocate(card.memory(), 4096);
    if (!buffer || !commands) return check(false, "memory");
    const int file = card.file();
    const auto mine = driver::host_pointer(buffer->bus()), dram = driver::dram_pointer(0);
    const auto argument = [](std::uint64_t offset) { return LC_PTR(LC_SPACE_ARG0, offset); };
    check(refused_record(file, *commands, driver::make_copy(dram, argument(0), 4096), mine) == 0,
          "a record with an argument is taken");
    check(refused_record(file, *commands, driver::make_copy(dram, argument(4096), 16), mine) == EFAULT,
          "a record beyond its argument");
    check(refused_record(file, *commands, driver::make_copy(dram, argument(commands->bus() - buffer->bus()), 16),
                         mine) == EFAULT,
          "a record from one buffer into the next");
    check(refused_record(file, *commands, driver::make_copy(dram, argument(buffer->bus()), 16), 0) == EFAULT,
          "a record with no argument");
    check(refused_record(file, *commands, driver::make_copy(driver::host_pointer(0x100000), dram, 16), mine) == EFAULT,
          "a record that writes to physical memory");
    auto exec = driver::make_exec(driver::dram_pointer(0), 1);
    check(refusal(file, driver::make_command(LC_OP_EXEC), &exec) == EINVAL, "EXEC of records that nobody can look at");
    exec = driver::make_exec(driver::host_pointer(commands->bus()), 17);
    check(refusal(file, driver::make_command(LC_OP_EXEC), &exec) == EFAULT, "EXEC of records beyond their buffer");
    check(refusal(file, driver::make_command(LC_OP_EXEC), reinterpret_cast<void*>(16)) == EFAULT,
          "operands at a bad address");
    check(refusal(file, driver::make_command(LC_OP_MVM)) == EINVAL, "MVM without operands");
    check(refusal(file, driver::make_command(0xee)) == EOPNOTSUPP, "an opcode that the driver does not know");
}

void failures_alone(KernelDevice& card)
{
    // The driver lets it through, the card refuses: far outside its memory.
    auto memory = DmaMemory::allocate(card.memory(), 4096);
    const auto copy = driver::make_copy(driver::dram_pointer(1ull << 50), driver::host_pointer(memory->bus()), 64);
    auto ticket = card.submit_to(0, copy, nullptr);
    auto done =
        ticket ? card.wait_for(0, *ticket, driver::kDefaultTimeout) : Result<driver::Completion>(ticket.error());
    check(done && done->status == LC_SC_ADDRESS, "a command the card refuses fails with a status");
    check(!card.wait_for(0, *ticket, kMillisecond), "a ticket is good once");
    lc_sqe create = driver::make_command(LC_ADM_CREATE_SQ);
    check(!card.admin(create), "queues are the driver's own");
    check(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, card.file(), 0) == MAP_FAILED, "mmap of no buffer");
    check(ioctl(card.file(), _IO(LCD_IOC_MAGIC, 0x7f)) != 0 && errno == ENOTTY, "an unknown call");
}

/// Ends with commands in flight and memory mapped: the driver drains them.
void leave_in_flight()
{
    auto card = KernelDevice::open(0);
    if (!card) return check(false, "open");
    auto memory = DmaMemory::allocate((*card)->memory(), 4u << 20);
    bool good = bool(memory);
    for (int i = 0; i < 200 && good; ++i)
        good = (*card)
                   ->submit_to(
                       0, driver::make_copy(driver::host_pointer(memory->bus()), driver::dram_pointer(0), 4u << 20),
                       nullptr)
                   .ok();
    check(good, "200 commands left in flight at close");
}

}  // namespace

int main()
{
    auto card = KernelDevice::open(0);
    const int file = open("/dev/lightcard0", O_RDWR);
    if (!card || file < 0) return std::printf("FAILED: no card\n"), 1;
    pointers(**card, file);
    records(**card);
    failures_alone(**card);
    close(file);
    leave_in_flight();
    return failures == 0 ? 0 : 1;
}
