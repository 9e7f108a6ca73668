// SPDX-License-Identifier: Apache-2.0
/// Operators that move values and compute none.
#include <algorithm>

#include "lightcard/platform/compiler/float_kernels.h"

namespace lightcard::compiler::kernels {

namespace {

std::vector<std::ptrdiff_t> dense_strides(const Shape& shape)
{
    std::vector<std::ptrdiff_t> strides(shape.size());
    std::ptrdiff_t step = 1;
    for (std::size_t d = shape.size(); d-- > 0; step *= static_cast<std::ptrdiff_t>(shape[d])) strides[d] = step;
    return strides;
}

/// out[position] = in[offset + position . strides]
template <class T>
void copy_strided(const Shape& shape, std::ptrdiff_t offset, const std::vector<std::ptrdiff_t>& strides, const T* in,
                  T* out)
{
    const auto count = static_cast<std::size_t>(element_count(shape));
    std::vector<std::int64_t> position(shape.size(), 0);
    std::ptrdiff_t at = offset;
    for (std::size_t i = 0; i < count; ++i) {
        out[i] = in[at];
        for (std::size_t d = shape.size(); d-- > 0;) {
            at += strides[d];
            if (++position[d] < shape[d]) break;
            at -= strides[d] * position[d];
            position[d] = 0;
        }
    }
}

/// Source index of a padded position along one dimension; -1 = the pad value.
std::int64_t padded_source(PadMode mode, std::int64_t at, std::int64_t size)
{
    if (at >= 0 && at < size) return at;
    if (mode == PadMode::constant || size == 0) return -1;
    if (mode == PadMode::edge || size == 1) return std::clamp<std::int64_t>(at, 0, size - 1);
    const std::int64_t period = 2 * (size - 1);
    const std::int64_t wrapped = (at % period + period) % period;
    return wrapped < size ? wrapped : period - wrapped;
}

template <class T>
void pad(const Node& node, const Shape& from, const T* in, T value, T* out)
{
    const auto strides = dense_strides(from);
    std::vector<std::int64_t> position(from.size(), 0);
    const auto count = static_cast<std::size_t>(element_count(node.shape));
    for (std::size_t i = 0; i < count; ++i) {
        std::ptrdiff_t at = 0;
        bool inside = true;
        for (std::size_t d = 0; d < from.size(); ++d) {
            const std::int64_t source = padded_source(node.pad_mode, position[d] - node.pads[d], from[d]);
            inside = inside && source >= 0;
            at += strides[d] * static_cast<std::ptrdiff_t>(source);
        }
        out[i] = inside ? in[at] : value;
        for (std::size_t d = from.size(); d-- > 0;) {
            if (++position[d] < node.shape[d]) break;
            position[d] = 0;
        }
    }
}

struct Extent {
    std::size_t outer = 1, inner = 1;
};
Extent around(const Shape& shape, std::size_t axis)
{
    Extent e;
    for (std::size_t d = 0; d < axis; ++d) e.outer *= static_cast<std::size_t>(shape[d]);
    for (std::size_t d = axis + 1; d < shape.size(); ++d) e.inner *= static_cast<std::size_t>(shape[d]);
    return e;
}

template <class T>
void concat(const Node& node, const Operands& in, const T* Operand::*values, T* out)
{
    const auto axis = static_cast<std::size_t>(node.axis);
    const Extent e = around(node.shape, axis);
    for (std::size_t o = 0; o < e.outer; ++o)
        for (const Operand& operand : in) {
            const std::size_t run = static_cast<std::size_t>((*operand.shape)[axis]) * e.inner;
            out = std::copy_n(operand.*values + o * run, run, out);
        }
}

template <class T>
bool gather(const Node& node, const Operands& in, const T* from, T* out)
{
    const Shape& data = *in[0].shape;
    const auto axis = static_cast<std::size_t>(node.axis);
    const Extent e = around(data, axis);
    const std::int64_t size = data[axis], count = element_count(*in[1].shape);
    for (std::size_t o = 0; o < e.outer; ++o)
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t index = in[1].ints[i] < 0 ? in[1].ints[i] + size : in[1].ints[i];
            if (index < 0 || index >= size) return false;
            out = std::copy_n(from + (o * static_cast<std::size_t>(size) + static_cast<std::size_t>(index)) * e.inner,
                              e.inner, out);
        }
    return true;
}

}  // namespace

std::vector<std::ptrdiff_t> broadcast_strides(const Shape& shape, std::size_t rank)
{
    std::vector<std::ptrdiff_t> strides(rank, 0);
    const auto dense = dense_strides(shape);
    for (std::size_t d = 0; d < shape.size(); ++d)
        if (shape[d] != 1) strides[rank - shape.size() + d] = dense[d];
    return strides;
}

Broadcast::Broadcast(const Shape& shape, const Operands& in) : shape_(shape)
{
    for (const Operand& operand : in) strides_.push_back(broadcast_strides(*operand.shape, shape.size()));
}

void run_pad(const Node& node, const Operands& in, Tensor& out)
{
    if (node.integer)
        pad(node, *in[0].shape, in[0].ints, static_cast<std::int64_t>(node.pad_value), out.ints.data());
    else
        pad(node, *in[0].shape, in[0].real, node.pad_value, out.real.data());
}

void run_concat(const Node& node, const Operands& in, Tensor& out)
{
    if (node.integer)
        concat(node, in, &Operand::ints, out.ints.data());
    else
        concat(node, in, &Operand::real, out.real.data());
}

void run_strided(const Node& node, const Operands& in, Tensor& out)
{
    const Shape& from = *in[0].shape;
    auto strides = dense_strides(from);
    std::ptrdiff_t offset = 0;
    if (node.op == Op::expand) {
        strides = broadcast_strides(from, node.shape.size());
    } else if (node.op == Op::transpose) {
        const auto source = strides;
        for (std::size_t d = 0; d < from.size(); ++d) strides[d] = source[static_cast<std::size_t>(node.axes[d])];
    } else {
        for (std::size_t d = 0; d < from.size(); ++d) {
            offset += strides[d] * static_cast<std::ptrdiff_t>(node.starts[d]);
            strides[d] *= static_cast<std::ptrdiff_t>(node.steps[d]);
        }
    }
    if (node.integer)
        copy_strided(node.shape, offset, strides, in[0].ints, out.ints.data());
    else
        copy_strided(node.shape, offset, strides, in[0].real, out.real.data());
}

Status run_gather(const Node& node, const Operands& in, Tensor& out)
{
    const bool good =
        node.integer ? gather(node, in, in[0].ints, out.ints.data()) : gather(node, in, in[0].real, out.real.data());
    return good ? Status{} : Status{Error{"an index is outside the dimension of " + describe(*in[0].shape), "", ""}};
}

}  // namespace lightcard::compiler::kernels
