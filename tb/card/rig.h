// SPDX-License-Identifier: Apache-2.0
/// What every whole-card test stands on: a card, its in-process host and driver, and shorthands that fail loudly.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "lightcard/model/card/card.h"
#include "lightcard/platform/driver/driver.h"
#include "lightcard/platform/host/in_process_host.h"

namespace lightcard::test {

using driver::Completion;
using driver::dram_pointer;
using driver::host_pointer;
using driver::make_copy;
using driver::sram_pointer;

/// The value, or the test fails with the error's text (gtest turns the exception into a failure).
template <class T>
T must(Result<T> result)
{
    if (!result) throw std::runtime_error(result.error().message());
    return std::move(*result);
}
inline void must(const Status& status)
{
    if (!status) throw std::runtime_error(status.error().message());
}

/// Reference card without noise: outputs are exact integers.
inline CardConfig ideal_card()
{
    CardConfig config = default_card();
    config.run.fidelity = Fidelity::ideal;
    return config;
}

/// One card in its slot. Everything is public: tests reach in.
struct Rig {
    explicit Rig(const CardConfig& config = ideal_card(), const std::string& name = "")
        : card((name + "card").c_str(), config), host((name + "host").c_str(), host::endpoint_of(card))
    {
    }

    /// Whatever a test did with its card, the books balance: accounts = causes = integral of the power trace.
    ~Rig() { EXPECT_TRUE(card.ledger().balances()); }

    /// Power on, enumerate, bring the driver up.
    void up(std::uint32_t queues = 1, std::uint32_t entries = 64, bool single_vector = false)
    {
        must(host.power_on());
        driver::DriverOptions options;
        options.io_queues = queues;
        options.entries = entries;
        options.single_vector = single_vector;
        driver = must(driver::Driver::bring_up(host, options));
    }

    driver::QueuePair& queue(std::size_t index = 0) { return driver->queue(index); }
    Completion run(const lc_sqe& sqe, const void* operands = nullptr) { return must(queue().run(sqe, operands)); }
    /// The completion, whatever its status.
    Completion try_run(const lc_sqe& sqe, const void* operands = nullptr)
    {
        return must(queue().wait(must(queue().submit(sqe, operands))));
    }
    std::uint16_t submit(const lc_sqe& sqe, const void* operands = nullptr, std::size_t index = 0)
    {
        return must(queue(index).submit(sqe, operands));
    }
    driver::DmaBuffer buffer(std::size_t bytes) { return must(host.allocate(bytes)); }
    driver::DmaBuffer buffer(const std::vector<std::uint8_t>& bytes)
    {
        const auto made = buffer(bytes.size());
        std::memcpy(made.host, bytes.data(), bytes.size());
        return made;
    }

    /// Bytes to and from card memory, by COPY.
    void write(std::uint64_t pointer, const void* data, std::size_t bytes)
    {
        const auto memory = buffer(bytes);
        std::memcpy(memory.host, data, bytes);
        run(make_copy(pointer, host_pointer(memory), static_cast<std::uint32_t>(bytes)));
        host.free(memory);
    }
    template <class T>
    void write(std::uint64_t pointer, const std::vector<T>& data)
    {
        write(pointer, data.data(), data.size() * sizeof(T));
    }
    template <class T>
    std::vector<T> read(std::uint64_t pointer, std::size_t count)
    {
        const auto memory = buffer(count * sizeof(T));
        run(make_copy(host_pointer(memory), pointer, static_cast<std::uint32_t>(count * sizeof(T))));
        std::vector<T> data(count);
        std::memcpy(data.data(), memory.host, count * sizeof(T));
        host.free(memory);
        return data;
    }
    /// The card still does what it is told: a COPY through queue `index` arrives.
    bool works(std::size_t index = 0)
    {
        const auto from = buffer(pattern(1000, 77)), to = buffer(1000);
        for (const auto& [target, source] :
             {std::pair(dram_pointer(0x7000), host_pointer(from)), std::pair(host_pointer(to), dram_pointer(0x7000))}) {
            auto done = queue(index).run(make_copy(target, source, 1000));
            if (!done) ADD_FAILURE() << done.error().message();
        }
        return std::memcmp(from.host, to.host, 1000) == 0;
    }

    static std::vector<std::uint8_t> pattern(std::size_t bytes, std::uint32_t seed)
    {
        std::vector<std::uint8_t> data(bytes);
        for (auto& byte : data) byte = static_cast<std::uint8_t>((seed = seed * 1664525u + 1013904223u) >> 24);
        return data;
    }

    Card card;
    host::InProcessHost host;
    std::unique_ptr<driver::Driver> driver;
};

inline const EngineCounters& engine(const CardCounters& counters, const std::string& name)
{
    for (const auto& entry : counters.engines)
        if (entry.name == name) return entry;
    throw std::runtime_error("no engine '" + name + "'");
}

/// Runs `body` in a child process (a kernel elaborates once a process) and returns what it returned; a failed
/// expectation or an exception in the child fails this test.
std::string in_child(const std::function<std::string()>& body);

/// Everything a card can be compared by: counters and ledger, one figure a line.
std::string figures_of(Card& card);
/// The ledger's part of it: accounts and their counts.
std::string books_of(Card& card);

}  // namespace lightcard::test
