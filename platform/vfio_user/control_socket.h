// SPDX-License-Identifier: Apache-2.0
/// The control socket of a served card: lines in, lines out, a few clients side by side. A thread of its own, free of
/// SystemC; the handler is called from it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lightcard/platform/vfio_user/control_request.h"
#include "lightcard/platform/vfio_user/descriptor.h"

namespace lightcard::vfio_user {

class ControlSocket {
public:
    /// Carries out a request and returns the answer, one line without its end. May take its time, but not for ever.
    using Handler = std::function<std::string(const ControlRequest&)>;
    static constexpr std::size_t kMostClients = 8;

    /// Listens on `path`, which only this user may connect to.
    static Result<std::unique_ptr<ControlSocket>> listen(const std::string& path, Handler handler);
    ~ControlSocket();  ///< the socket's file goes with it

    /// Feeds bytes of one client, and returns what it is to be sent; `rest` holds what is no line yet. Without a
    /// socket, for tests and fuzzers. False: the client is to be dropped.
    static bool feed(const std::string& bytes, std::string& rest, const Handler& handler, std::string& answers);

private:
    struct Client {
        Descriptor socket;
        std::string rest;
    };

    ControlSocket(std::string path, Descriptor listener, Descriptor wake, Handler handler);
    void run();
    void accept_client();
    bool serve(Client& client);

    std::string path_;
    Descriptor listener_, wake_;
    Handler handler_;
    std::vector<Client> clients_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace lightcard::vfio_user
