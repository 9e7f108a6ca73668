// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/onnx_wire.h"

#include <cstdint>
#include <string>

namespace lightcard::compiler {

namespace {

/// Messages of onnx.proto that repeat. `other` are the rest: not looked into, so bounded by their size.
enum class Message {
    model,
    graph,
    function,
    node,
    attribute,
    value_info,
    type,
    tensor_type,
    shape,
    tensor,
    other,
    bytes
};

/// What field `number` of `message` holds.
Message field_of(Message message, std::uint32_t number)
{
    switch (message) {
        case Message::model:
            if (number == 7) return Message::graph;
            if (number == 25) return Message::function;
            return number == 8 || number == 14 || number == 20 ? Message::other : Message::bytes;
        case Message::graph:
            if (number == 1) return Message::node;
            if (number == 5) return Message::tensor;
            if (number == 11 || number == 12 || number == 13) return Message::value_info;
            return number == 14 || number == 15 ? Message::other : Message::bytes;
        case Message::function:
            if (number == 7) return Message::node;
            return number == 9 || number == 11 ? Message::other : Message::bytes;
        case Message::node:
            return number == 5 ? Message::attribute : Message::bytes;
        case Message::attribute:
            if (number == 5 || number == 10) return Message::tensor;
            if (number == 6 || number == 11) return Message::graph;
            return number == 14 || number == 15 || number == 22 || number == 23 ? Message::other : Message::bytes;
        case Message::value_info:
            return number == 2 ? Message::type : Message::bytes;
        case Message::type:
            return number == 1 ? Message::tensor_type : Message::other;
        case Message::tensor_type:
            return number == 2 ? Message::shape : Message::bytes;
        default:
            return Message::bytes;
    }
}

class Walker {
public:
    explicit Walker(const std::uint8_t* bytes) : bytes_(bytes) {}

    Status walk(Message message, std::size_t at, std::size_t end, int depth)
    {
        if (depth > kMaxDepth) return fail(at, "messages are nested too deep");
        while (at < end) {
            std::uint64_t tag = 0, length = 0;
            if (!varint(at, end, tag)) return fail(at, "truncated or malformed");
            switch (tag & 7) {
                case 0:
                    if (!varint(at, end, length)) return fail(at, "truncated or malformed");
                    break;
                case 1:
                    length = 8;
                    break;
                case 2:
                    if (!varint(at, end, length)) return fail(at, "truncated or malformed");
                    break;
                case 5:
                    length = 4;
                    break;
                default:
                    return fail(at, "malformed: unknown field type");
            }
            if ((tag & 7) == 0) continue;
            if (length > end - at) return fail(at, "truncated: a field is longer than what is left");
            if ((tag & 7) == 2) {
                const Status inside = enter(field_of(message, static_cast<std::uint32_t>(tag >> 3)), at, length, depth);
                if (!inside) return inside;
            }
            at += length;
        }
        return {};
    }

private:
    static constexpr int kMaxDepth = 40;
    static constexpr std::uint64_t kMaxFields = 1'000'000, kMaxOther = 4 << 20;

    Status enter(Message message, std::size_t at, std::uint64_t length, int depth)
    {
        if (++fields_ > kMaxFields) return fail(at, "more than a million fields");
        if (message == Message::bytes) return {};
        if (message != Message::other) return walk(message, at, at + length, depth + 1);
        other_ += length;
        return other_ > kMaxOther ? fail(at, "too much that is not graph, node or tensor") : Status{};
    }

    bool varint(std::size_t& at, std::size_t end, std::uint64_t& value) const
    {
        value = 0;
        for (int shift = 0; shift < 64 && at < end; shift += 7) {
            const std::uint8_t byte = bytes_[at++];
            value |= static_cast<std::uint64_t>(byte & 127) << shift;
            if (byte < 128) return true;
        }
        return false;
    }

    static Error fail(std::size_t at, const char* what)
    {
        return Error{std::string("not an ONNX model, or damaged: ") + what, "byte " + std::to_string(at), ""};
    }

    const std::uint8_t* bytes_;
    std::uint64_t fields_ = 0, other_ = 0;
};

}  // namespace

Status check_wire(const void* bytes, std::size_t size)
{
    return Walker(static_cast<const std::uint8_t*>(bytes)).walk(Message::model, 0, size, 0);
}

}  // namespace lightcard::compiler
