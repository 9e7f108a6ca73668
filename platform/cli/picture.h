// SPDX-License-Identifier: Apache-2.0
/// PNG and JPEG pictures, brought to the size and channels a network wants.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/cli/files.h"

namespace lightcard::cli {

/// Row-major, channels innermost; values 0..255.
struct Picture {
    int width = 0, height = 0, channels = 0;
    std::vector<float> values;
    float at(int y, int x, int c) const { return values[(static_cast<std::size_t>(y) * width + x) * channels + c]; }
};

bool looks_like_picture(const Bytes& bytes);
/// PNG or JPEG as RGB; alpha lies on black. At most 2^26 pixels.
Result<Picture> decode_picture(const Bytes& bytes, const std::string& path);

/// Scales so that the shorter side (in proportion) is `shorter` pixels or just covers the target if 0, by a triangle
/// filter that averages when shrinking; then crops the centre.
Picture fit_picture(const Picture& picture, int width, int height, int shorter = 0);

/// RGB to grey (BT.601) or grey to RGB.
Picture with_channels(const Picture& picture, int channels);

}  // namespace lightcard::cli
