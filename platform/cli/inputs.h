// SPDX-License-Identifier: Apache-2.0
/// Inputs of a network from files: idx (also gzip), raw arrays, PNG and JPEG; and the arithmetic before the first
/// layer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lightcard/model/common/result.h"

namespace lightcard::cli {

enum class Layout : std::uint8_t { nchw, nhwc };
enum class Element : std::uint8_t { by_name, u8, s8, f32 };  ///< of raw files; by_name: .f32, .s8/.i8, else u8

struct InputShape {
    int channels = 1, height = 1, width = 1;
    std::size_t elements() const { return static_cast<std::size_t>(channels) * height * width; }
};

/// Network input = (file value * scale - mean) / std, mean and std a channel each or one for all.
struct Preprocess {
    double scale = 1;
    std::vector<double> mean{0}, deviation{1};
};

struct InputOptions {
    InputShape shape;
    Layout layout = Layout::nchw;  ///< of raw files and of idx files with channels
    Element element = Element::by_name;
    Preprocess preprocess;
    int resize_shorter = 0;        ///< pictures: see fit_picture()
    std::size_t limit = SIZE_MAX;  ///< images to read
};

struct Inputs {
    std::size_t count = 0;
    std::vector<float> values;       ///< NCHW, preprocessed
    std::vector<std::string> names;  ///< of pictures, one each; empty for arrays
    const float* image(std::size_t i) const { return values.data() + i * (count ? values.size() / count : 0); }
};

Result<Inputs> read_inputs(const std::vector<std::string>& files, const InputOptions& options);

/// "0.5", "1/255" or, for lists, "0.485,0.456,0.406".
Result<double> parse_ratio(const std::string& text);
Result<std::vector<double>> parse_list(const std::string& text);

}  // namespace lightcard::cli
