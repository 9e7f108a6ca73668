// SPDX-License-Identifier: Apache-2.0
// The window on card memory (BAR2), as a program in the guest maps it: the card sees what was written there, the
// program what the card writes, and how fast it goes. guest-window CARD-ADDRESS; exit status 0 if so.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <vector>

#include "lightcard/platform/driver/commands.h"
#include "lightcard/platform/driver/dma_memory.h"
#include "lightcard/platform/smi/kernel_device.h"

namespace {

using namespace lightcard;

constexpr std::uint32_t kBytes = 1u << 20;
constexpr std::uint64_t kOffset = 32ull << 20;  ///< in card memory

int fail(const char* what)
{
    std::printf("FAILED: %s\n", what);
    return 1;
}

std::uint8_t* map_window(const char* address)
{
    const auto path = std::string("/sys/bus/pci/devices/") + address + "/resource2";
    const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) return nullptr;
    void* base = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, static_cast<off_t>(kOffset));
    close(file);
    return base == MAP_FAILED ? nullptr : static_cast<std::uint8_t*>(base);
}

std::vector<std::uint64_t> pattern(std::uint64_t seed)
{
    std::vector<std::uint64_t> words(kBytes / 8);
    for (auto& word : words) word = seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return words;
}

bool copy(smi::KernelDevice& card, std::uint64_t to, std::uint64_t from)
{
    return static_cast<bool>(card.run_on(0, driver::make_copy(to, from, kBytes), nullptr, driver::kDefaultTimeout));
}

double megabytes_a_second(volatile std::uint64_t* window)
{
    constexpr std::uint32_t kWords = 4096;  // few: without a mapping each is a message
    const auto start = std::chrono::steady_clock::now();
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < kWords; ++i) {
        window[i] = i;
        sum += window[i];
    }
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    return sum == kWords * (kWords - 1ull) / 2 ? 16e-6 * kWords / time.count() : 0;
}

int run(const char* address)
{
    auto card = smi::KernelDevice::open(0);
    if (!card) return fail(card.error().message().c_str());
    auto* window = map_window(address);
    if (window == nullptr) return fail("resource2 cannot be mapped");
    auto memory = driver::DmaMemory::allocate((*card)->memory(), kBytes);
    if (!memory) return fail(memory.error().message().c_str());
    const auto host = driver::host_pointer(memory->bus()), dram = driver::dram_pointer(kOffset);

    const auto out = pattern(1), back = pattern(2);
    std::memcpy(window, out.data(), kBytes);
    if (!copy(**card, host, dram) || std::memcmp(memory->host(), out.data(), kBytes) != 0)
        return fail("the card does not see what was written through the window");
    std::memcpy(memory->host(), back.data(), kBytes);
    if (!copy(**card, dram, host) || std::memcmp(window, back.data(), kBytes) != 0)
        return fail("the window does not show what the card wrote");
    std::printf("PASS: a mebibyte both ways; words written and read again at %.1f MB/s\n",
                megabytes_a_second(reinterpret_cast<volatile std::uint64_t*>(window)));
    return 0;
}

}  // namespace

int main(int count, char** words)
{
    return count == 2 ? run(words[1]) : fail("which card? 0000:01:00.0");
}
