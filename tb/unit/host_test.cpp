// SPDX-License-Identifier: Apache-2.0
// The in-process host against a small endpoint of its own: enumeration, order and time of requests, DMA, interrupts,
// starvation, and several hosts in one simulation. One test a process: the kernel elaborates once.
#include "lightcard/platform/host/in_process_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace lightcard::host {
namespace {

using sc_core::sc_time;

/// PCIe function with a 64-bit BAR0 of 64 KiB, a 16 GiB BAR2 and MSI-X with 4 vectors in BAR4. Writing BAR0 offset 8
/// starts a job: it reads 4 bytes of host memory at the address in offset 0, adds 1, writes them back after 1 us and
/// raises the vector in offset 4. Every BAR access takes 100 ns of annotated time and is logged.
class Endpoint4 : public sc_core::sc_module {
public:
    tlm_utils::simple_target_socket<Endpoint4> mem{"mem"}, cfg{"cfg"};
    tlm_utils::simple_initiator_socket<Endpoint4> dma{"dma"}, msix{"msix"};
    std::vector<std::pair<std::uint64_t, sc_time>> log;  ///< BAR0 writes: offset, local time
    bool throws = false;
    std::uint64_t faults = 0;

    explicit Endpoint4(sc_core::sc_module_name name) : sc_module(name)
    {
        SC_HAS_PROCESS(Endpoint4);
        mem.register_b_transport(this, &Endpoint4::access_memory);
        cfg.register_b_transport(this, &Endpoint4::access_config);
        SC_THREAD(work);
        config_[0] = 0x0128'1d9b;
        config_[4 / 4] = 1u << 20;
        config_[8 / 4] = 0x1200'0001;
        config_[0x34 / 4] = 0x40;
        config_[0x40 / 4] = 0x5001;       // power management, next 0x50
        config_[0x50 / 4] = 0x0003'0011;  // MSI-X, 4 vectors
        config_[0x54 / 4] = 0x1004;       // table at 0x1000 of BAR4
        bar_size_ = {0x1'0000, 0, 16ull << 30, 0, 0x4000, 0};
    }

    std::uint64_t bar(int index) const
    {
        const std::uint64_t low = config_[(0x10 + 4 * index) / 4] & ~0xfu;
        return low | static_cast<std::uint64_t>(config_[(0x14 + 4 * index) / 4]) << 32;
    }
    std::uint32_t command() const { return config_[1] & 0xffff; }
    bool msix_enabled() const { return (config_[0x50 / 4] >> 30) == 2; }

private:
    void access_config(tlm::tlm_generic_payload& payload, sc_time& delay)
    {
        delay += sc_time(50, sc_core::SC_NS);
        const std::uint32_t index = static_cast<std::uint32_t>(payload.get_address()) / 4;
        std::uint32_t value;
        if (payload.is_read()) {
            value = config_[index];
            if (index == 4 || index == 8) value |= 4 | (index == 6 ? 8 : 0);
            if (index == 6) value |= 12;
            std::memcpy(payload.get_data_ptr(), &value, 4);
        } else {
            std::memcpy(&value, payload.get_data_ptr(), 4);
            if (index >= 4 && index < 10) {
                const std::uint64_t mask = ~(bar_size_[(index - 4) & ~1u] - 1);
                config_[index] = value & static_cast<std::uint32_t>((index & 1) ? mask >> 32 : mask);
            } else if (index == 1) {
                config_[1] = (config_[1] & 0xffff'0000) | (value & 0xffff);
            } else if (index == 0x50 / 4) {
                config_[index] = (config_[index] & 0x3fff'ffff) | (value & 0xc000'0000);
            }
        }
        payload.set_response_status(tlm::TLM_OK_RESPONSE);
    }

    void access_memory(tlm::tlm_generic_payload& payload, sc_time& delay)
    {
        if (throws) throw std::runtime_error("defect");
        delay += sc_time(100, sc_core::SC_NS);
        const std::uint64_t address = payload.get_address();
        payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        if (address >= bar(4) && address < bar(4) + 0x4000) {
            std::memcpy(bar4_.data() + (address - bar(4)), payload.get_data_ptr(), payload.get_data_length());
            payload.set_response_status(tlm::TLM_OK_RESPONSE);
        }
        if (address < bar(0) || address >= bar(0) + 64) return;
        const std::uint64_t offset = address - bar(0);
        payload.set_response_status(tlm::TLM_OK_RESPONSE);
        if (payload.is_read()) {
            std::memcpy(payload.get_data_ptr(), bar0_.data() + offset, payload.get_data_length());
            return;
        }
        std::memcpy(bar0_.data() + offset, payload.get_data_ptr(), payload.get_data_length());
        log.emplace_back(offset, sc_core::sc_time_stamp() + delay);
        if (offset == 8) start_.notify(delay);
    }

    tlm::tlm_response_status dma_access(tlm::tlm_command command, std::uint64_t address, std::uint32_t& value)
    {
        tlm::tlm_generic_payload payload;
        sc_time delay = sc_core::SC_ZERO_TIME;
        payload.set_command(command);
        payload.set_address(address);
        payload.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
        payload.set_data_length(4);
        payload.set_streaming_width(4);
        (command == tlm::TLM_WRITE_COMMAND && address < 0x1'0000'0000 ? msix : dma)->b_transport(payload, delay);
        return payload.get_response_status();
    }

    void work()
    {
        for (;;) {
            wait(start_);
            std::uint32_t bus[2], value = 0;
            std::memcpy(bus, bar0_.data(), 8);
            const std::uint64_t address = 0x1'0000'0000ull + bus[0];
            if (dma_access(tlm::TLM_READ_COMMAND, address, value) != tlm::TLM_OK_RESPONSE) ++faults;
            wait(sc_time(1, sc_core::SC_US));
            ++value;
            if (dma_access(tlm::TLM_WRITE_COMMAND, address, value) != tlm::TLM_OK_RESPONSE) ++faults;
            std::uint64_t target;
            std::uint32_t data;
            std::memcpy(&target, bar4_.data() + 0x1000 + 16 * bus[1], 8);
            std::memcpy(&data, bar4_.data() + 0x1008 + 16 * bus[1], 4);
            dma_access(tlm::TLM_WRITE_COMMAND, target, data);
        }
    }

    std::array<std::uint32_t, 1024> config_{};
    std::array<std::uint64_t, 6> bar_size_{};
    std::array<std::uint8_t, 64> bar0_{};
    std::array<std::uint8_t, 0x4000> bar4_{};
    sc_core::sc_event start_;
};

struct Rig {
    explicit Rig(const std::string& name)
        : card((name + "_card").c_str()),
          host((name + "_host").c_str(), Endpoint{card.mem, card.cfg, card.dma, card.msix, nullptr, nullptr})
    {
    }
    void start_job(const driver::DmaBuffer& buffer, std::uint32_t vector)
    {
        host.write32(0, static_cast<std::uint32_t>(buffer.bus - HostMemory::kBase));
        host.write32(4, vector);
        host.write32(8, 1);
    }
    Endpoint4 card;
    InProcessHost host;
};

TEST(Host, Enumerates)
{
    Rig rig("a");
    auto status = rig.host.power_on();
    ASSERT_TRUE(status) << status.error().message();
    const auto& function = rig.host.function();
    EXPECT_EQ(function.vendor, 0x1d9b);
    EXPECT_EQ(function.device, 0x0128);
    EXPECT_EQ(function.class_code, 0x120000u);
    EXPECT_EQ(function.bars[0].bytes, 0x1'0000u);
    EXPECT_EQ(function.bars[2].bytes, 16ull << 30);
    EXPECT_TRUE(function.bars[2].prefetchable);
    EXPECT_EQ(function.bars[4].bytes, 0x4000u);
    for (int i : {0, 2, 4}) {
        EXPECT_EQ(rig.card.bar(i), function.bars[i].address) << i;
        EXPECT_EQ(function.bars[i].address % function.bars[i].bytes, 0u) << i;
    }
    EXPECT_EQ(rig.card.command(), 0x406u) << "memory space, bus master, no INTx";
    EXPECT_EQ(function.msix_vectors, 4u);
    EXPECT_TRUE(rig.card.msix_enabled());
}

TEST(Host, InterruptEndsTheWaitAtItsTime)
{
    Rig rig("a");
    ASSERT_TRUE(rig.host.power_on());
    auto buffer = rig.host.allocate(4096);
    buffer->host[0] = 41;
    const auto start = rig.host.now();
    rig.start_job(*buffer, 3);
    EXPECT_TRUE(rig.host.wait(kSecond));
    EXPECT_EQ(rig.host.now(), start + 300 * kNanosecond + kMicrosecond);
    EXPECT_EQ(rig.host.interrupts(3), 1u);
    EXPECT_EQ(rig.host.interrupts(0), 0u);
    EXPECT_EQ(buffer->host[0], 42);
    EXPECT_FALSE(rig.host.wait(kSecond)) << "nothing more will happen by itself";
    EXPECT_EQ(rig.host.now(), start + 300 * kNanosecond + kMicrosecond) << "idle time stands still";
    rig.host.sleep(kMillisecond);
    EXPECT_EQ(rig.host.now(), start + 300 * kNanosecond + kMicrosecond + kMillisecond);
}

TEST(Host, TimeoutEndsTheWait)
{
    Rig rig("a");
    ASSERT_TRUE(rig.host.power_on());
    auto buffer = rig.host.allocate(4);
    const auto start = rig.host.now();
    rig.start_job(*buffer, 0);
    EXPECT_TRUE(rig.host.wait(500 * kNanosecond));
    EXPECT_EQ(rig.host.now(), start + 500 * kNanosecond);
    EXPECT_EQ(rig.host.interrupts(0), 0u);
    EXPECT_TRUE(rig.host.drain());
    EXPECT_EQ(rig.host.interrupts(0), 1u);
}

TEST(Host, MemoryOutsideAllocationsIsAnError)
{
    Rig rig("a");
    ASSERT_TRUE(rig.host.power_on());
    auto buffer = rig.host.allocate(4096);
    driver::DmaBuffer beyond = *buffer;
    beyond.bus += 4094;  // runs over the end
    rig.start_job(beyond, 1);
    EXPECT_TRUE(rig.host.drain());
    EXPECT_EQ(rig.card.faults, 2u);
    EXPECT_EQ(rig.host.root().dma_faults(), 2u);
    rig.host.memory().poison(buffer->bus + 100, 1);
    rig.start_job(*buffer, 1);
    EXPECT_TRUE(rig.host.drain());
    EXPECT_EQ(rig.card.faults, 2u) << "bytes beside the poisoned one are fine";
    rig.host.free(*buffer);
    rig.start_job(*buffer, 1);
    EXPECT_TRUE(rig.host.drain());
    EXPECT_EQ(rig.card.faults, 4u) << "freed";
    EXPECT_EQ(rig.host.interrupts(1), 3u);
}

TEST(Host, RefusedAndFailedReadsAreAllOnes)
{
    Rig rig("a");
    ASSERT_TRUE(rig.host.power_on());
    EXPECT_EQ(rig.host.read32(0x8000), 0xffff'ffffu);
    EXPECT_EQ(rig.host.root().refused_requests(), 1u);
    rig.card.throws = true;
    EXPECT_EQ(rig.host.read32(0), 0xffff'ffffu);
    rig.card.throws = false;
    rig.host.write32(12, 7);
    EXPECT_EQ(rig.host.read32(12), 7u) << "the simulation lives on";
}

TEST(Host, TwoHostsShareOneSimulation)
{
    Rig a("a"), b("b");
    ASSERT_TRUE(a.host.power_on());
    ASSERT_TRUE(b.host.power_on());
    auto in_a = a.host.allocate(4), in_b = b.host.allocate(4);
    EXPECT_EQ(in_a->bus, in_b->bus) << "each has its own memory";
    b.start_job(*in_b, 2);
    a.host.sleep(100 * kNanosecond);
    a.start_job(*in_a, 2);
    EXPECT_TRUE(a.host.wait(kSecond));
    EXPECT_EQ(in_a->host[0], 1);
    EXPECT_EQ(in_b->host[0], 1) << "waiting for one advances the other";
    EXPECT_EQ(b.host.interrupts(2), 1u);
}

/// Times at which ten back-to-back posted writes and a read arrive, at one global quantum.
void expect_arrivals(const sc_time& quantum)
{
    Rig rig("a");
    tlm::tlm_global_quantum::instance().set(quantum);
    ASSERT_TRUE(rig.host.power_on());
    const sc_time start = sc_core::sc_time_stamp();
    rig.card.log.clear();
    for (std::uint32_t i = 0; i < 10; ++i) rig.host.write32(12 + 4 * i, i);
    EXPECT_EQ(rig.host.read32(16), 1u);
    EXPECT_EQ(sc_core::sc_time_stamp(), start + sc_time(1100, sc_core::SC_NS)) << "an answer is not seen early";
    ASSERT_EQ(rig.card.log.size(), 10u);
    for (std::uint32_t i = 0; i < 10; ++i) {
        EXPECT_EQ(rig.card.log[i].first, 12 + 4 * i);
        EXPECT_EQ(rig.card.log[i].second, start + sc_time(100 * (i + 1), sc_core::SC_NS)) << i;
    }
}
TEST(Host, ArrivalTimesWithoutQuantum)
{
    expect_arrivals(sc_core::SC_ZERO_TIME);
}
TEST(Host, ArrivalTimesAt1ns)
{
    expect_arrivals(sc_time(1, sc_core::SC_NS));
}
TEST(Host, ArrivalTimesAt1us)
{
    expect_arrivals(sc_time(1, sc_core::SC_US));
}
TEST(Host, ArrivalTimesAt1ms)
{
    expect_arrivals(sc_time(1, sc_core::SC_MS));
}

}  // namespace
}  // namespace lightcard::host
