// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/simd.h"

#if defined(__x86_64__) && defined(__linux__)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace lightcard {
namespace {

/// The processor has tile registers and products of bytes (SDM vol. 2, CPUID leaf 7), the system saves their state
/// (XCR0), and, asked once, lets this process use it (Linux, Documentation/arch/x86/xstate.rst).
bool ask_for_tiles()
{
    constexpr unsigned kTilesAndBytes = 1u << 24 | 1u << 25;
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    if (!has_avx512() || __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
    if ((edx & kTilesAndBytes) != kTilesAndBytes) return false;
    constexpr std::uint32_t kConfigAndData = 1u << 17 | 1u << 18;
    std::uint32_t saved = 0, upper = 0;
    __asm__ volatile("xgetbv" : "=a"(saved), "=d"(upper) : "c"(0));
    constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM
    return (saved & kConfigAndData) == kConfigAndData && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

bool has_amx()
{
    static const bool granted = ask_for_tiles();
    return granted;
}

}  // namespace lightcard

#else

bool lightcard::has_amx()
{
    return false;
}

#endif
