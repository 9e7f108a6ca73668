// SPDX-License-Identifier: Apache-2.0
/// The matrix products of ResNet-50 v1.5 at 224 x 224 (He et al., CVPR 2016; stride in the 3 x 3 convolution), one
/// image.
#pragma once

#include <cstdint>
#include <vector>

namespace lightcard::bench {

struct Gemm {
    std::uint32_t vectors, k, columns;
};

inline std::vector<Gemm> resnet50()
{
    std::vector<Gemm> gemms = {{112 * 112, 147, 64}};
    std::uint32_t inputs = 64, in_side = 56;
    const std::uint32_t blocks[] = {3, 4, 6, 3};
    for (std::uint32_t stage = 0; stage < 4; ++stage) {
        const std::uint32_t width = 64u << stage, side = 56u >> stage, vectors = side * side;
        for (std::uint32_t block = 0; block < blocks[stage]; ++block) {
            gemms.push_back({in_side * in_side, inputs, width});
            gemms.push_back({vectors, 9 * width, width});
            gemms.push_back({vectors, width, 4 * width});
            if (block == 0) gemms.push_back({vectors, inputs, 4 * width});
            inputs = 4 * width;
            in_side = side;
        }
    }
    gemms.push_back({1, 2048, 1000});
    return gemms;
}

}  // namespace lightcard::bench
