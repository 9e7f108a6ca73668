// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/vfio_user/socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace lightcard::vfio_user {

namespace {

constexpr int kBacklog = 64;
constexpr std::size_t kRoomForFds = 16;                ///< more than we announce: a peer that sends too many is told so
constexpr std::size_t kMostWaiting = 4 * kRoomForFds;  ///< descriptors of messages that are not all here
constexpr std::size_t kReadBytes = 16 * 1024;          ///< at a time, unless a message is longer

Error system_error(const std::string& what, const std::string& path)
{
    return {what + ": " + std::strerror(errno), path, ""};
}

Result<sockaddr_un> address_of(const std::string& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return Error{"not a usable socket path", path,
                     "1 to " + std::to_string(sizeof address.sun_path - 1) + " characters"};
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

Result<Descriptor> new_socket(const std::string& path, int flags)
{
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
    if (!socket) return system_error("no socket", path);
    return socket;
}

/// A path is free if nothing is there, or a socket that nobody listens on any more.
Status make_way(const std::string& path, const sockaddr_un& address)
{
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) return {};
    if (!S_ISSOCK(status.st_mode)) return Error{"is there already, and is no socket", path, "choose another path"};
    auto probe = new_socket(path, SOCK_NONBLOCK);
    if (!probe) return probe.error();
    const bool refused = connect(probe->number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
                         errno == ECONNREFUSED;
    if (!refused) return Error{"another server listens here", path, "stop it, or choose another path"};
    if (unlink(path.c_str()) != 0) return system_error("cannot be replaced", path);
    return {};
}

bool wait_until(int descriptor, short events, std::chrono::milliseconds patience)
{
    pollfd entry{descriptor, events, 0};
    for (;;) {
        const int ready = poll(&entry, 1, static_cast<int>(patience.count()));
        if (ready >= 0 || errno != EINTR) return ready > 0;
    }
}

void take_descriptors(msghdr& message, std::vector<Descriptor>& into)
{
    for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const auto count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(part) + i * sizeof number, sizeof number);
            into.emplace_back(number);
        }
    }
}

}  // namespace

Result<Descriptor> listen_on(const std::string& path)
{
    const auto address = address_of(path);
    if (!address) return address.error();
    if (auto free = make_way(path, *address); !free) return free.error();
    auto socket = new_socket(path, SOCK_NONBLOCK);
    if (!socket) return socket;
    // The mode of the file is that of the socket when it is bound: there is no moment at which others could connect.
    if (fchmod(socket->number(), S_IRUSR | S_IWUSR) != 0 ||
        bind(socket->number(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
        return system_error("cannot listen", path);
    if (chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0 || listen(socket->number(), kBacklog) != 0)
        return system_error("cannot listen", path);
    return socket;
}

Result<Descriptor> connect_to(const std::string& path)
{
    const auto address = address_of(path);
    if (!address) return address.error();
    auto socket = new_socket(path, 0);
    if (!socket) return socket;
    if (connect(socket->number(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
        return system_error("no server answers", path);
    return socket;
}

bool Connection::hung_up() const
{
    pollfd entry{socket_.number(), POLLRDHUP, 0};
    return poll(&entry, 1, 0) > 0 && (entry.revents & (POLLRDHUP | POLLHUP)) != 0;
}

/// Where in the stream the last message begins of which any byte is here.
std::uint64_t Connection::last_message() const
{
    auto at = begin_, last = begin_;
    while (at < end_) {
        last = at;
        Header header;
        if (end_ - at < sizeof header) break;
        std::memcpy(&header, buffer_.data() + at, sizeof header);
        if (header.size < sizeof header || header.size > end_ - at) break;
        at += header.size;
    }
    return taken_ + (last - begin_);
}

/// receive() has something to say about the first message without looking at the socket.
bool Connection::whole() const
{
    Header header;
    if (end_ - begin_ < sizeof header) return false;
    std::memcpy(&header, buffer_.data() + begin_, sizeof header);
    const auto size = body_bytes(header);
    const auto* body = std::get_if<std::uint32_t>(&size);
    return body == nullptr || end_ - begin_ >= sizeof header + *body;
}

/// One look at the socket: what there is, as far as there is room.
Connection::Got Connection::fill(std::string& why)
{
    if (begin_ > 0) {
        std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                  buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
        end_ -= std::exchange(begin_, 0);
    }
    buffer_.resize(std::max({buffer_.size(), kReadBytes, wanted_}));
    alignas(cmsghdr) char control[CMSG_SPACE(kRoomForFds * sizeof(int))];
    iovec part{buffer_.data() + end_, buffer_.size() - end_};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const auto got = recvmsg(socket_.number(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    looked_ = got < 0 && errno == EAGAIN;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Got::nothing;
    if (got <= 0) return Got::ended;
    looked_ = static_cast<std::size_t>(got) < part.iov_len;
    end_ += static_cast<std::size_t>(got);
    std::vector<Descriptor> descriptors;
    take_descriptors(message, descriptors);
    if (!descriptors.empty()) {
        const auto owner = last_message();
        for (auto& descriptor : descriptors) waiting_.push_back({owner, std::move(descriptor)});
    }
    if ((message.msg_flags & MSG_CTRUNC) == 0 && waiting_.size() <= kMostWaiting) return Got::message;
    why = "too many file descriptors in a message";
    return Got::ended;
}

/// The first message of what has been read; nothing: it is not all there.
Connection::Got Connection::take(Message& message, std::string& why)
{
    if (end_ - begin_ < sizeof(Header)) return Got::nothing;
    const auto* first = buffer_.data() + begin_;
    std::memcpy(&message.header, first, sizeof(Header));
    const auto size = body_bytes(message.header);
    if (const auto* refusal = std::get_if<Refusal>(&size)) {
        why = refusal->why;
        return Got::ended;
    }
    wanted_ = sizeof(Header) + std::get<std::uint32_t>(size);
    if (end_ - begin_ < wanted_) return Got::nothing;
    message.body.assign(first + sizeof(Header), first + wanted_);
    message.descriptors.clear();
    const auto owned =
        std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& w) { return w.message != taken_; });
    for (auto it = waiting_.begin(); it != owned; ++it) message.descriptors.push_back(std::move(it->descriptor));
    waiting_.erase(waiting_.begin(), owned);
    begin_ += wanted_;
    taken_ += std::exchange(wanted_, 0);
    if (message.descriptors.size() <= kRoomForFds) return Got::message;
    why = "too many file descriptors in a message";
    return Got::ended;
}

Connection::Got Connection::receive(Message& message, std::string& why)
{
    for (;;) {
        if (const auto got = take(message, why); got != Got::nothing) return got;
        if (const auto got = fill(why); got != Got::message) return got;
    }
}

Connection::Got Connection::wait_for(Message& message, std::string& why, std::chrono::milliseconds patience)
{
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        if (const auto got = receive(message, why); got != Got::nothing) return got;
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0 || !wait_until(socket_.number(), POLLIN, left)) return Got::nothing;
    }
}

bool Connection::send(const Bytes& bytes, const std::vector<int>& descriptors)
{
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        alignas(cmsghdr) char control[CMSG_SPACE(kRoomForFds * sizeof(int))] = {};
        iovec part{const_cast<std::uint8_t*>(bytes.data()) + sent, bytes.size() - sent};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        if (sent == 0 && !descriptors.empty() && descriptors.size() <= kRoomForFds) {
            message.msg_control = control;
            message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
            auto* rights = CMSG_FIRSTHDR(&message);
            rights->cmsg_level = SOL_SOCKET;
            rights->cmsg_type = SCM_RIGHTS;
            rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
            std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
        }
        const auto put = sendmsg(socket_.number(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put > 0) {
            sent += static_cast<std::size_t>(put);
        } else if (put == 0 || errno == EAGAIN) {
            if (!wait_until(socket_.number(), POLLOUT, kPatience)) return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

}  // namespace lightcard::vfio_user
