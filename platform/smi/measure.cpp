// SPDX-License-Identifier: Apache-2.0
// What the way to the card costs, seen from this side of it. Times are of the host's clock.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>

#include "lightcard/model/control_chip/lightcard_regs.h"
#include "lightcard/platform/driver/commands.h"
#include "lightcard/platform/driver/dma_memory.h"
#include "lightcard/platform/smi/commands.h"

namespace lightcard::smi {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_of(const std::function<void()>& work)
{
    const auto start = Clock::now();
    work();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Registers through the mapping that the kernel offers of BAR0.
class Registers {
public:
    explicit Registers(const std::string& bus_name)
    {
        const auto path = "/sys/bus/pci/devices/" + bus_name + "/resource0";
        const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
        if (file < 0) return;
        void* base = mmap(nullptr, LC_REG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        close(file);
        if (base != MAP_FAILED) base_ = static_cast<volatile std::uint8_t*>(base);
    }
    ~Registers()
    {
        if (base_ != nullptr) munmap(const_cast<std::uint8_t*>(base_), LC_REG_BYTES);
    }
    Registers(const Registers&) = delete;
    Registers& operator=(const Registers&) = delete;

    bool ok() const { return base_ != nullptr; }
    std::uint32_t read(std::uint32_t offset) const
    {
        return *reinterpret_cast<const volatile std::uint32_t*>(base_ + offset);
    }
    void write(std::uint32_t offset, std::uint32_t value)
    {
        *reinterpret_cast<volatile std::uint32_t*>(base_ + offset) = value;
    }

private:
    volatile std::uint8_t* base_ = nullptr;
};

void row(const char* what, double value, const char* unit)
{
    std::printf("%-44s %10.2f %s\n", what, value, unit);
}

/// Median of the mean times of each access, us. Turn about, so that what else the machine does falls on all of them.
std::vector<double> turn_about(std::uint64_t rounds, const std::vector<std::function<void()>>& accesses)
{
    constexpr std::uint64_t kTurns = 21;
    const auto block = std::max<std::uint64_t>(1, rounds / kTurns);
    std::vector<std::vector<double>> times(accesses.size());
    for (std::uint64_t turn = 0; turn < kTurns; ++turn)
        for (std::size_t i = 0; i < accesses.size(); ++i) {
            accesses[i]();
            const double seconds = seconds_of([&] {
                for (std::uint64_t n = 0; n < block; ++n) accesses[i]();
            });
            times[i].push_back(seconds / static_cast<double>(block) * 1e6);
        }
    std::vector<double> medians;
    for (auto& each : times) {
        std::sort(each.begin(), each.end());
        medians.push_back(each[kTurns / 2]);
    }
    return medians;
}

/// `echo`: bus name of a device that does nothing (tb/guest/echo.cpp), or empty.
Status time_registers(const std::string& address, const std::string& echo, std::uint64_t rounds)
{
    Registers registers(address), bare(echo.empty() ? address : echo);
    if (!registers.ok() || !bare.ok())
        return Error{std::strerror(errno), "resource0", "registers are for root, and no driver may be bound"};
    if (registers.read(LC_REG_MAGIC) != LC_MAGIC_VALUE) return Error{"no lightcard answers", address, "is it enabled?"};
    const auto times = turn_about(rounds, {[&] { registers.read(LC_REG_MAGIC); }, [&] { registers.read(LC_REG_CSTS); },
                                           [&] { registers.write(LC_REG_LIVENESS, 1); },
                                           [&] { bare.read(LC_REG_MAGIC); }, [&] { bare.write(LC_REG_LIVENESS, 1); }});
    row("read, identity register", times[0], "us");
    row("read, register that needs the model", times[1], "us");
    row("posted write", times[2], "us");
    if (echo.empty()) return {};
    row("read, bare echo device", times[3], "us");
    row("posted write, bare echo device", times[4], "us");
    row("identity register against the echo", times[0] / times[3], "times");
    return {};
}

/// The middle one of doorbell to interrupt, as the kernel saw both.
Status measure_interrupt(KernelDevice& card, std::uint64_t rounds)
{
    std::vector<double> times;
    for (std::uint64_t i = 0; i < rounds; ++i) {
        const auto done = card.run_on(0, driver::make_command(LC_OP_NOP), nullptr, driver::kDefaultTimeout);
        if (!done) return done.error();
        times.push_back(static_cast<double>(done->completed - done->submitted) * 1e-6);
    }
    std::sort(times.begin(), times.end());
    row("doorbell to interrupt, NOP, median", times[times.size() / 2], "us");
    return {};
}

Status measure_commands(KernelDevice& card, std::uint64_t depth, std::uint64_t rounds)
{
    Status failed;
    const auto batches = std::max<std::uint64_t>(1, rounds / depth);
    const double seconds = seconds_of([&] {
        std::vector<std::uint32_t> tickets;
        for (std::uint64_t batch = 0; batch < batches && failed.ok(); ++batch) {
            tickets.clear();
            for (std::uint64_t i = 0; i < depth && failed.ok(); ++i) {
                const auto ticket = card.submit_to(0, driver::make_command(LC_OP_NOP), nullptr);
                if (ticket)
                    tickets.push_back(*ticket);
                else
                    failed = ticket.error();
            }
            for (const auto ticket : tickets)
                if (const auto done = card.wait_for(0, ticket, driver::kDefaultTimeout); !done) failed = done.error();
        }
    });
    const auto name = "commands (NOP) at queue depth " + std::to_string(depth);
    if (failed) row(name.c_str(), static_cast<double>(batches * depth) / seconds, "/s");
    return failed;
}

Status measure_dma(KernelDevice& card, bool to_card)
{
    constexpr std::uint32_t kBytes = 4u << 20, kTimes = 16;
    const auto memory = driver::DmaMemory::allocate(card.memory(), kBytes);
    if (!memory) return memory.error();
    std::memset(memory->host(), 1, kBytes);
    const auto host = driver::host_pointer(memory->bus()), dram = driver::dram_pointer(0);
    const auto copy = to_card ? driver::make_copy(dram, host, kBytes) : driver::make_copy(host, dram, kBytes);
    Status failed;
    const double seconds = seconds_of([&] {
        for (std::uint32_t i = 0; i < kTimes && failed.ok(); ++i)
            if (const auto done = card.run_on(0, copy, nullptr, driver::kDefaultTimeout); !done) failed = done.error();
    });
    if (failed)
        row(to_card ? "DMA from host memory, 4 MiB" : "DMA to host memory, 4 MiB", kTimes * kBytes / seconds * 1e-9,
            "GB/s");
    return failed;
}

Status measure_all(KernelDevice& card, std::uint64_t rounds)
{
    if (auto done = measure_interrupt(card, rounds); !done) return done;
    for (const std::uint64_t depth : {1, 16, 64})
        if (auto done = measure_commands(card, depth, rounds); !done) return done;
    for (const bool to_card : {true, false})
        if (auto done = measure_dma(card, to_card); !done) return done;
    return {};
}

}  // namespace

int measure(KernelDevice& card, Arguments& arguments)
{
    const auto rounds = arguments.number("--rounds", 2000, 1, 10'000'000);
    if (!rounds) return fail(rounds.error(), kUsage);
    if (auto rest = arguments.rest(); !rest) return fail(rest.error(), kUsage);
    const auto done = measure_all(card, *rounds);
    return done ? kOk : fail(done.error());
}

int measure_registers(Arguments& arguments)
{
    const auto rounds = arguments.number("--rounds", 2000, 1, 10'000'000);
    if (!rounds) return fail(rounds.error(), kUsage);
    const auto echo = arguments.option("--echo").value_or("");
    const auto address = arguments.word();
    if (auto rest = arguments.rest(); !rest) return fail(rest.error(), kUsage);
    if (!address) return fail({"registers of which device?", "", "0000:01:00.0"}, kUsage);
    const auto done = time_registers(*address, echo, *rounds);
    return done ? kOk : fail(done.error());
}

}  // namespace lightcard::smi
