// SPDX-License-Identifier: Apache-2.0
// Copies to the card and back, checked byte for byte, until the time is up; resets may come in between.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include "lightcard/platform/driver/commands.h"
#include "lightcard/platform/driver/dma_memory.h"
#include "lightcard/platform/smi/commands.h"

namespace lightcard::smi {

namespace {

struct Tally {
    std::uint64_t rounds = 0, aborted = 0, refused = 0;
};

constexpr std::size_t kHeavy = 4u << 20;
constexpr std::uint64_t kElsewhere = 64u << 20;  ///< in card DRAM, for copies that nobody reads back

/// Keeps the DMA engine busy: copies that are in flight while the checked ones are, and are collected at the end.
class Background {
public:
    Background(KernelDevice& card, const driver::DmaMemory& from, std::uint64_t count, Picoseconds patience,
               Tally& tally)
        : card_(card), patience_(patience), tally_(tally)
    {
        const auto copy = driver::make_copy(driver::dram_pointer(kElsewhere), driver::host_pointer(from.bus()),
                                            static_cast<std::uint32_t>(from.bytes()));
        for (std::uint64_t i = 0; i < count; ++i)
            if (const auto ticket = card.submit_to(0, copy, nullptr)) tickets_.push_back(*ticket);
    }
    ~Background()
    {
        for (const auto ticket : tickets_) {
            const auto done = card_.wait_for(0, ticket, patience_);
            if (done && !done->ok()) ++tally_.aborted;
        }
    }
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

private:
    KernelDevice& card_;
    Picoseconds patience_;
    Tally& tally_;
    std::vector<std::uint32_t> tickets_;
};

/// A pattern out, back to another place, and a look. A reset in between is no failure; wrong bytes are.
Result<bool> round_trip(KernelDevice& card, driver::DmaMemory& out, driver::DmaMemory& back, std::uint64_t seed,
                        Picoseconds patience, Tally& tally)
{
    for (std::size_t i = 0; i < out.bytes(); i += 8) {
        const std::uint64_t word = (seed + i) * 0x9e3779b97f4a7c15ull;
        std::memcpy(out.host() + i, &word, 8);
    }
    std::memset(back.host(), 0, back.bytes());
    const auto bytes = static_cast<std::uint32_t>(out.bytes());
    for (const auto& copy : {driver::make_copy(driver::dram_pointer(0), driver::host_pointer(out.bus()), bytes),
                             driver::make_copy(driver::host_pointer(back.bus()), driver::dram_pointer(0), bytes)}) {
        const auto ticket = card.submit_to(0, copy, nullptr);
        if (!ticket) {
            const auto status = card.status();
            if (!status || status->state == LCD_STATE_GONE) return ticket.error();
            ++tally.refused;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            return false;
        }
        const auto done = card.wait_for(0, *ticket, patience);
        if (!done) return done.error();
        if (done->status == LC_SC_ABORTED_QUEUE || done->status == LC_SC_ABORTED) {
            ++tally.aborted;
            return false;
        }
        if (!done->ok()) return to_error(*done);
    }
    if (std::memcmp(out.host(), back.host(), out.bytes()) != 0)
        return Error{"what came back differs", "round " + std::to_string(tally.rounds), ""};
    ++tally.rounds;
    return true;
}

}  // namespace

int stress(KernelDevice& card, Arguments& arguments)
{
    const auto seconds = arguments.number("--seconds", 5, 1, 86400);
    if (!seconds) return fail(seconds.error(), kUsage);
    const auto kib = arguments.number("--kib", 1024, 4, 4096);
    if (!kib) return fail(kib.error(), kUsage);
    const auto background = arguments.number("--background", 0, 0, 64);
    if (!background) return fail(background.error(), kUsage);
    const auto timeout = arguments.number("--timeout", driver::kDefaultTimeout / kSecond, 1, 1000);
    if (!timeout) return fail(timeout.error(), kUsage);
    if (auto rest = arguments.rest(); !rest) return fail(rest.error(), kUsage);
    const auto patience = static_cast<Picoseconds>(*timeout) * kSecond;
    auto out = driver::DmaMemory::allocate(card.memory(), *kib << 10);
    if (!out) return fail(out.error());
    auto back = driver::DmaMemory::allocate(card.memory(), *kib << 10);
    if (!back) return fail(back.error());
    auto heavy = driver::DmaMemory::allocate(card.memory(), kHeavy);
    if (!heavy) return fail(heavy.error());
    Tally tally;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(*seconds);
    for (std::uint64_t seed = 1; std::chrono::steady_clock::now() < end; ++seed) {
        const Background load(card, *heavy, *background, patience, tally);
        if (auto done = round_trip(card, *out, *back, seed, patience, tally); !done) return fail(done.error());
    }
    std::printf("%llu rounds of %llu KiB right, %llu ended by a reset, %llu refused during one\n",
                static_cast<unsigned long long>(tally.rounds), static_cast<unsigned long long>(*kib),
                static_cast<unsigned long long>(tally.aborted), static_cast<unsigned long long>(tally.refused));
    return tally.rounds > 0 ? kOk : kFailed;
}

}  // namespace lightcard::smi
