// SPDX-License-Identifier: Apache-2.0
/// Exact sums of u8 inputs times s8 plane entries: the integer half of the matrix-vector product. Integer sums have
/// one value, so the instruction set never shows in a result.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lightcard::photonic_core {

enum class KernelIsa : std::uint8_t { portable, avx2, avx512_vnni, amx };

/// The fastest this CPU runs and its system grants.
KernelIsa best_kernel_isa();
const char* to_string(KernelIsa isa);

/// The one that run.host.simd asks for; what the CPU lacks is left out: the fastest it has up to there.
KernelIsa kernel_isa(const std::string& simd);

/// One int8 plane, rearranged once for the instructions that will read it; amx is taken for avx512_vnni.
class PlaneKernel {
public:
    /// `plane` is [cols][row_stride], row_stride a multiple of 64; it must outlive the kernel.
    PlaneKernel(const std::int8_t* plane, std::uint32_t cols, std::uint32_t row_stride,
                KernelIsa isa = best_kernel_isa());

    /// sums[v][col] = sum over row of x[v][row] * plane[col][row], exact for up to 65,536 rows.
    /// `x` is [vectors][row_stride], zero beyond the rows in use.
    void multiply(const std::uint8_t* x, std::uint32_t vectors, std::int32_t* sums) const;

private:
    const std::int8_t* plane_;
    std::uint32_t cols_, row_stride_;
    KernelIsa isa_;
    std::vector<std::int32_t> packed_;  ///< see integer_kernel.cpp; empty if portable
};

}  // namespace lightcard::photonic_core
