// SPDX-License-Identifier: Apache-2.0
// Messages of a vfio-user client. Input: 1 byte = number of file descriptors, then header and body as on the socket.
#include <algorithm>

#include "lightcard/platform/vfio_user/message.h"
#include "lightcard/tb/fuzz/fuzz.h"

namespace lightcard::fuzz {
namespace {

using namespace vfio_user;

template <class Body>
Bytes message(Command command, const Body& body, std::uint8_t fds = 0, const std::string& tail = {})
{
    Bytes rest;
    vfio_user::append(rest, body);
    rest.insert(rest.end(), tail.begin(), tail.end());
    const Bytes whole = make_message(7, command, kTypeCommand, rest);
    Bytes bytes(1 + whole.size(), fds);
    std::copy(whole.begin(), whole.end(), bytes.begin() + 1);
    return bytes;
}

void check(const Request& request)
{
    if (const auto* read = std::get_if<RegionReadRequest>(&request)) {
        require(read->count <= kMaxTransfer, "a read fits one message");
    } else if (const auto* write = std::get_if<RegionWriteRequest>(&request)) {
        require(write->data.size() <= kMaxTransfer, "a write fits one message");
    } else if (const auto* multi = std::get_if<WriteMultiRequest>(&request)) {
        require(multi->writes.size() <= kMaxWrites, "a message has a bounded number of writes");
    } else if (const auto* map = std::get_if<DmaMapRequest>(&request)) {
        require(map->size != 0 && map->iova + (map->size - 1) >= map->iova, "a mapping does not wrap");
    } else if (const auto* irqs = std::get_if<SetIrqsRequest>(&request)) {
        require(irqs->chosen.empty() || irqs->chosen.size() == irqs->count, "one choice an interrupt");
    }
}

}  // namespace

std::vector<Bytes> seeds()
{
    const DmaMapBody map{sizeof(DmaMapBody), kMapRead | kMapWrite, 0, 0x1000'0000, 0x10'0000};
    const DmaUnmapBody unmap{sizeof(DmaUnmapBody), 0, 0x1000'0000, 0x10'0000};
    const RegionAccessBody access{0, kBar0, 4};
    return {
        message(Command::version, VersionBody{0, 1}, 0, std::string("{\"capabilities\":{\"max_msg_fds\":8}}") + '\0'),
        message(Command::dma_map, map, 1), message(Command::dma_unmap, unmap), message(Command::region_read, access),
        message(Command::region_write, access, 0, "data")};
}

bool accepts(const std::uint8_t* data, std::size_t size)
{
    Header header{};
    if (size < 1 + sizeof header) return false;
    std::memcpy(&header, data + 1, sizeof header);
    const auto body = body_bytes(header);
    if (const auto* refusal = std::get_if<Refusal>(&body)) {
        require(refusal->error > 0 && !refusal->why.empty(), "a refusal has an errno and says why");
        return false;
    }
    const std::size_t there = size - 1 - sizeof header;
    require(std::get<std::uint32_t>(body) <= kMaxMessage, "a message has a bounded size");
    if (std::get<std::uint32_t>(body) != there) return false;  // the socket would wait for the rest
    const auto decoded = decode(header, data + 1 + sizeof header, there, data[0] % (kMaxFds + 1));
    if (const auto* refusal = std::get_if<Refusal>(&decoded)) {
        require(refusal->error > 0 && !refusal->why.empty(), "a refusal has an errno and says why");
        return false;
    }
    check(std::get<Request>(decoded));
    return true;
}

}  // namespace lightcard::fuzz
