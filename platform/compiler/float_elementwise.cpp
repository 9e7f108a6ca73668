// SPDX-License-Identifier: Apache-2.0
/// fp32 and integer operators that work element by element.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lightcard/platform/compiler/float_kernels.h"

namespace lightcard::compiler::kernels {

namespace {

double unary(const Node& n, double v)
{
    switch (n.op) {
        case Op::relu:
            return std::max(v, 0.0);
        case Op::clip:
            return std::min(std::max(v, static_cast<double>(n.clip_min)), static_cast<double>(n.clip_max));
        case Op::sqrt:
            return std::sqrt(v);
        case Op::exp:
            return std::exp(v);
        case Op::erf:
            return std::erf(v);
        case Op::tanh:
            return std::tanh(v);
        case Op::negate:
            return -v;
        case Op::reciprocal:
            return 1 / v;
        case Op::sigmoid:
            return 1 / (1 + std::exp(-v));
        case Op::hard_sigmoid:
            return std::clamp(static_cast<double>(n.alpha) * v + static_cast<double>(n.beta), 0.0, 1.0);
        case Op::hard_swish:
            return v * std::clamp(v / 6 + 0.5, 0.0, 1.0);
        case Op::silu:
            return v / (1 + std::exp(-v));
        case Op::gelu:
            return v * 0.5 * (1 + std::erf(v * 0.70710678118654752440));
        default:
            return v;
    }
}

std::int64_t to_integer(double v)
{
    constexpr double kEdge = 9.2e18;  // inside the range of 64 bits
    return std::isnan(v) ? 0 : static_cast<std::int64_t>(std::clamp(v, -kEdge, kEdge));
}

std::int64_t integer_power(std::int64_t base, double exponent)
{
    return to_integer(std::pow(static_cast<double>(base), exponent));
}

/// Two's complement arithmetic, as ONNX leaves it: no overflow is undefined here.
std::int64_t wrapping(Op op, std::int64_t a, std::int64_t b)
{
    const auto x = static_cast<std::uint64_t>(a), y = static_cast<std::uint64_t>(b);
    if (op == Op::add) return static_cast<std::int64_t>(x + y);
    if (op == Op::sub) return static_cast<std::int64_t>(x - y);
    return static_cast<std::int64_t>(x * y);
}

double real_binary(Op op, double a, double b)
{
    switch (op) {
        case Op::add:
            return static_cast<double>(static_cast<float>(a) + static_cast<float>(b));
        case Op::sub:
            return a - b;
        case Op::mul:
            return a * b;
        case Op::div:
            return a / b;
        case Op::pow:
            return b == 2 ? a * a : std::pow(a, b);
        default:
            return a;
    }
}

double number(const Operand& operand, std::ptrdiff_t at)
{
    return operand.integer ? static_cast<double>(operand.ints[at]) : static_cast<double>(operand.real[at]);
}

Status integer_binary(const Node& node, const Operands& in, Tensor& out)
{
    bool divisible = true;
    Broadcast(node.shape, in).each([&](std::size_t i, const std::ptrdiff_t* at) {
        const std::int64_t a = in[0].ints[at[0]], b = in[1].ints[at[1]];
        if (node.op != Op::div) {
            out.ints[i] = wrapping(node.op, a, b);
        } else if (b == 0 || (b == -1 && a == std::numeric_limits<std::int64_t>::min())) {
            divisible = false;
        } else {
            out.ints[i] = a / b;
        }
    });
    return divisible ? Status{} : Status{Error{"an integer is divided by zero", "", ""}};
}

/// Scale and zero point of element i: one, or one each along the axis.
class Steps {
public:
    Steps(const Node& node, const Operands& in) : in_(in)
    {
        channels_ = static_cast<std::size_t>(element_count(*in[1].shape));
        for (std::size_t d = static_cast<std::size_t>(node.axis) + 1; d < node.shape.size(); ++d)
            inner_ *= static_cast<std::size_t>(node.shape[d]);
    }
    double scale(std::size_t i) const { return number(in_[1], channel(i)); }
    double zero(std::size_t i) const { return in_.size() > 2 ? number(in_[2], channel(i)) : 0.0; }

private:
    std::ptrdiff_t channel(std::size_t i) const
    {
        return channels_ == 1 ? 0 : static_cast<std::ptrdiff_t>(i / inner_ % channels_);
    }
    const Operands& in_;
    std::size_t channels_ = 1, inner_ = 1;
};

}  // namespace

void run_unary(const Node& node, const Operands& in, Tensor& out)
{
    const auto count = out.integer ? out.ints.size() : out.real.size();
    for (std::size_t i = 0; i < count; ++i) {
        if (in[0].integer && out.integer && node.op == Op::cast) {
            out.ints[i] = in[0].ints[i];
            continue;
        }
        const double value = unary(node, number(in[0], static_cast<std::ptrdiff_t>(i)));
        if (out.integer)
            out.ints[i] = to_integer(value);
        else
            out.real[i] = static_cast<float>(value);
    }
}

Status run_binary(const Node& node, const Operands& in, Tensor& out)
{
    if (node.op == Op::equal) {
        Broadcast(node.shape, in).each([&](std::size_t i, const std::ptrdiff_t* at) {
            const bool same = in[0].integer && in[1].integer ? in[0].ints[at[0]] == in[1].ints[at[1]]
                                                             : number(in[0], at[0]) == number(in[1], at[1]);
            out.ints[i] = same ? 1 : 0;
        });
        return {};
    }
    if (out.integer && node.op != Op::pow) return integer_binary(node, in, out);
    Broadcast(node.shape, in).each([&](std::size_t i, const std::ptrdiff_t* at) {
        const double a = number(in[0], at[0]), b = number(in[1], at[1]);
        if (out.integer)
            out.ints[i] = integer_power(in[0].ints[at[0]], b);
        else
            out.real[i] = static_cast<float>(real_binary(node.op, a, b));
    });
    return {};
}

void run_where(const Node& node, const Operands& in, Tensor& out)
{
    Broadcast(node.shape, in).each([&](std::size_t i, const std::ptrdiff_t* at) {
        const std::size_t taken = in[0].ints[at[0]] != 0 ? 1 : 2;
        if (out.integer)
            out.ints[i] = in[taken].ints[at[taken]];
        else
            out.real[i] = in[taken].real[at[taken]];
    });
}

void run_quantize(const Node& node, const Operands& in, Tensor& out)
{
    const Steps steps(node, in);
    const bool forward = node.op == Op::quantize_linear;
    const auto count = static_cast<std::size_t>(element_count(node.shape));
    for (std::size_t i = 0; i < count; ++i) {
        const double v = number(in[0], static_cast<std::ptrdiff_t>(i));
        if (!forward) {
            out.real[i] = static_cast<float>((v - steps.zero(i)) * steps.scale(i));
            continue;
        }
        // Halves to even, after a division in fp32 as ONNX prescribes.
        const float ratio = static_cast<float>(v) / static_cast<float>(steps.scale(i));
        const double code = std::nearbyint(static_cast<double>(ratio)) + steps.zero(i);
        out.ints[i] =
            to_integer(std::clamp(code, static_cast<double>(node.clip_min), static_cast<double>(node.clip_max)));
    }
}

}  // namespace lightcard::compiler::kernels
