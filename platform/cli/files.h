// SPDX-License-Identifier: Apache-2.0
/// Files that users hand in: whole contents (gzip undone), idx arrays, labels. Nothing here throws; every error
/// names the file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lightcard/model/common/result.h"

namespace lightcard::cli {

using Bytes = std::vector<std::uint8_t>;

/// Contents of a file, unpacked if it is gzip. At most 2 GiB.
Result<Bytes> read_file(const std::string& path);

/// Lines of a text file, without their ends; empty ones at the end are left out.
Result<std::vector<std::string>> read_lines(const std::string& path);

/// Array of the idx format (MNIST): elements as real numbers in the file's order.
struct IdxArray {
    std::vector<std::size_t> shape;
    std::vector<float> values;
};
/// True if the bytes begin as an idx file of a known type does.
bool looks_like_idx(const Bytes& bytes);
/// Reads at most the first `limit` items of dimension 0.
Result<IdxArray> parse_idx(const Bytes& bytes, const std::string& path, std::size_t limit);

/// Array of NumPy's .npy format: f4, f8, u1, i1, i2, i4, i8 and b1, little-endian, C order.
bool looks_like_npy(const Bytes& bytes);
/// Reads at most the first `limit` items of dimension 0.
Result<IdxArray> parse_npy(const Bytes& bytes, const std::string& path, std::size_t limit);

/// Labels: `names` are file names where the file gives them (CSV), else empty.
struct Labels {
    std::vector<std::uint32_t> values;
    std::vector<std::string> names;

    /// Labels of images in order. With names, each image's file name is looked up.
    Result<std::vector<std::uint32_t>> for_images(const std::vector<std::string>& image_names, std::size_t count) const;
};
/// idx, one byte a label (.u8, .bin), or text: a number a line, or CSV whose first number column is the label.
Result<Labels> read_labels(const std::string& path);

}  // namespace lightcard::cli
