// SPDX-License-Identifier: Apache-2.0
/// One source, several instruction sets: the loader picks the clone the CPU can run. Clones of integer code and of
/// plain IEEE adds, multiplies, square roots and explicit fma (no contraction) give the same bits; without the
/// instruction an fma is a library call, slow and exact.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define LIGHTCARD_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LIGHTCARD_CLONES
#endif
#define LIGHTCARD_INLINE inline __attribute__((always_inline))

namespace lightcard {

/// Whether this CPU runs what the AVX2 files are compiled for. A load and a test: the compiler's run time asked the CPU
/// before main().
inline bool has_avx2()
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
           __builtin_cpu_supports("aes") != 0;
#else
    return false;
#endif
}

/// The same for AVX-512: byte sums (VNNI), byte permutations (VBMI), four AES blocks at a time (VAES); Ice Lake, Zen 4
/// and later. A CPU with less of it runs AVX2.
inline bool has_avx512()
{
#if defined(__x86_64__)
#if !defined(__clang__)
    if (__builtin_cpu_supports("vaes") == 0) return false;
#endif
    return has_avx2() && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
           __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
           __builtin_cpu_supports("avx512vbmi") != 0 && __builtin_cpu_supports("avx512vnni") != 0 &&
           __builtin_cpu_supports("vpclmulqdq") != 0;  // comes with VAES
#else
    return false;
#endif
}

/// The same for AMX: has_avx512(), tiles of bytes, and the operating system's permission for this process to use them,
/// which is asked for once (Sapphire Rapids and later).
bool has_amx();

}  // namespace lightcard
