// SPDX-License-Identifier: Apache-2.0
/// One client's conversation: every request decoded, checked, done, and answered at once. Knows the device behind it
/// through one small interface, and neither sockets nor SystemC: the fuzzer and the tests feed it from memory.
#pragma once

#include <functional>
#include <string>

#include "lightcard/platform/vfio_user/guest_memory.h"
#include "lightcard/platform/vfio_user/interrupts.h"

namespace lightcard::vfio_user {

/// What a PCI function is to its client. Called from the socket thread only, and never waits for the client.
class Device {
public:
    virtual ~Device() = default;
    /// 0: there is no such region.
    virtual std::uint64_t region_bytes(std::uint32_t region) const = 0;
    /// Inside the region. Bounded in time: a device that does not answer reads as it last did, or as all ones.
    virtual void read(std::uint32_t region, std::uint64_t offset, std::uint8_t* into, std::uint32_t bytes) = 0;
    /// Inside the region. Posted, but for the configuration space.
    virtual void write(std::uint32_t region, std::uint64_t offset, Bytes data) = 0;
    /// The beginning of a region as a file, for the client to map; no bytes: it cannot be mapped.
    struct Mapping {
        int descriptor = -1;
        std::uint64_t bytes = 0;
    };
    virtual Mapping mapping(std::uint32_t /*region*/) const { return {}; }
    /// Function-level reset. False: it did not happen in time.
    virtual bool reset() = 0;
};

class Session {
public:
    using Log = std::function<void(const std::string&)>;
    Session(Device& device, GuestMemory& memory, Interrupts& interrupts, Log log)
        : device_(device), memory_(memory), interrupts_(interrupts), log_(std::move(log))
    {
    }
    /// The client is gone: its memory and its interrupts are let go, and the device is reset for the next one.
    ~Session();

    /// The message to send back; empty if there is none.
    Bytes handle(const Header& header, const Bytes& body, std::vector<Descriptor> descriptors);
    /// File descriptors that go with the message handle() has just returned; they stay the device's.
    const std::vector<int>& attachments() const { return attachments_; }

private:
    using Answer = std::variant<Bytes, Refusal>;  ///< body of the reply
    using Descriptors = std::vector<Descriptor>;

    Answer answer(const VersionRequest& request, Descriptors descriptors);
    Answer answer(const DmaMapRequest& request, Descriptors descriptors);
    Answer answer(const DmaUnmapRequest& request, Descriptors descriptors);
    Answer answer(const DeviceInfoRequest& request, Descriptors descriptors);
    Answer answer(const RegionInfoRequest& request, Descriptors descriptors);
    Answer answer(const IrqInfoRequest& request, Descriptors descriptors);
    Answer answer(const SetIrqsRequest& request, Descriptors descriptors);
    Answer answer(const RegionReadRequest& request, Descriptors descriptors);
    Answer answer(RegionWriteRequest& request, Descriptors descriptors);
    Answer answer(WriteMultiRequest& request, Descriptors descriptors);
    Answer answer(const ResetRequest& request, Descriptors descriptors);
    Answer answer(DmaReply& reply, Descriptors descriptors);
    Bytes refuse(const Header& header, const Refusal& refusal);
    bool inside(std::uint32_t region, std::uint64_t offset, std::size_t bytes) const;

    Device& device_;
    GuestMemory& memory_;
    Interrupts& interrupts_;
    Log log_;
    bool introduced_ = false;        ///< versions have been agreed on
    std::size_t request_bytes_ = 0;  ///< of the message being answered
    std::uint32_t max_transfer_ = kMaxTransfer;
    std::vector<int> attachments_;
};

}  // namespace lightcard::vfio_user
