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

    /// The next message of what has arrived; one system call brings as many as there are. File descriptors belong to
    /// the last message that begins in what came with them: a read ends behind them. `ended`: closed by the peer, or a
    /// stream that makes no sense (`why` says so).
    enum class Got : std::uint8_t { message, nothing, ended };
    Got receive(Message& message, std::string& why);
    /// Every message that had arrived when it was last looked has been taken.
    bool drained() const { return looked_ && !whole(); }
    /// The next message, within `patience`.
    Got wait_for(Message& message, std::string& why, std::chrono::milliseconds patience);

    /// False: the peer is gone, or takes nothing.
    bool send(const Bytes& bytes, const std::vector<int>& descriptors = {});

private:
    struct Waiting {
        std::uint64_t message;  ///< where it begins in the stream
        Descriptor descriptor;
    };
    Got take(Message& message, std::string& why);
    Got fill(std::string& why);
    std::uint64_t last_message() const;
    bool whole() const;

    Descriptor socket_;
    Bytes buffer_;
    std::size_t begin_ = 0, end_ = 0;  ///< of what has been read and not taken
    std::size_t wanted_ = 0;           ///< bytes that the first message there is known to have
    std::uint64_t taken_ = 0;          ///< bytes of the stream before begin_
    std::vector<Waiting> waiting_;
    bool looked_ = false;  ///< the last look left nothing in the socket
};

}  // namespace lightcard::vfio_user
