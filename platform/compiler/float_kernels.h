// SPDX-License-Identifier: Apache-2.0
/// Private to the fp32 executor and to constant folding: one node on given operands.
#pragma once

#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler::kernels {

/// An operand where it lies; `real` or `ints` as `integer` says.
struct Operand {
    const Shape* shape = nullptr;
    bool integer = false;
    const float* real = nullptr;
    const std::int64_t* ints = nullptr;
};
Operand operand_of(const Tensor& tensor);
Operand operand_of(const Node& constant);

using Operands = std::vector<Operand>;

/// Runs any node but Op::input and Op::constant. `out` gets node.shape and node.integer.
/// Error: an index or a divisor that the data makes invalid. Never reads outside its operands.
Status evaluate(const Node& node, const Operands& in, Tensor& out);

// Kernels by subject; `out` has its shape and size. A missing optional operand is not in `in`.
void run_conv(const Node& node, const Operands& in, Tensor& out);            // float_products.cpp
void run_conv_transpose(const Node& node, const Operands& in, Tensor& out);  // .
void run_product(const Node& node, const Operands& in, Tensor& out);         // .
void run_dynamic_matmul(const Node& node, const Operands& in, Tensor& out);  // .
void run_pool(const Node& node, const Operands& in, Tensor& out);            // float_windows.cpp
void run_resize(const Node& node, const Operands& in, Tensor& out);          // .
void run_lrn(const Node& node, const Operands& in, Tensor& out);             // .
void run_normalisation(const Node& node, const Operands& in, Tensor& out);   // float_norms.cpp
void run_layer_norm(const Node& node, const Operands& in, Tensor& out);      // .
void run_softmax(const Node& node, const Operands& in, Tensor& out);         // .
void run_reduce_mean(const Node& node, const Operands& in, Tensor& out);     // .
void run_unary(const Node& node, const Operands& in, Tensor& out);           // float_elementwise.cpp
Status run_binary(const Node& node, const Operands& in, Tensor& out);        // .
void run_where(const Node& node, const Operands& in, Tensor& out);           // .
void run_quantize(const Node& node, const Operands& in, Tensor& out);        // .
void run_pad(const Node& node, const Operands& in, Tensor& out);             // float_layout.cpp
void run_concat(const Node& node, const Operands& in, Tensor& out);          // .
void run_strided(const Node& node, const Operands& in, Tensor& out);         // . transpose, slice, expand
Status run_gather(const Node& node, const Operands& in, Tensor& out);        // .

/// Calls `visit(output index, offset of each operand)` over `shape`, with strides of broadcast operands.
class Broadcast {
public:
    Broadcast(const Shape& shape, const Operands& in);
    template <class Visit>
    void each(Visit visit);

private:
    const Shape& shape_;
    std::vector<std::vector<std::ptrdiff_t>> strides_;  ///< [operand][dimension]
};

/// Row-major strides of `shape` as a view of `rank` dimensions, 0 where it broadcasts.
std::vector<std::ptrdiff_t> broadcast_strides(const Shape& shape, std::size_t rank);

template <class Visit>
void Broadcast::each(Visit visit)
{
    const std::size_t rank = shape_.size(), operands = strides_.size();
    const auto count = static_cast<std::size_t>(element_count(shape_));
    std::vector<std::ptrdiff_t> at(operands, 0);
    std::vector<std::int64_t> position(rank, 0);
    for (std::size_t i = 0; i < count; ++i) {
        visit(i, at.data());
        for (std::size_t d = rank; d-- > 0;) {
            for (std::size_t o = 0; o < operands; ++o) at[o] += strides_[o][d];
            if (++position[d] < shape_[d]) break;
            for (std::size_t o = 0; o < operands; ++o) at[o] -= strides_[o][d] * position[d];
            position[d] = 0;
        }
    }
}

}  // namespace lightcard::compiler::kernels
