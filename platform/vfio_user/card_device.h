// SPDX-License-Identifier: Apache-2.0
/// A lightcard as a vfio-user device: the host platform around the card's four sockets.
///
///   configuration  The client's BAR addresses and MSI-X control are the client's business (it emulates both) and are
///                  kept here; the card has BAR addresses of its own. Every other byte is the card's.
///   BAR0, BAR2     Writes are posted to the kernel. Reads go there too and wait, up to kAnswerTime; then the value
///                  last seen is given. Identity registers never change and are answered at once.
///   BAR4           The MSI-X table is the client's; here it is plain memory.
///   DMA            GuestMemory. A map without a file is reached by messages: only the process that needs the bytes
///                  waits, never the kernel.
///   MSI-X          Interrupts: one eventfd a vector.
///   reset          DEVICE_RESET and a lost client reset the bus, FLR the function: one path.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <systemc>

#include "lightcard/model/card/card.h"
#include "lightcard/model/control_chip/lightcard_regs.h"
#include "lightcard/model/host_link/config_space.h"
#include "lightcard/platform/vfio_user/card_window.h"
#include "lightcard/platform/vfio_user/kernel_loop.h"
#include "lightcard/platform/vfio_user/session.h"

namespace lightcard::vfio_user {

class CardDevice : public sc_core::sc_module, public Device {
public:
    static constexpr std::chrono::milliseconds kAnswerTime{2000};  ///< well below a client's own timeout
    static constexpr std::size_t kMaxQueued = 65'536;              ///< posted writes that the kernel has not taken

    CardDevice(sc_core::sc_module_name name, Card& card, KernelLoop& loop, GuestMemory& memory, Interrupts& interrupts);
    ~CardDevice() override;

    // Device: socket thread.
    std::uint64_t region_bytes(std::uint32_t region) const override;
    void read(std::uint32_t region, std::uint64_t offset, std::uint8_t* into, std::uint32_t bytes) override;
    void write(std::uint32_t region, std::uint64_t offset, Bytes data) override;
    bool reset() override;
    Mapping mapping(std::uint32_t region) const override;

    /// BAR2 can be mapped by the client: `window` is where the card keeps its memory. Before the socket thread starts.
    void offer(const CardWindow& window) { window_ = &window; }

    /// Kernel thread, outside processes: a reset that the client knows nothing of.
    enum class Reset : std::uint8_t { function, bus, cold };
    void reset_card(Reset kind);

    std::uint64_t late_answers() const { return late_; }  ///< reads and resets that the model was too slow for

private:
    SC_HAS_PROCESS(CardDevice);
    static constexpr std::uint32_t kRegisterBytes = 0x1000;  ///< of BAR0: control registers; doorbells come behind
    static_assert(kRegisterBytes == LC_DOORBELL_SQ_TAIL(0));
    static constexpr std::uint32_t kConstantBytes = 0x18;  ///< of those: MAGIC, VERSION, CAP, FEATURES

    /// What the client asks of the card, in order.
    struct Answer;
    struct Access {
        enum class Kind : std::uint8_t { read, write, config_write, config_read, reset } kind;
        std::uint64_t address = 0;
        Bytes data;
        std::shared_ptr<Answer> answer;  ///< none: posted
    };
    /// What the kernel tells the socket thread, beside answers.
    struct Shadow {
        std::array<std::uint8_t, host_link::ConfigSpace::kBytes> config{};
        std::array<std::uint8_t, kRegisterBytes> registers{};
    };

    // Socket thread.
    void post(Access access);
    bool ask(Access access, std::uint8_t* into);
    bool ask_paused(Access access);
    void read_config(std::uint32_t offset, std::uint8_t* into, std::uint32_t bytes);
    void read_registers(std::uint64_t offset, std::uint8_t* into, std::uint32_t bytes);
    void write_config(std::uint32_t offset, Bytes data);

    // Kernel thread.
    void access_thread();
    void perform(Access& access);
    void note(const Access& access);
    void transport(bool to_config, bool write, std::uint64_t address, Bytes& data);
    void config_debug(bool write, std::uint32_t offset, void* data, std::uint32_t bytes);
    void write_card_config(std::uint32_t offset, Bytes& data);
    void reset_function();
    void adopt_function();
    void publish_config();
    void publish_registers();
    void remember(std::uint64_t address, const Bytes& data);
    void dma_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    bool transfer(bool to_guest, std::uint64_t address, std::uint8_t* data, std::size_t bytes);
    void msix_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);

    tlm_utils::simple_initiator_socket<CardDevice> mem_, cfg_;
    tlm_utils::simple_target_socket<CardDevice> dma_, msix_;
    Card& card_;
    KernelLoop& loop_;
    GuestMemory& memory_;
    Interrupts& interrupts_;
    const CardWindow* window_ = nullptr;

    // Socket thread only.
    host_link::ConfigSpace view_;  ///< as the client has set it; read for the bytes that are not the card's
    std::vector<std::uint8_t> table_;
    std::uint64_t late_ = 0;

    // Between the threads.
    std::atomic<bool> reset_unseen_{false};  ///< reset_card(), and the client has not set the function up again
    std::mutex mutex_;
    std::condition_variable room_;
    std::deque<Access> queue_;
    Shadow shadow_;

    // Kernel thread only.
    sc_core::sc_event queued_, message_done_;
    bool adopted_ = false;
    TrackId track_;
};

}  // namespace lightcard::vfio_user
