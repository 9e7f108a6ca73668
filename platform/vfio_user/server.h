// SPDX-License-Identifier: Apache-2.0
/// The socket thread: one client at a time, a polite refusal for any other, and never a reply that waits for the
/// client. Free of SystemC.
#pragma once

#include <poll.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "lightcard/platform/vfio_user/session.h"
#include "lightcard/platform/vfio_user/socket.h"

namespace lightcard::vfio_user {

class Server {
public:
    /// Listens on `path`. Device, memory and interrupts outlive the server.
    static Result<std::unique_ptr<Server>> listen(const std::string& path, Device& device, GuestMemory& memory,
                                                  Interrupts& interrupts, Session::Log log);
    ~Server();  ///< the socket's file goes with it

    /// Serves until stop(). Every exception ends a client, not the server.
    void run();
    /// From any thread, or from a signal handler.
    void stop();

    std::uint64_t clients() const { return clients_; }  ///< that have been let in

private:
    struct Refused {
        std::unique_ptr<Connection> connection;
        GuestMemory::Clock::time_point deadline;
    };

    Server(std::string path, Descriptor listener, Descriptor wake, Device& device, GuestMemory& memory,
           Interrupts& interrupts, Session::Log log);
    void wake() const;
    struct Due {  ///< what there is to do
        bool client = false, listener = false;
    };
    Due wait_for_work();
    void accept_clients();
    void turn_away();
    void serve_client(bool readable);
    bool send_messages();
    bool converse();
    void drop_client(const std::string& why);

    std::string path_;
    Descriptor listener_, wake_;
    Device& device_;
    GuestMemory& memory_;
    Interrupts& interrupts_;
    Session::Log log_;
    std::unique_ptr<Connection> client_;
    std::unique_ptr<Session> session_;
    std::vector<Refused> refused_;
    Message incoming_;             ///< kept, so that its memory is
    std::vector<pollfd> watched_;  ///< the same
    std::atomic<bool> stop_{false};
    std::atomic<std::uint64_t> clients_{0};
};

}  // namespace lightcard::vfio_user
