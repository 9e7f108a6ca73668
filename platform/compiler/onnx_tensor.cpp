// SPDX-License-Identifier: Apache-2.0
/// Constants and attributes out of protobuf messages.
#include <cstring>

#include "lightcard/platform/compiler/onnx_reader.h"

namespace lightcard::compiler {

using onnx::TensorProto;

std::string printable(const std::string& text)
{
    constexpr std::size_t kLimit = 100;
    std::string out = text.substr(0, kLimit);
    for (char& c : out)
        if (c < ' ' || c > '~') c = '?';
    return text.size() > kLimit ? out + "..." : out;
}

Result<std::int64_t> checked_count(const Shape& shape, std::int64_t limit)
{
    std::int64_t count = 1;
    for (std::int64_t dim : shape) {
        if (dim < 0) return Error{"dimension " + std::to_string(dim) + " is negative", "", ""};
        if (__builtin_mul_overflow(count, dim, &count) || count > limit)
            return Error{"a tensor of shape " + describe(shape) + " is too large", "",
                         "at most " + std::to_string(limit) + " elements"};
    }
    return count;
}

namespace {

float from_half(std::uint16_t bits)
{
    const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
    const float sign = bits & 0x8000 ? -1.0f : 1.0f;
    if (exponent == 31) return fraction ? __builtin_nanf("") : sign * __builtin_inff();
    if (exponent == 0) return sign * __builtin_ldexpf(static_cast<float>(fraction), -24);
    return sign * __builtin_ldexpf(static_cast<float>(fraction + 1024), exponent - 25);
}

float from_bfloat(std::uint16_t bits)
{
    const std::uint32_t wide = std::uint32_t{bits} << 16;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
}

template <class T>
T identity(T value)
{
    return value;
}

/// Values of one type, either from raw_data (little-endian) or from the typed field.
template <class Element, class Field, class Out, class Convert>
Status unpack(const TensorProto& tensor, const Field& field, std::int64_t count, std::vector<Out>& out, Convert convert)
{
    const auto n = static_cast<std::size_t>(count);
    const bool raw = tensor.has_raw_data();
    const std::size_t have = raw ? tensor.raw_data().size() : static_cast<std::size_t>(field.size());
    const std::size_t need = raw ? n * sizeof(Element) : n;
    if (have != need)
        return Error{"its shape needs " + std::to_string(need) + (raw ? " bytes" : " values") + ", the file has " +
                         std::to_string(have),
                     "", ""};
    out.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
        Element element;
        if (raw)
            std::memcpy(&element, tensor.raw_data().data() + i * sizeof(Element), sizeof(Element));
        else
            element = static_cast<Element>(field.Get(static_cast<int>(i)));
        out[i] = static_cast<Out>(convert(element));
    }
    return {};
}

Status decode_values(const TensorProto& t, std::int64_t count, Tensor& out)
{
    switch (t.data_type()) {
        case TensorProto::FLOAT:
            return unpack<float>(t, t.float_data(), count, out.real, identity<float>);
        case TensorProto::DOUBLE:
            return unpack<double>(t, t.double_data(), count, out.real, identity<double>);
        case TensorProto::FLOAT16:
            return unpack<std::uint16_t>(t, t.int32_data(), count, out.real, from_half);
        case TensorProto::BFLOAT16:
            return unpack<std::uint16_t>(t, t.int32_data(), count, out.real, from_bfloat);
        default:
            break;
    }
    out.integer = true;
    switch (t.data_type()) {
        case TensorProto::INT64:
            return unpack<std::int64_t>(t, t.int64_data(), count, out.ints, identity<std::int64_t>);
        case TensorProto::INT32:
            return unpack<std::int32_t>(t, t.int32_data(), count, out.ints, identity<std::int32_t>);
        case TensorProto::INT8:
            out.narrow = Narrow::s8;
            return unpack<std::int8_t>(t, t.int32_data(), count, out.ints, identity<std::int8_t>);
        case TensorProto::UINT8:
            out.narrow = Narrow::u8;
            return unpack<std::uint8_t>(t, t.int32_data(), count, out.ints, identity<std::uint8_t>);
        case TensorProto::INT16:
            return unpack<std::int16_t>(t, t.int32_data(), count, out.ints, identity<std::int16_t>);
        case TensorProto::UINT16:
            return unpack<std::uint16_t>(t, t.int32_data(), count, out.ints, identity<std::uint16_t>);
        case TensorProto::UINT32:
            return unpack<std::uint32_t>(t, t.uint64_data(), count, out.ints, identity<std::uint32_t>);
        case TensorProto::UINT64:
            return unpack<std::uint64_t>(t, t.uint64_data(), count, out.ints, identity<std::uint64_t>);
        case TensorProto::BOOL:
            return unpack<std::uint8_t>(t, t.int32_data(), count, out.ints, identity<std::uint8_t>);
        default:
            break;
    }
    const bool known = TensorProto::DataType_IsValid(t.data_type());
    return Error{"data type " +
                     (known ? TensorProto::DataType_Name(static_cast<TensorProto::DataType>(t.data_type()))
                            : std::to_string(t.data_type())) +
                     " is not supported",
                 "", "FLOAT, DOUBLE, FLOAT16, BFLOAT16, INT8 to INT64, UINT8 to UINT64, BOOL"};
}

Error in_tensor(Error error, const TensorProto& tensor)
{
    return Error{"tensor '" + printable(tensor.name()) + "': " + error.what, "", error.hint};
}

Error wrong_type(const char* name, const char* expected)
{
    return Error{std::string("attribute '") + name + "' is not " + expected, "", ""};
}

}  // namespace

Result<Tensor> decode_tensor(const TensorProto& tensor, std::int64_t max_elements)
{
    if (tensor.data_location() == TensorProto::EXTERNAL || tensor.external_data_size() > 0)
        return in_tensor(Error{"its data is in an external file", "", "save the model with its weights inside"},
                         tensor);
    if (tensor.has_segment()) return in_tensor(Error{"it is stored in segments", "", ""}, tensor);
    Tensor constant;
    constant.shape.assign(tensor.dims().begin(), tensor.dims().end());
    const auto count = checked_count(constant.shape, max_elements);
    if (!count) return in_tensor(count.error(), tensor);
    const Status decoded = decode_values(tensor, *count, constant);
    if (!decoded) return in_tensor(decoded.error(), tensor);
    return constant;
}

const onnx::AttributeProto* Attributes::find(const char* name) const
{
    for (const auto& attribute : node_.attribute())
        if (attribute.name() == name) return &attribute;
    return nullptr;
}

Result<std::int64_t> Attributes::integer(const char* name, std::int64_t otherwise) const
{
    const auto* attribute = find(name);
    if (!attribute) return otherwise;
    if (!attribute->has_i()) return wrong_type(name, "an integer");
    return static_cast<std::int64_t>(attribute->i());
}

Result<float> Attributes::real(const char* name, float otherwise) const
{
    const auto* attribute = find(name);
    if (!attribute) return otherwise;
    if (!attribute->has_f()) return wrong_type(name, "a number");
    return attribute->f();
}

Result<std::string> Attributes::text(const char* name, const std::string& otherwise) const
{
    const auto* attribute = find(name);
    if (!attribute) return otherwise;
    if (!attribute->has_s()) return wrong_type(name, "a string");
    return std::string(attribute->s());
}

Result<std::vector<std::int64_t>> Attributes::integers(const char* name, std::vector<std::int64_t> otherwise) const
{
    const auto* attribute = find(name);
    if (!attribute) return otherwise;
    if (attribute->has_i() || attribute->has_f() || attribute->has_s()) return wrong_type(name, "a list of integers");
    return std::vector<std::int64_t>(attribute->ints().begin(), attribute->ints().end());
}

Result<std::vector<float>> Attributes::reals(const char* name) const
{
    const auto* attribute = find(name);
    if (!attribute) return std::vector<float>{};
    if (attribute->has_i() || attribute->has_f() || attribute->has_s()) return wrong_type(name, "a list of numbers");
    return std::vector<float>(attribute->floats().begin(), attribute->floats().end());
}

const onnx::TensorProto* Attributes::tensor(const char* name) const
{
    const auto* attribute = find(name);
    return attribute && attribute->has_t() ? &attribute->t() : nullptr;
}

}  // namespace lightcard::compiler
