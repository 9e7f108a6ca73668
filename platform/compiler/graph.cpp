// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

const char* to_string(Op op)
{
    switch (op) {
        case Op::input:
            return "Input";
        case Op::constant:
            return "Constant";
        case Op::conv:
            return "Conv";
        case Op::conv_transpose:
            return "ConvTranspose";
        case Op::gemm:
            return "Gemm";
        case Op::matmul:
            return "MatMul";
        case Op::dynamic_matmul:
            return "MatMul";
        case Op::relu:
            return "Relu";
        case Op::clip:
            return "Clip";
        case Op::sqrt:
            return "Sqrt";
        case Op::exp:
            return "Exp";
        case Op::erf:
            return "Erf";
        case Op::tanh:
            return "Tanh";
        case Op::negate:
            return "Neg";
        case Op::reciprocal:
            return "Reciprocal";
        case Op::sigmoid:
            return "Sigmoid";
        case Op::hard_sigmoid:
            return "HardSigmoid";
        case Op::hard_swish:
            return "HardSwish";
        case Op::silu:
            return "SiLU";
        case Op::gelu:
            return "Gelu";
        case Op::cast:
            return "Cast";
        case Op::quantize_linear:
            return "QuantizeLinear";
        case Op::dequantize_linear:
            return "DequantizeLinear";
        case Op::add:
            return "Add";
        case Op::sub:
            return "Sub";
        case Op::mul:
            return "Mul";
        case Op::div:
            return "Div";
        case Op::pow:
            return "Pow";
        case Op::equal:
            return "Equal";
        case Op::where:
            return "Where";
        case Op::max_pool:
            return "MaxPool";
        case Op::average_pool:
            return "AveragePool";
        case Op::global_average_pool:
            return "GlobalAveragePool";
        case Op::global_max_pool:
            return "GlobalMaxPool";
        case Op::resize:
            return "Resize";
        case Op::lrn:
            return "LRN";
        case Op::batch_normalization:
            return "BatchNormalization";
        case Op::layer_norm:
            return "LayerNormalization";
        case Op::rms_norm:
            return "RMSNormalization";
        case Op::softmax:
            return "Softmax";
        case Op::reduce_mean:
            return "ReduceMean";
        case Op::flatten:
            return "Flatten";
        case Op::reshape:
            return "Reshape";
        case Op::identity:
            return "Identity";
        case Op::pad:
            return "Pad";
        case Op::concat:
            return "Concat";
        case Op::transpose:
            return "Transpose";
        case Op::slice:
            return "Slice";
        case Op::expand:
            return "Expand";
        case Op::gather:
            return "Gather";
    }
    return "unknown";
}

bool is_element_wise(Op op)
{
    return op >= Op::relu && op <= Op::dequantize_linear;
}

const char* to_string(QuantOp op)
{
    switch (op) {
        case QuantOp::input:
            return "input";
        case QuantOp::mvm:
            return "mvm";
        case QuantOp::add:
            return "add";
        case QuantOp::requant:
            return "requant";
        case QuantOp::max_pool:
            return "max_pool";
        case QuantOp::average_pool:
            return "average_pool";
        case QuantOp::softmax:
            return "softmax";
        case QuantOp::pad:
            return "pad";
        case QuantOp::output:
            return "output";
        case QuantOp::mul:
            return "mul";
        case QuantOp::table:
            return "table";
        case QuantOp::norm:
            return "norm";
        case QuantOp::gemm:
            return "gemm";
        case QuantOp::gather:
            return "gather";
        case QuantOp::concat:
            return "concat";
        case QuantOp::move:
            return "move";
        case QuantOp::constant:
            return "constant";
        case QuantOp::view:
            return "view";
    }
    return "unknown";
}

std::int64_t element_count(const Shape& shape)
{
    std::int64_t count = 1;
    for (std::int64_t dim : shape) count *= dim;
    return count;
}

std::string describe(const Shape& shape)
{
    std::string text = "[";
    for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + "]";
}

std::string describe(const Node& node)
{
    return "node '" + node.name + "' (" + to_string(node.op) + ")";
}

}  // namespace lightcard::compiler
