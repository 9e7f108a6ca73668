// SPDX-License-Identifier: Apache-2.0
/// UNIX stream sockets that carry messages and file descriptors. Nothing here blocks for longer than kPatience.
#pragma once

#include <chrono>
#include <string>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/vfio_user/descriptor.h"
#include "lightcard/platform/vfio_user/message.h"

namespace lightcard::vfio_user {

constexpr std::chrono::seconds kPatience{5};  ///< with a peer that does not read what it is sent

/// Listens on `path`, which only this user may connect to. A socket left behind by a dead server is replaced; one that
/// is in use, or a path that is something else, is an error.
Result<Descriptor> listen_on(const std::string& path);
Result<Descriptor> connect_to(const std::string& path);

struct Message {
    Header header{};
    Bytes body;
    std::vector<Descriptor> descriptors;
};

class Connection {
public:
    explicit Connection(Descriptor socket) : socket_(std::move(socket)) {}

    int number() const { return socket_.number(); }
    bool hung_up() const;  ///< the peer will send no more than is here to read

    /// Takes what has arrived, up to the end of one message and no further: file descriptors belong to the message
    /// that is being read. `ended`: closed by the peer, or a stream that makes no sense (`why` says so).
    enum class Got : std::uint8_t { message, nothing, ended };
    Got receive(Message& message, std::string& why);
    /// The next message, within `patience`.
    Got wait_for(Message& message, std::string& why, std::chrono::milliseconds patience);

    /// False: the peer is gone, or takes nothing.
    bool send(const Bytes& bytes, const std::vector<int>& descriptors = {});

private:
    Got read_some(std::uint8_t* into, std::size_t wanted, std::string& why);

    Descriptor socket_;
    Message partial_;
    std::size_t have_ = 0;  ///< bytes of the message read so far, header included
};

}  // namespace lightcard::vfio_user
