// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/vfio_user/message.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include <nlohmann/json.hpp>

namespace lightcard::vfio_user {

namespace {

using Decoded = std::variant<Request, Refusal>;

/// A message body that is read from front to back.
struct Body {
    const std::uint8_t* data;
    std::size_t size;
    std::size_t fds;

    template <class T>
    bool take(T& into)
    {
        if (size < sizeof into) return false;
        std::memcpy(&into, data, sizeof into);
        data += sizeof into;
        size -= sizeof into;
        return true;
    }
};

Refusal invalid(std::string why)
{
    return {EINVAL, std::move(why)};
}

bool range_overflows(std::uint64_t first, std::uint64_t size)
{
    return size > 0 && size - 1 > std::numeric_limits<std::uint64_t>::max() - first;
}

/// Unknown keys and values of another type are none of our business; only what we can act on is read.
void read_capabilities(const nlohmann::json& json, VersionRequest& request)
{
    const auto found = json.find("capabilities");
    if (found == json.end() || !found->is_object()) return;
    if (const auto bytes = found->find("max_data_xfer_size"); bytes != found->end() && bytes->is_number_unsigned())
        request.max_transfer =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes->get<std::uint64_t>(), kMaxTransfer));
    if (const auto multiple = found->find("write_multiple"); multiple != found->end() && multiple->is_boolean())
        request.write_multiple = multiple->get<bool>();
}

Decoded decode_version(Body body)
{
    VersionBody numbers;
    if (!body.take(numbers)) return invalid("VERSION: shorter than its two numbers");
    if (body.size > kMaxVersionBytes) return invalid("VERSION: more than 4096 bytes of JSON");
    VersionRequest request;
    request.major = numbers.major;
    request.minor = numbers.minor;
    if (numbers.major != 0) return Refusal{ENOTSUP, "VERSION: only major version 0 is spoken here"};
    if (body.size == 0) return request;
    if (body.data[body.size - 1] != 0) return invalid("VERSION: the JSON does not end in NUL");
    const auto* text = reinterpret_cast<const char*>(body.data);
    const auto json = nlohmann::json::parse(text, text + std::strlen(text), nullptr, false);
    if (!json.is_object()) return invalid("VERSION: not a JSON object");
    request.json = true;
    read_capabilities(json, request);
    if (request.max_transfer < 64) return invalid("VERSION: max_data_xfer_size below 64 bytes");
    return request;
}

Decoded decode_dma_map(Body body)
{
    DmaMapBody map;
    if (!body.take(map) || body.size != 0) return invalid("DMA_MAP: not 32 bytes");
    if (map.argsz < sizeof map) return invalid("DMA_MAP: argsz below 32");
    if (body.fds > 1) return invalid("DMA_MAP: more than one file descriptor");
    if (map.size == 0 || range_overflows(map.iova, map.size)) return invalid("DMA_MAP: empty or endless range");
    if (range_overflows(map.offset, map.size)) return invalid("DMA_MAP: file offset out of range");
    return DmaMapRequest{map.iova, map.size, map.offset, (map.flags & kMapRead) != 0, (map.flags & kMapWrite) != 0};
}

Decoded decode_dma_unmap(Body body)
{
    DmaUnmapBody unmap;
    if (!body.take(unmap) || body.size != 0) return invalid("DMA_UNMAP: not 24 bytes");
    if (unmap.argsz < sizeof unmap) return invalid("DMA_UNMAP: argsz below 24");
    if ((unmap.flags & kUnmapDirty) != 0) return Refusal{ENOTSUP, "DMA_UNMAP: no dirty page bitmap"};
    if ((unmap.flags & ~kUnmapAll) != 0) return invalid("DMA_UNMAP: unknown flags");
    const bool all = unmap.flags == kUnmapAll;
    if (all && (unmap.iova != 0 || unmap.size != 0)) return invalid("DMA_UNMAP: everything, and a range");
    if (!all && (unmap.size == 0 || range_overflows(unmap.iova, unmap.size)))
        return invalid("DMA_UNMAP: empty or endless range");
    return DmaUnmapRequest{all, unmap.iova, unmap.size, unmap};
}

Decoded decode_set_irqs(Body body)
{
    SetIrqsBody set;
    if (!body.take(set)) return invalid("SET_IRQS: shorter than 20 bytes");
    if (set.argsz < sizeof set) return invalid("SET_IRQS: argsz below 20");
    if (set.index >= kIrqs) return invalid("SET_IRQS: no such interrupt index");
    const auto data = set.flags & kDataMask, action = set.flags & kActionsMask;
    if ((set.flags & ~(kDataMask | kActionsMask)) != 0) return invalid("SET_IRQS: unknown flags");
    if (data != kDataNone && data != kDataBool && data != kDataEventfd)
        return invalid("SET_IRQS: not exactly one kind of data");
    if (action != kActionMask && action != kActionUnmask && action != kActionTrigger)
        return invalid("SET_IRQS: not exactly one action");
    if (set.count > std::numeric_limits<std::uint32_t>::max() - set.start)
        return invalid("SET_IRQS: endless range of vectors");
    if (body.size != (data == kDataBool ? set.count : 0)) return invalid("SET_IRQS: data of another length");
    if (data != kDataEventfd && body.fds != 0) return invalid("SET_IRQS: file descriptors that nobody asked for");
    // As many descriptors as vectors, or none at all: take them away.
    if (data == kDataEventfd && body.fds != 0 && body.fds != set.count)
        return invalid("SET_IRQS: not one file descriptor a vector");
    SetIrqsRequest request{set.index, set.start, set.count, data, action, {}};
    if (data == kDataBool) request.chosen.assign(body.data, body.data + body.size);
    return request;
}

/// Region and extent; the size of a region is for the device to know.
bool read_access(Body& body, RegionAccessBody& access, const char* name, Refusal& refusal)
{
    if (!body.take(access)) {
        refusal = invalid(std::string(name) + ": shorter than 16 bytes");
    } else if (access.region >= kRegions) {
        refusal = invalid(std::string(name) + ": no such region");
    } else if (access.count == 0 || access.count > kMaxTransfer) {
        refusal = invalid(std::string(name) + ": nothing, or more than 1 MiB");
    } else if (range_overflows(access.offset, access.count)) {
        refusal = invalid(std::string(name) + ": endless range");
    } else {
        return true;
    }
    return false;
}

Decoded decode_region_read(Body body)
{
    RegionAccessBody access;
    Refusal refusal;
    if (!read_access(body, access, "REGION_READ", refusal)) return refusal;
    if (body.size != 0) return invalid("REGION_READ: more than 16 bytes");
    return RegionReadRequest{access.region, access.offset, access.count};
}

Decoded decode_region_write(Body body)
{
    RegionAccessBody access;
    Refusal refusal;
    if (!read_access(body, access, "REGION_WRITE", refusal)) return refusal;
    if (body.size != access.count) return invalid("REGION_WRITE: data of another length");
    return RegionWriteRequest{access.region, access.offset, Bytes(body.data, body.data + body.size)};
}

Decoded decode_write_multi(Body body)
{
    std::uint64_t count = 0;
    if (!body.take(count)) return invalid("REGION_WRITE_MULTI: no number of writes");
    if (count == 0 || count > kMaxWrites || body.size != count * sizeof(WriteMultiEntry))
        return invalid("REGION_WRITE_MULTI: data of another length, or too many writes");
    WriteMultiRequest request;
    for (WriteMultiEntry entry; body.take(entry);) {
        if (entry.region >= kRegions || entry.count == 0 || entry.count > sizeof entry.data ||
            range_overflows(entry.offset, entry.count))
            return invalid("REGION_WRITE_MULTI: a write of a wrong region or length");
        request.writes.push_back({entry.region, entry.offset, Bytes(entry.data, entry.data + entry.count)});
    }
    return request;
}

Decoded decode_dma_reply(const Header& header, Body body)
{
    DmaReply reply;
    reply.id = header.id;
    reply.write = header.command == static_cast<std::uint16_t>(Command::dma_write);
    if ((header.flags & kError) != 0) {
        reply.error = header.error != 0 && header.error < 4096 ? static_cast<int>(header.error) : EIO;
        return reply;
    }
    DmaAccessBody access;
    if (!body.take(access)) return invalid("answer to a DMA message: shorter than 16 bytes");
    if (body.size != (reply.write ? 0 : access.count))
        return invalid("answer to a DMA message: data of another length");
    reply.address = access.address;
    reply.data.assign(body.data, body.data + body.size);
    return reply;
}

template <class Info, class Answer>
Decoded decode_info(Body body, std::uint32_t end, const char* name)
{
    Info info;
    if (!body.take(info)) return invalid(std::string(name) + ": too short");
    if (info.argsz < sizeof info) return invalid(std::string(name) + ": argsz too small");
    if (info.index >= end) return invalid(std::string(name) + ": no such index");
    Answer answer;
    answer.index = info.index;
    if constexpr (std::is_same_v<Answer, RegionInfoRequest>) answer.room = info.argsz;
    return answer;
}

Decoded decode_command(const Header& header, Body body)
{
    const auto command = static_cast<Command>(header.command);
    const bool takes_fds = command == Command::dma_map || command == Command::set_irqs;
    if (body.fds != 0 && !takes_fds) return invalid("file descriptors with a message that takes none");
    switch (command) {
        case Command::version:
            return decode_version(body);
        case Command::dma_map:
            return decode_dma_map(body);
        case Command::dma_unmap:
            return decode_dma_unmap(body);
        case Command::get_info:
            if (DeviceInfoBody info; !body.take(info) || info.argsz < sizeof info)
                return invalid("GET_INFO: too short, or argsz too small");
            return DeviceInfoRequest{};
        case Command::get_region_info:
            return decode_info<RegionInfoBody, RegionInfoRequest>(body, kRegions, "GET_REGION_INFO");
        case Command::get_irq_info:
            return decode_info<IrqInfoBody, IrqInfoRequest>(body, kIrqs, "GET_IRQ_INFO");
        case Command::set_irqs:
            return decode_set_irqs(body);
        case Command::region_read:
            return decode_region_read(body);
        case Command::region_write:
            return decode_region_write(body);
        case Command::region_write_multi:
            return decode_write_multi(body);
        case Command::reset:
            if (body.size != 0) return invalid("DEVICE_RESET: has a body");
            return ResetRequest{};
        case Command::get_region_io_fds:
        case Command::dma_read:
        case Command::dma_write:
            break;
    }
    return Refusal{ENOTSUP, "command " + std::to_string(header.command) + " is not supported"};
}

}  // namespace

std::variant<std::uint32_t, Refusal> body_bytes(const Header& header)
{
    if (header.size < sizeof header) return invalid("message smaller than its header");
    if (header.size > kMaxMessage) return invalid("message larger than 1 MiB");
    const auto type = header.flags & kTypeMask;
    if (type != kTypeCommand && type != kTypeReply) return invalid("message neither command nor reply");
    return static_cast<std::uint32_t>(header.size - sizeof header);
}

std::variant<Request, Refusal> decode(const Header& header, const std::uint8_t* data, std::size_t size, std::size_t fds)
{
    const Body body{data, size, fds};
    if ((header.flags & kTypeMask) == kTypeCommand) return decode_command(header, body);
    const auto command = static_cast<Command>(header.command);
    if (fds != 0 || (command != Command::dma_read && command != Command::dma_write))
        return invalid("reply to a message that was never sent");
    return decode_dma_reply(header, body);
}

void append(Bytes& bytes, const void* data, std::size_t size)
{
    const auto at = bytes.size();
    bytes.resize(at + size);
    if (size > 0) std::memcpy(bytes.data() + at, data, size);
}

Bytes make_message(std::uint16_t id, Command command, std::uint32_t flags, const Bytes& body)
{
    const Header header{id, static_cast<std::uint16_t>(command),
                        static_cast<std::uint32_t>(sizeof(Header) + body.size()), flags, 0};
    Bytes bytes;
    bytes.reserve(header.size);
    append(bytes, header);
    append(bytes, body.data(), body.size());
    return bytes;
}

Bytes make_reply(const Header& request, const Bytes& body)
{
    return make_message(request.id, static_cast<Command>(request.command), kTypeReply, body);
}

Bytes make_error(const Header& request, int error)
{
    const Header header{request.id, request.command, sizeof(Header), kTypeReply | kError,
                        static_cast<std::uint32_t>(error)};
    Bytes bytes;
    append(bytes, header);
    return bytes;
}

Bytes version_answer(const VersionRequest& request, std::size_t request_bytes)
{
    Bytes body;
    append(body, VersionBody{0, 0});
    if (!request.json) return body;
    const std::string fds = "{\"capabilities\":{\"max_msg_fds\":" + std::to_string(kMaxFds);
    const std::string full = fds + ",\"max_data_xfer_size\":" + std::to_string(kMaxTransfer) +
                             ",\"write_multiple\":" + (request.write_multiple ? "true" : "false") + "}}";
    for (const std::string& text : {full, fds + "}}", std::string("{}")}) {
        if (sizeof(Header) + body.size() + text.size() + 1 > request_bytes && text != "{}") continue;
        append(body, text.c_str(), text.size() + 1);
        break;
    }
    return body;
}

}  // namespace lightcard::vfio_user
