// SPDX-License-Identifier: Apache-2.0
/// User-mode driver of one card over a Transport. Free of SystemC.
///
///   auto driver = Driver::bring_up(host);                       // Result<std::unique_ptr<Driver>>
///   auto& queue = (*driver)->queue(0);
///   auto done = queue.run(make_copy(dram_pointer(0), host_pointer(buffer), bytes));
///
/// docs/driver.md walks through bring-up, queues, errors and resets.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/model/control_chip/lightcard_abi.h"
#include "lightcard/platform/driver/bring_up.h"
#include "lightcard/platform/driver/commands.h"
#include "lightcard/platform/driver/device.h"
#include "lightcard/platform/driver/dma_memory.h"
#include "lightcard/platform/driver/queue_pair.h"
#include "lightcard/platform/driver/transport.h"

namespace lightcard::driver {

struct DriverOptions {
    std::uint32_t io_queues = 1;
    std::uint32_t entries = 256;  ///< of each ring; lowered to what the card allows
    bool single_vector = false;   ///< every queue on vector 0, as on a host without spare vectors
    Picoseconds admin_timeout = 10 * kSecond;
};

class Driver : public Device {
public:
    /// Probe, boot, admin queue, IDENTIFY, I/O queues. The transport outlives the driver.
    static Result<std::unique_ptr<Driver>> bring_up(Transport& transport, const DriverOptions& options = {});
    /// Disables the card (posted) if shutdown() did not.
    ~Driver() override;
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    Transport& transport() { return *transport_; }
    const lc_identify& identity() const override { return identity_; }
    DmaAllocator& memory() override { return *transport_; }
    const Capabilities& capabilities() const { return capabilities_; }
    std::size_t queues() const override { return queues_.size(); }
    QueuePair& queue(std::size_t index) { return *queues_[index]; }  ///< I/O queue index + 1
    QueuePair& admin_queue() { return *admin_; }
    Result<std::uint32_t> submit_to(std::size_t queue, const lc_sqe& sqe, const void* operands) override;
    Result<Completion> wait_for(std::size_t queue, std::uint32_t ticket, Picoseconds timeout) override;

    /// One admin command; a failed one is an error.
    Result<Completion> admin(const lc_sqe& sqe);
    /// Deletes an I/O queue on the card (its commands end as ABORTED_QUEUE) or creates it again.
    Status delete_queue(std::size_t index);
    Status create_queue(std::size_t index);
    /// Asks the card to end one command; its completion (ABORTED, or done after all) still arrives in the queue.
    Status abort(const QueuePair& queue, std::uint16_t cid);

    /// Controller reset and up again with the same queues: what was in flight ends as ABORTED_QUEUE. Weights stay.
    Status reset();
    /// True if the card was reset and not by this driver: reset() brings it back.
    bool was_reset();
    /// Queues deleted, shutdown notified, card disabled. Nothing works after it but reset().
    Status shutdown();

    Result<std::vector<std::uint8_t>> log_page(std::uint32_t page, std::uint32_t bytes,
                                               std::uint32_t offset = 0) override;

    /// LC_CAL_* measurements of a core, of one bank or LC_CAL_EVERY_BANK; result: banks measured. Takes the core's
    /// turn.
    Result<Completion> calibrate(std::uint32_t core, std::uint32_t bank, std::uint32_t kinds,
                                 std::uint32_t samples = 0);
    /// CSTS says that results may be off until then.
    bool needs_calibration();
    /// Asks for a power state (LC_PWR_CTRL_TARGET_*); the card goes there when it is idle, and wakes by itself.
    void set_power_state(std::uint32_t state);
    /// The state it is in.
    std::uint32_t power_state();

    /// Telemetry table, read from BAR0 without a command.
    std::vector<lc_telemetry> telemetry();
    /// One value of it, or nothing if the card has no such tag.
    std::optional<std::int64_t> telemetry(std::uint16_t tag, std::uint16_t index = 0);
    /// The error log as BAR0 has it, for when the admin queue does not answer; newest first.
    std::vector<lc_log_error> error_log_in_bar();

    /// Keeps one ASYNC_EVENT with the card and hands out what completes it: nothing if nothing has happened.
    /// Never blocks; call it after an interrupt of vector 0. Results: LC_EVENT_TYPE() and its kin.
    Result<std::optional<std::uint64_t>> next_event();

    /// Puts a fault into the card (FEATURES.INJECT). `microseconds` 0: until its count is used up or it is cleared.
    Status inject(std::uint16_t fault, std::uint64_t target, std::int64_t value, std::uint32_t count = 0,
                  std::uint32_t microseconds = 0);
    Status clear_fault(std::uint16_t fault, std::uint64_t target = LC_TARGET_ANY);

    Result<std::uint64_t> get_feature(std::uint32_t feature);
    Status set_feature(std::uint32_t feature, std::uint64_t value);

private:
    Driver(Transport& transport, const DriverOptions& options);
    Status start();
    Status identify();
    Status make_queues();
    Result<std::vector<std::uint8_t>> read_page(lc_sqe sqe, std::uint32_t bytes);
    template <class Entry>
    std::vector<Entry> read_table(std::uint32_t pointer, std::uint32_t count);

    Transport* transport_;
    DriverOptions options_;
    Controller controller_;
    Capabilities capabilities_;
    lc_identify identity_{};
    std::unique_ptr<QueuePair> admin_;
    std::vector<std::unique_ptr<QueuePair>> queues_;
    std::uint32_t reset_count_ = 0;
    bool enabled_ = false;
    std::optional<std::uint16_t> event_cid_;  ///< of the ASYNC_EVENT with the card
};

}  // namespace lightcard::driver
