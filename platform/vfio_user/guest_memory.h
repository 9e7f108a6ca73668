// SPDX-License-Identifier: Apache-2.0
/// The client's memory as the card reaches it: DMA maps with a file behind them are read and written directly, maps
/// without one by messages to the client. Free of SystemC; every function may be called from any thread.
///
///   socket thread   map, unmap, clear; sends what take_messages() hands out, brings the client's answers
///   kernel thread   transfer(), which never waits
///
/// A range that was unmapped is touched no more once unmap() has returned: copies happen under the lock that unmap()
/// takes, and messages under way to the range have ended with an error.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "lightcard/platform/vfio_user/shared_file.h"

namespace lightcard::vfio_user {

class GuestMemory {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::size_t kMaxMaps = 65'535;
    static constexpr Clock::duration kAnswerTime = std::chrono::seconds(5);  ///< the client's, for a DMA message

    // Socket thread.
    std::optional<Refusal> map(const DmaMapRequest& request, Descriptor file);
    std::optional<Refusal> unmap(const DmaUnmapRequest& request);
    /// Everything away: the client is gone.
    void clear();
    /// Data bytes of one message, as negotiated.
    void set_max_transfer(std::uint32_t bytes);

    /// What is to be sent, in order.
    std::vector<Bytes> take_messages();
    /// False: nobody asked for this answer.
    bool answer(DmaReply reply);
    /// Ends messages that have waited too long. When the next one will have, if any is under way.
    std::optional<Clock::time_point> expire(Clock::time_point now);
    /// Called, in any thread, when take_messages() has something to give. Set before the first transfer.
    void set_wake(std::function<void()> wake) { wake_ = std::move(wake); }

    // Kernel thread.
    /// How the first part of a transfer went. `fault`: no map, or not in this direction; nothing was touched.
    /// `message`: `done` will be called once, with an errno (0: well) and, of a read, the data.
    enum class Outcome : std::uint8_t { done, message, fault };
    struct Step {
        Outcome outcome = Outcome::fault;
        std::size_t bytes = 0;
    };
    using Done = std::function<void(int error, Bytes data)>;
    Step transfer(bool to_guest, std::uint64_t address, std::uint8_t* data, std::size_t bytes, const Done& done);
    /// Ends every message under way with an error (reset).
    void cancel_messages();

    std::size_t maps() const;

private:
    struct Map {
        std::uint64_t size = 0, offset = 0;
        bool readable = false, writable = false;
        std::shared_ptr<SharedFile> file;  ///< none: by message
    };
    struct Message {
        bool write = false;
        std::uint64_t address = 0, bytes = 0;
        Clock::time_point deadline;
        Done done;
    };
    using Ended = std::vector<std::pair<Done, int>>;

    std::variant<std::shared_ptr<SharedFile>, Refusal> share(Descriptor file);
    bool overlaps(std::uint64_t first, std::uint64_t last) const;
    void send(bool write, std::uint64_t address, const std::uint8_t* data, std::size_t bytes, const Done& done);
    template <class Chosen>
    Ended end_messages(int error, Chosen chosen);
    static void call(const Ended& ended);

    mutable std::mutex mutex_;
    std::map<std::uint64_t, Map> maps_;  ///< by first address
    std::map<SharedFile::Key, std::weak_ptr<SharedFile>> files_;
    std::map<std::uint16_t, Message> under_way_;
    std::vector<Bytes> outbound_;
    std::uint16_t next_id_ = 0;
    std::uint32_t max_transfer_ = kMaxTransfer;
    std::function<void()> wake_;
};

}  // namespace lightcard::vfio_user
