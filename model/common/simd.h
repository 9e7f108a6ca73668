// SPDX-License-Identifier: Apache-2.0
/// One source, several instruction sets: the loader picks the clone the CPU can run. Clones of integer code and of
/// plain IEEE adds, multiplies and square roots (no contraction) give the same bits.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define LIGHTCARD_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LIGHTCARD_CLONES
#endif
#define LIGHTCARD_INLINE inline __attribute__((always_inline))

namespace lightcard {

/// Whether this CPU runs AVX2. A load and a test: the compiler's run time asked the CPU before main().
inline bool has_avx2()
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") != 0;
#else
    return false;
#endif
}

}  // namespace lightcard
