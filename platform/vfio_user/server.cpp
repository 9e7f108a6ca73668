// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/vfio_user/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <exception>

namespace lightcard::vfio_user {

namespace {
constexpr std::chrono::seconds kRefusalTime{2};  ///< for a client that is turned away to say its VERSION
constexpr std::size_t kMaxRefused = 8;
constexpr int kMessagesInARow = 256;  ///< before others are looked after
}  // namespace

Result<std::unique_ptr<Server>> Server::listen(const std::string& path, Device& device, GuestMemory& memory,
                                               Interrupts& interrupts, Session::Log log)
{
    auto listener = listen_on(path);
    if (!listener) return listener.error();
    Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake) return Error{std::string("no eventfd: ") + std::strerror(errno), path, ""};
    return std::unique_ptr<Server>(
        new Server(path, std::move(*listener), std::move(wake), device, memory, interrupts, std::move(log)));
}

Server::Server(std::string path, Descriptor listener, Descriptor wake, Device& device, GuestMemory& memory,
               Interrupts& interrupts, Session::Log log)
    : path_(std::move(path)),
      listener_(std::move(listener)),
      wake_(std::move(wake)),
      device_(device),
      memory_(memory),
      interrupts_(interrupts),
      log_(std::move(log))
{
    memory_.set_wake([this] { this->wake(); });
}

Server::~Server()
{
    memory_.set_wake(nullptr);
    unlink(path_.c_str());
}

void Server::wake() const
{
    const std::uint64_t one = 1;
    if (write(wake_.number(), &one, sizeof one) < 0) return;  // full: it wakes anyway
}

void Server::stop()
{
    stop_ = true;
    wake();
}

void Server::run()
{
    while (!stop_) {
        const auto due = wait_for_work();
        // The client first: one that has just left makes room for the next.
        try {
            if (client_) serve_client(due.client);
        } catch (const std::exception& failure) {
            drop_client(failure.what());
        }
        if (due.listener) accept_clients();
        if (!refused_.empty()) turn_away();
    }
    session_.reset();
    client_.reset();
}

/// Sleeps until anything is to be done.
Server::Due Server::wait_for_work()
{
    watched_ = {{wake_.number(), POLLIN, 0}, {listener_.number(), POLLIN, 0}};
    if (client_) watched_.push_back({client_->number(), POLLIN, 0});
    for (const auto& refused : refused_) watched_.push_back({refused.connection->number(), POLLIN, 0});
    auto until = memory_.expire(GuestMemory::Clock::now());
    for (const auto& refused : refused_) until = std::min(until.value_or(refused.deadline), refused.deadline);
    int timeout = -1;
    if (until) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - GuestMemory::Clock::now());
        timeout = static_cast<int>(std::max<std::int64_t>(0, left.count()));
    }
    if (client_ && !client_->drained()) timeout = 0;  // more of it may be in our hands than in the socket
    if (poll(watched_.data(), watched_.size(), timeout) < 0) return {true, true};
    if (watched_[0].revents != 0) {
        std::uint64_t count = 0;
        if (read(wake_.number(), &count, sizeof count) < 0) return {true, true};
    }
    return {client_ && (watched_[2].revents != 0 || !client_->drained()), watched_[1].revents != 0};
}

void Server::accept_clients()
{
    for (;;) {
        Descriptor socket(accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket) return;
        auto connection = std::make_unique<Connection>(std::move(socket));
        // A client that has left, and whose last words are still unread, keeps nobody out.
        while (client_ && client_->hung_up()) serve_client(true);
        if (!client_) {
            client_ = std::move(connection);
            session_ = std::make_unique<Session>(device_, memory_, interrupts_, log_);
            ++clients_;
            log_("client " + std::to_string(clients_) + " connected");
        } else if (refused_.size() < kMaxRefused) {
            refused_.push_back({std::move(connection), GuestMemory::Clock::now() + kRefusalTime});
        }
    }
}

/// A second client is told EBUSY in answer to its first message.
void Server::turn_away()
{
    const auto now = GuestMemory::Clock::now();
    const auto over = [&](Refused& refused) {
        Message message;
        std::string why;
        const auto got = refused.connection->receive(message, why);
        if (got == Connection::Got::nothing) return refused.deadline <= now;
        if (got == Connection::Got::message && refused.connection->send(make_error(message.header, EBUSY)))
            log_("another client was turned away: one at a time");
        return true;
    };
    refused_.erase(std::remove_if(refused_.begin(), refused_.end(), over), refused_.end());
}

/// What the card has to say to the client. False: it takes nothing, and is gone.
bool Server::send_messages()
{
    for (const auto& message : memory_.take_messages()) {
        if (client_->send(message)) continue;
        drop_client("client takes no messages");
        return false;
    }
    return true;
}

void Server::serve_client(bool readable)
{
    if (!send_messages() || !readable) return;
    for (int i = 0; i < kMessagesInARow; ++i)
        if (!converse() || client_->drained() || !send_messages()) return;
}

/// One request and its answer. False: there is none, or the client is gone.
bool Server::converse()
{
    std::string why;
    switch (client_->receive(incoming_, why)) {
        case Connection::Got::nothing:
            return false;
        case Connection::Got::ended:
            drop_client(why);
            return false;
        case Connection::Got::message:
            break;
    }
    const auto reply = session_->handle(incoming_.header, incoming_.body, std::move(incoming_.descriptors));
    if (reply.empty() || client_->send(reply, session_->attachments())) return true;
    drop_client("client takes no replies");
    return false;
}

void Server::drop_client(const std::string& why)
{
    log_("client " + std::to_string(clients_) + " disconnected" + (why.empty() ? "" : ": " + why));
    session_.reset();
    client_.reset();
}

}  // namespace lightcard::vfio_user
