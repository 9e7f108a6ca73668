// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/vfio_user/control_socket.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>

#include "lightcard/platform/vfio_user/socket.h"

namespace lightcard::vfio_user {

namespace {

/// All of it, to a peer that reads; a peer that does not is let go.
bool send_all(int socket, const std::string& text)
{
    for (std::size_t sent = 0; sent < text.size();) {
        const auto put = send(socket, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (put > 0) {
            sent += static_cast<std::size_t>(put);
        } else if (put == 0 || errno == EAGAIN) {
            pollfd entry{socket, POLLOUT, 0};
            if (poll(&entry, 1, 1000 * static_cast<int>(kPatience.count())) <= 0) return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

}  // namespace

Result<std::unique_ptr<ControlSocket>> ControlSocket::listen(const std::string& path, Handler handler)
{
    auto listener = listen_on(path);
    if (!listener) return listener.error();
    Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake) return Error{std::string("no eventfd: ") + std::strerror(errno), path, ""};
    return std::unique_ptr<ControlSocket>(
        new ControlSocket(path, std::move(*listener), std::move(wake), std::move(handler)));
}

ControlSocket::ControlSocket(std::string path, Descriptor listener, Descriptor wake, Handler handler)
    : path_(std::move(path)), listener_(std::move(listener)), wake_(std::move(wake)), handler_(std::move(handler))
{
    thread_ = std::thread([this] { run(); });
}

ControlSocket::~ControlSocket()
{
    stop_ = true;
    const std::uint64_t one = 1;
    if (write(wake_.number(), &one, sizeof one) < 0) stop_ = true;  // full: it wakes anyway
    thread_.join();
    unlink(path_.c_str());
}

bool ControlSocket::feed(const std::string& bytes, std::string& rest, const Handler& handler, std::string& answers)
{
    rest += bytes;
    for (std::size_t end; (end = rest.find('\n')) != std::string::npos;) {
        const auto line = rest.substr(0, end);
        rest.erase(0, end + 1);
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        std::optional<std::int64_t> id;
        const auto request = parse_control(line, id);
        try {
            answers += request ? handler(*request) : control_error(id, request.error());
        } catch (const std::exception& failure) {
            answers += control_error(id, {failure.what(), "", "this is a defect of lightcard"});
        }
        answers += '\n';
    }
    if (rest.size() <= kMaxControlLine) return true;
    answers += control_error({}, {"the line is too long", "", "at most 65536 bytes"}) + '\n';
    return false;
}

void ControlSocket::run()
{
    while (!stop_) {
        std::vector<pollfd> entries = {{wake_.number(), POLLIN, 0}, {listener_.number(), POLLIN, 0}};
        for (const auto& client : clients_) entries.push_back({client.socket.number(), POLLIN, 0});
        poll(entries.data(), entries.size(), -1);
        if (stop_) return;
        const auto served = clients_.size();
        for (std::size_t i = served; i-- > 0;) {
            if (entries[i + 2].revents != 0 && !serve(clients_[i]))
                clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(i));
        }
        if (entries[1].revents != 0) accept_client();
    }
}

void ControlSocket::accept_client()
{
    Descriptor socket(accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    if (clients_.size() >= kMostClients) {
        send_all(socket.number(), control_error({}, {"too many control clients", "", "at most 8"}) + '\n');
        return;
    }
    clients_.push_back({std::move(socket), {}});
}

/// False: the client is gone, or has to go.
bool ControlSocket::serve(Client& client)
{
    char bytes[4096];
    const auto got = recv(client.socket.number(), bytes, sizeof bytes, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    std::string answers;
    const bool well = feed(std::string(bytes, static_cast<std::size_t>(got)), client.rest, handler_, answers);
    return send_all(client.socket.number(), answers) && well;
}

}  // namespace lightcard::vfio_user
