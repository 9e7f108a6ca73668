// SPDX-License-Identifier: Apache-2.0
// What a vfio-user client may send: a whole conversation, with file descriptors, against a device of bytes.
// Input: messages as on the socket. The low bits of a message's error field (meaningless in a request) say how many
// file descriptors come with it, and of which kind.
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <algorithm>

#include "lightcard/platform/vfio_user/session.h"
#include "lightcard/tb/fuzz/fuzz.h"

namespace lightcard::fuzz {
namespace {

using namespace vfio_user;

/// Holds the session to its word: every access is inside its region.
class ByteDevice : public Device {
public:
    std::uint64_t region_bytes(std::uint32_t region) const override
    {
        return region == kConfigRegion ? 4096 : region == kBar0 ? 65536 : region == kBar2 ? 1ull << 40 : 0;
    }
    void read(std::uint32_t region, std::uint64_t offset, std::uint8_t* into, std::uint32_t bytes) override
    {
        check(region, offset, bytes);
        std::fill_n(into, bytes, std::uint8_t{0x5a});
    }
    void write(std::uint32_t region, std::uint64_t offset, vfio_user::Bytes data) override
    {
        check(region, offset, data.size());
    }
    bool reset() override { return true; }

private:
    void check(std::uint32_t region, std::uint64_t offset, std::uint64_t bytes) const
    {
        require(bytes > 0 && offset < region_bytes(region) && bytes <= region_bytes(region) - offset,
                "accesses are inside their region");
    }
};

constexpr std::uint64_t kFileBytes = 1 << 16;

std::vector<Descriptor> descriptors(std::uint32_t error)
{
    std::vector<Descriptor> made;
    for (std::uint32_t i = 0; i < (error & 3); ++i) {
        Descriptor descriptor((error & 4) != 0 ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
                                               : memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        if ((error & 4) == 0) require(ftruncate(descriptor.number(), kFileBytes) == 0, "a file to map");
        made.push_back(std::move(descriptor));
    }
    return made;
}

void check_reply(const Header& request, const vfio_user::Bytes& bytes)
{
    if (bytes.empty()) return;
    Header reply;
    require(bytes.size() >= sizeof reply, "a reply has a header");
    std::memcpy(&reply, bytes.data(), sizeof reply);
    require(reply.id == request.id && reply.command == request.command, "a reply names its request");
    require((request.flags & (kTypeMask | kNoReply)) == 0, "nobody is answered who did not ask");
    require((reply.flags & kTypeMask) == kTypeReply && reply.size == bytes.size(), "a reply has its size");
    const bool error = (reply.flags & kError) != 0;
    require(!error || (reply.error > 0 && reply.error < 4096 && reply.size == sizeof reply), "an error is an errno");
    require(reply.size <= kMaxMessage, "a reply is no longer than agreed");
}

/// Whatever was mapped: the card may try to reach anything.
void reach(GuestMemory& memory)
{
    std::uint8_t data[64] = {};
    for (const std::uint64_t address : {0ull, 0x1000ull, 0xffc0ull, 0x1'0000'0000ull, ~0ull - 32, ~0ull}) {
        for (const bool to_guest : {false, true}) {
            const auto step = memory.transfer(to_guest, address, data, sizeof data, [](int, vfio_user::Bytes) {});
            require(step.bytes <= sizeof data, "a transfer moves no more than asked");
            require(step.outcome == GuestMemory::Outcome::fault || step.bytes > 0, "a transfer gets somewhere");
        }
    }
    memory.take_messages();
}

Bytes request(Command command, const Bytes& body, std::uint32_t descriptors_and_kind = 0)
{
    auto message = make_message(7, command, kTypeCommand, body);
    std::memcpy(message.data() + offsetof(Header, error), &descriptors_and_kind, 4);
    return message;
}

template <class Body>
Bytes as_body(const Body& body, const std::string& tail = {})
{
    Bytes bytes;
    vfio_user::append(bytes, &body, sizeof body);
    vfio_user::append(bytes, tail.data(), tail.size());
    return bytes;
}

struct MultiBody {
    std::uint64_t count;
    WriteMultiEntry entry;
};

Bytes version()
{
    const std::string json =
        R"({"capabilities":{"max_msg_fds":16,"max_data_xfer_size":1048576,"write_multiple":true}})";
    return request(Command::version, as_body(VersionBody{0, 0}, json + '\0'));
}

}  // namespace

std::vector<Bytes> seeds()
{
    const std::vector<Bytes> requests = {
        request(Command::dma_map, as_body(DmaMapBody{32, 3, 0, 0x1000, kFileBytes}), 1),
        request(Command::dma_map, as_body(DmaMapBody{32, 1, 0, 0x1'0000'0000, 4096})),
        request(Command::dma_unmap, as_body(DmaUnmapBody{24, 0, 0x1000, kFileBytes})),
        request(Command::dma_unmap, as_body(DmaUnmapBody{24, kUnmapAll, 0, 0})),
        request(Command::get_info, as_body(DeviceInfoBody{16, 0, 0, 0})),
        request(Command::get_region_info, as_body(RegionInfoBody{32, 0, 7, 0, 0, 0})),
        request(Command::get_irq_info, as_body(IrqInfoBody{16, 0, 2, 0})),
        request(Command::set_irqs, as_body(SetIrqsBody{20, kDataEventfd | kActionTrigger, 2, 1, 2}), 4 | 2),
        request(Command::set_irqs, as_body(SetIrqsBody{20, kDataBool | kActionTrigger, 2, 0, 3}, "abc")),
        request(Command::region_read, as_body(RegionAccessBody{0, 7, 256})),
        request(Command::region_write, as_body(RegionAccessBody{0x18, 0, 4}, "wxyz")),
        request(Command::region_write_multi, as_body(MultiBody{1, {0x1000, 0, 4, {1, 2, 3, 4}}})),
        request(Command::reset, {}),
    };
    std::vector<Bytes> all;
    Bytes everything = version();
    for (const auto& message : requests) {
        all.push_back(version());
        vfio_user::append(all.back(), message.data(), message.size());
        vfio_user::append(everything, message.data(), message.size());
    }
    all.push_back(everything);
    return all;
}

/// Accepted: every message was answered without an error.
bool accepts(const std::uint8_t* data, std::size_t size)
{
    ByteDevice device;
    GuestMemory memory;
    Interrupts interrupts(8);
    bool refused = false;
    {
        Session session(device, memory, interrupts, [&refused](const std::string& why) {
            require(!why.empty(), "a refusal says why");
            refused = true;
        });
        Header header;
        while (size >= sizeof header) {
            std::memcpy(&header, data, sizeof header);
            const auto body = body_bytes(header);
            if (std::holds_alternative<Refusal>(body) || std::get<std::uint32_t>(body) > size - sizeof header) break;
            const auto bytes = std::get<std::uint32_t>(body);
            data += sizeof header;
            check_reply(header, session.handle(header, Bytes(data, data + bytes), descriptors(header.error)));
            data += bytes;
            size -= sizeof header + bytes;
            reach(memory);
            interrupts.fire(1);
        }
    }
    require(memory.maps() == 0, "a session that has ended leaves no maps");
    return size == 0 && !refused;
}

}  // namespace lightcard::fuzz
