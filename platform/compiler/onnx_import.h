// SPDX-License-Identifier: Apache-2.0
/// ONNX file -> Graph. Whatever the bytes are, the answer is a Graph or an Error that names every node it
/// cannot take; time and memory are bounded by the limits of ImportOptions. Shapes are inferred here.
///
/// Operators: supported_operators() in onnx_operators.cpp is the list, docs/networks.md what each takes. Opsets 1 and
/// later. What depends on constants alone is computed here, so that shape arithmetic leaves no trace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

struct ImportOptions {
    std::uint64_t max_file_bytes = (std::uint64_t{1} << 31) - 1;  ///< protobuf's own limit; larger values count as this
    std::int64_t max_tensor_elements = std::int64_t{1} << 28;     ///< of one weight or activation tensor
    /// Values of constants that reading and folding decode, copy or rewrite, together. (ResNet-50 needs 0.1 * 2^29.)
    std::int64_t max_constant_elements = std::int64_t{1} << 29;
    std::map<std::string, std::int64_t> dimensions;  ///< values of symbolic dimensions; those not named are 1
    bool bind_batch = true;  ///< dimension 0 of a model's one input is 1, whatever the file says
    bool fold = true;        ///< fold batch normalisation and constants, match patterns, drop no-ops (fold.h)
};

/// ONNX names of the operators that the importer knows, sorted.
std::vector<std::string> supported_operator_names();

Result<Graph> import_onnx(const std::string& path, const ImportOptions& options = {});
Result<Graph> import_onnx(const void* bytes, std::size_t size, const ImportOptions& options = {});

}  // namespace lightcard::compiler
