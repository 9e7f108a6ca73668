// SPDX-License-Identifier: Apache-2.0
// How long the socket takes: a served card next to a bare echo server, in one run. Prints a table; asserts nothing.
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>

#include "lightcard/model/control_chip/lightcard_regs.h"
#include "lightcard/platform/driver/driver.h"
#include "lightcard/platform/vfio_user/client_transport.h"
#include "served_card.h"

namespace {

using namespace lightcard;
using Clock = std::chrono::steady_clock;
using vfio_user::Bytes;
using vfio_user::ClientTransport;
using vfio_user::Header;

constexpr int kRounds = 5000;

double microseconds(const std::function<void()>& what, int times)
{
    const auto start = Clock::now();
    for (int i = 0; i < times; ++i) what();
    return std::chrono::duration<double, std::micro>(Clock::now() - start).count() / times;
}

/// Answers each REGION_READ of 4 bytes, and does nothing else.
void echo(int socket)
{
    for (;;) {
        std::uint8_t message[36] = {};
        if (recv(socket, message, 16, MSG_WAITALL) != 16 || recv(socket, message + 16, 16, MSG_WAITALL) != 16) return;
        const std::uint32_t size = sizeof message, flags = vfio_user::kTypeReply;
        std::memcpy(message + 4, &size, 4);
        std::memcpy(message + 8, &flags, 4);
        if (send(socket, message, sizeof message, MSG_NOSIGNAL) < 0) return;
    }
}

double echo_read()
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 0;
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        echo(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    vfio_user::Connection connection{vfio_user::Descriptor(ends[0])};
    Bytes body;
    vfio_user::append(body, vfio_user::RegionAccessBody{0, 0, 4});
    const auto one = [&] {
        vfio_user::Message reply;
        std::string why;
        connection.send(vfio_user::make_message(1, vfio_user::Command::region_read, 0, body));
        connection.wait_for(reply, why, std::chrono::seconds(5));
    };
    microseconds(one, 200);
    const double time = microseconds(one, kRounds);
    shutdown(ends[0], SHUT_RDWR);
    waitpid(child, nullptr, 0);
    return time;
}

double commands_per_second(ClientTransport& client, driver::Driver& driver, std::uint32_t depth)
{
    const auto buffer = client.allocate(4096);
    auto& queue = driver.queue(0);
    const auto copy = driver::make_copy(driver::dram_pointer(0), driver::host_pointer(*buffer), 64);
    const int batches = 4000 / static_cast<int>(depth);
    const double batch = microseconds(
        [&] {
            std::vector<std::uint16_t> cids;
            for (std::uint32_t i = 0; i < depth; ++i)
                if (auto cid = queue.submit(copy)) cids.push_back(*cid);
            for (const auto cid : cids) static_cast<void>(queue.wait(cid));
        },
        batches);
    client.free(*buffer);
    return depth / batch * 1e6;
}

void measure(ClientTransport& client, driver::Driver& driver)
{
    const double bare = echo_read();
    const double magic = microseconds([&] { client.read32(LC_REG_MAGIC); }, kRounds);
    const double status = microseconds([&] { client.read32(LC_REG_CSTS); }, kRounds);
    const double write = microseconds([&] { client.write32(LC_REG_LIVENESS, 1); }, kRounds);
    client.read32(LC_REG_LIVENESS);
    std::printf("%-44s %9.1f us\n", "read, bare echo server", bare);
    std::printf("%-44s %9.1f us  (%.2f of the echo)\n", "read, identity register", magic, magic / bare);
    std::printf("%-44s %9.1f us\n", "read, register that needs the model", status);
    std::printf("%-44s %9.1f us\n", "posted write", write);
    for (const std::uint32_t depth : {1u, 16u, 64u})
        std::printf("commands of 64 bytes at queue depth %-12u %9.0f /s\n", depth,
                    commands_per_second(client, driver, depth));
    constexpr std::uint32_t kBytes = 64 << 20;
    const auto buffer = client.allocate(kBytes);
    std::memset(buffer->host, 1, kBytes);
    const auto copy = driver::make_copy(driver::dram_pointer(0), driver::host_pointer(*buffer), kBytes);
    const double time = microseconds([&] { static_cast<void>(driver.queue(0).run(copy)); }, 4);
    std::printf("%-44s %9.2f GB/s\n", "DMA from host memory, 64 MiB", kBytes / time * 1e-3);
}

}  // namespace

int main()
{
    const test::ServedCard card;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    auto client = ClientTransport::attach(card.path());
    if (!client) return std::fprintf(stderr, "%s\n", client.error().message().c_str()), 1;
    auto driver = driver::Driver::bring_up(**client, {});
    if (!driver) return std::fprintf(stderr, "%s\n", driver.error().message().c_str()), 1;
    measure(**client, **driver);
    return 0;
}
