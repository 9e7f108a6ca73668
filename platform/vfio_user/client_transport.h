// SPDX-License-Identifier: Apache-2.0
/// The driver's Transport to a card that another process serves: a vfio-user client. Free of SystemC.
///
///   auto card = ClientTransport::attach("card.sock");      // Result<std::unique_ptr<ClientTransport>>
///   auto driver = driver::Driver::bring_up(**card);
///
/// One sparse, sealed memfd is the card's view of host memory: buffers are pages of it, and DMA is plain copying on the
/// server's side. Time-outs are in card time; the clock is the card's TIME_NS. A server that is gone reads as all ones.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lightcard/platform/driver/transport.h"
#include "lightcard/platform/vfio_user/socket.h"

namespace lightcard::vfio_user {

class ClientTransport : public driver::Transport {
public:
    static constexpr std::uint64_t kBase = 0x1'0000'0000;       ///< bus address of the first buffer
    static constexpr std::uint64_t kMemoryBytes = 64ull << 30;  ///< of bus addresses; real memory only where touched

    /// Connects, resets the function, and switches on memory space, bus mastering and every MSI-X vector.
    static Result<std::unique_ptr<ClientTransport>> attach(const std::string& path);
    ~ClientTransport() override;

    std::uint32_t read32(std::uint32_t offset) override;
    void write32(std::uint32_t offset, std::uint32_t value) override;
    Result<driver::DmaBuffer> allocate(std::size_t bytes) override;
    void free(const driver::DmaBuffer& buffer) override;
    std::uint32_t interrupt_vectors() const override { return static_cast<std::uint32_t>(vectors_.size()); }
    std::uint64_t interrupts(std::uint32_t vector) override;
    bool wait(Picoseconds timeout) override;
    void sleep(Picoseconds duration) override;
    Picoseconds now() override;

    /// Function-level reset through DEVICE_RESET, and on again.
    Status reset_function();
    Result<Bytes> read_region(std::uint32_t region, std::uint64_t offset, std::uint32_t bytes);
    Status write_region(std::uint32_t region, std::uint64_t offset, const Bytes& data);
    /// Why the server can no longer be talked to; empty while it can.
    const std::string& failure() const { return failure_; }

private:
    struct Vector {
        Descriptor eventfd;
        std::uint64_t count = 0;
    };

    explicit ClientTransport(Descriptor socket) : connection_(std::move(socket)) {}
    Status start();
    Status make_memory();
    Status make_interrupts();
    Status enable_function();
    Result<Bytes> request(Command command, const Bytes& body, const std::vector<int>& descriptors = {});
    Error lost(const std::string& why);
    bool collect_interrupts();
    bool sleep_on_interrupts(std::chrono::milliseconds wall);

    Connection connection_;
    std::string failure_;
    std::uint16_t next_id_ = 0;
    Descriptor memory_;
    std::uint8_t* base_ = nullptr;
    std::map<std::uint64_t, std::uint64_t> free_;  ///< offset -> bytes, in pages
    std::map<std::uint64_t, std::uint64_t> used_;
    std::vector<Vector> vectors_;
    std::uint64_t seen_ = 0;  ///< interrupts of all vectors
};

}  // namespace lightcard::vfio_user
