// SPDX-License-Identifier: Apache-2.0
// The user-mode driver on a card that another process serves, through the C++ vfio-user client.
#include <gtest/gtest.h>

#include <cstring>

#include "lightcard/model/control_chip/lightcard_regs.h"
#include "lightcard/platform/driver/driver.h"
#include "lightcard/platform/vfio_user/client_transport.h"
#include "served_card.h"

namespace lightcard::test {
namespace {

using driver::dram_pointer;
using driver::host_pointer;
using driver::make_copy;
using vfio_user::ClientTransport;

std::unique_ptr<ClientTransport> attach(const ServedCard& card)
{
    for (int attempt = 0;; ++attempt) {  // the socket's file is there a moment before the socket listens
        auto client = ClientTransport::attach(card.path());
        if (client) return std::move(*client);
        if (attempt == 100) throw std::runtime_error(client.error().message());
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

std::unique_ptr<driver::Driver> bring_up(ClientTransport& client)
{
    auto up = driver::Driver::bring_up(client, {});
    if (!up) throw std::runtime_error(up.error().message());
    return std::move(*up);
}

/// Bytes go to card memory and come back.
void expect_works(ClientTransport& client, driver::Driver& driver, std::size_t bytes = 300'000)
{
    const auto from = client.allocate(bytes), to = client.allocate(bytes);
    ASSERT_TRUE(from && to);
    for (std::size_t i = 0; i < bytes; ++i) from->host[i] = static_cast<std::uint8_t>(i * 31 + (i >> 8));
    const auto size = static_cast<std::uint32_t>(bytes);
    const auto there = driver.queue(0).run(make_copy(dram_pointer(0x3000), host_pointer(*from), size));
    const auto back = driver.queue(0).run(make_copy(host_pointer(*to), dram_pointer(0x3000), size));
    ASSERT_TRUE(there) << there.error().message();
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(std::memcmp(from->host, to->host, bytes), 0);
    client.free(*from);
    client.free(*to);
}

TEST(VfioClient, DriverRunsOnAServedCard)
{
    const ServedCard card;
    const auto client = attach(card);
    EXPECT_EQ(client->interrupt_vectors(), 32u);
    const auto driver = bring_up(*client);
    EXPECT_EQ(driver->identity().n, 128u);
    expect_works(*client, *driver);
    EXPECT_GT(client->interrupts(0) + client->interrupts(1), 0u);
    const auto log = driver->weights_log();
    ASSERT_TRUE(log);
    EXPECT_EQ(log->size(), 2u);
}

TEST(VfioClient, TimeStandsStillAndWorkIsDone)
{
    const ServedCard card({"--pace", "free"});
    const auto client = attach(card);
    const auto driver = bring_up(*client);
    expect_works(*client, *driver);
    // The interrupts of what has completed may still be on their way; then an idle card whose time stands still does
    // nothing more.
    int more = 0;
    while (client->wait(kSecond) && more < 50) ++more;
    EXPECT_LT(more, 50);
}

TEST(VfioClient, ResetAndAgain)
{
    const ServedCard card;
    const auto client = attach(card);
    const auto driver = bring_up(*client);
    ASSERT_TRUE(driver->reset());
    expect_works(*client, *driver);
    ASSERT_TRUE(client->reset_function());
    EXPECT_TRUE(driver->was_reset());
    ASSERT_TRUE(driver->reset());
    expect_works(*client, *driver);
}

TEST(VfioClient, OneAfterTheOther)
{
    const ServedCard card;
    for (int i = 0; i < 5; ++i) {
        const auto client = attach(card);
        const auto driver = bring_up(*client);
        expect_works(*client, *driver, 5000);
    }
}

TEST(VfioClient, SecondIsRefused)
{
    const ServedCard card;
    const auto client = attach(card);
    const auto second = ClientTransport::attach(card.path());
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().what.find("busy"), std::string::npos) << second.error().message();
}

TEST(VfioClient, DmaMemoryIsReusedAndZeroed)
{
    const ServedCard card;
    const auto client = attach(card);
    std::vector<driver::DmaBuffer> buffers;
    for (std::size_t bytes : {1, 4096, 5000, 100'000}) {
        auto buffer = client->allocate(bytes);
        ASSERT_TRUE(buffer);
        EXPECT_EQ(buffer->bus % 4096, 0u);
        std::memset(buffer->host, 0xff, bytes);
        buffers.push_back(*buffer);
    }
    for (const std::size_t i : {1, 3, 0, 2}) client->free(buffers[i]);
    const auto all = client->allocate(ClientTransport::kMemoryBytes);
    ASSERT_TRUE(all) << all.error().message();
    EXPECT_EQ(all->bus, ClientTransport::kBase);
    EXPECT_EQ(std::count(all->host, all->host + 200'000, 0), 200'000);
    EXPECT_FALSE(client->allocate(1));
    client->free(*all);
    EXPECT_TRUE(client->allocate(1));
}

TEST(VfioClient, ServerDies)
{
    ServedCard card;
    const auto client = attach(card);
    const auto driver = bring_up(*client);
    card.end(SIGKILL);
    EXPECT_EQ(client->read32(LC_REG_MAGIC), 0xffff'ffffu);
    EXPECT_FALSE(client->wait(kSecond));
    EXPECT_FALSE(client->failure().empty());
    const auto buffer = client->allocate(64);
    ASSERT_TRUE(buffer);
    EXPECT_FALSE(driver->queue(0).run(make_copy(dram_pointer(0), host_pointer(*buffer), 64)));
}

TEST(VfioClient, NobodyListens)
{
    const auto client = ClientTransport::attach("/nonexistent/card.sock");
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().where, "/nonexistent/card.sock");
}

}  // namespace
}  // namespace lightcard::test
