// SPDX-License-Identifier: Apache-2.0
/// Messages from the client, decoded and checked: everything that can be said about a message without knowing the
/// device. Pure functions; nothing here throws, allocates more than the message holds, or touches a socket.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "lightcard/platform/vfio_user/wire.h"

namespace lightcard::vfio_user {

using Bytes = std::vector<std::uint8_t>;

/// Why a message is refused: the errno of the reply, and a sentence for the log.
struct Refusal {
    int error = EINVAL;
    std::string why;
};

/// Header of a message, before its body has been read. A refusal here means that the stream cannot be followed any
/// further: the connection ends.
std::variant<std::uint32_t, Refusal> body_bytes(const Header& header);

struct VersionRequest {
    std::uint16_t major = 0, minor = 0;
    std::uint32_t max_transfer = kMaxTransfer;  ///< largest data transfer both sides take
    bool write_multiple = false;                ///< the client asks for REGION_WRITE_MULTI
    bool json = false;                          ///< it said anything about itself
};
struct DmaMapRequest {
    std::uint64_t iova = 0, size = 0, offset = 0;
    bool readable = false, writable = false;
};
struct DmaUnmapRequest {
    bool all = false;
    std::uint64_t iova = 0, size = 0;
    DmaUnmapBody body{};  ///< to be echoed
};
struct DeviceInfoRequest {};
struct RegionInfoRequest {
    std::uint32_t index = 0;
    std::uint32_t room = 0;  ///< bytes of the answer that the client takes
};
struct IrqInfoRequest {
    std::uint32_t index = 0;
};
struct SetIrqsRequest {
    std::uint32_t index = 0, start = 0, count = 0;
    std::uint32_t data = 0, action = 0;  ///< one bit each
    std::vector<bool> chosen;            ///< kDataBool: which of them
};
struct RegionReadRequest {
    std::uint32_t region = 0;
    std::uint64_t offset = 0;
    std::uint32_t count = 0;
};
struct RegionWriteRequest {
    std::uint32_t region = 0;
    std::uint64_t offset = 0;
    Bytes data;
};
struct WriteMultiRequest {
    std::vector<RegionWriteRequest> writes;
};
struct ResetRequest {};
/// The client's answer to a DMA_READ or DMA_WRITE of ours.
struct DmaReply {
    std::uint16_t id = 0;
    bool write = false;
    int error = 0;
    std::uint64_t address = 0;
    Bytes data;
};

using Request =
    std::variant<VersionRequest, DmaMapRequest, DmaUnmapRequest, DeviceInfoRequest, RegionInfoRequest, IrqInfoRequest,
                 SetIrqsRequest, RegionReadRequest, RegionWriteRequest, WriteMultiRequest, ResetRequest, DmaReply>;

/// `fds`: how many file descriptors came with it.
std::variant<Request, Refusal> decode(const Header& header, const std::uint8_t* body, std::size_t size,
                                      std::size_t fds);

// --- writing ---------------------------------------------------------------------------------------------------

void append(Bytes& bytes, const void* data, std::size_t size);
template <class Body>
void append(Bytes& bytes, const Body& body)
{
    append(bytes, &body, sizeof body);
}

/// A whole message. `make_reply` repeats id and command of the request.
Bytes make_message(std::uint16_t id, Command command, std::uint32_t flags, const Bytes& body);
Bytes make_reply(const Header& request, const Bytes& body);
Bytes make_error(const Header& request, int error);

/// Body of the answer to VERSION. Never longer than the client's own message was: some clients have room for no more.
Bytes version_answer(const VersionRequest& request, std::size_t request_bytes);

}  // namespace lightcard::vfio_user
