// SPDX-License-Identifier: Apache-2.0
/// A DmaBuffer with an owner: freed with it.
#pragma once

#include <utility>

#include "lightcard/platform/driver/transport.h"

namespace lightcard::driver {

class DmaMemory {
public:
    static Result<DmaMemory> allocate(Transport& transport, std::size_t bytes)
    {
        auto buffer = transport.allocate(bytes);
        if (!buffer) return buffer.error();
        return DmaMemory(transport, *buffer);
    }

    DmaMemory() = default;
    ~DmaMemory() { release(); }
    DmaMemory(DmaMemory&& other) noexcept
        : transport_(std::exchange(other.transport_, nullptr)), buffer_(std::exchange(other.buffer_, {}))
    {
    }
    DmaMemory& operator=(DmaMemory&& other) noexcept
    {
        if (this == &other) return *this;
        release();
        transport_ = std::exchange(other.transport_, nullptr);
        buffer_ = std::exchange(other.buffer_, {});
        return *this;
    }

    std::uint8_t* host() const { return buffer_.host; }
    std::uint64_t bus() const { return buffer_.bus; }
    std::size_t bytes() const { return buffer_.bytes; }

private:
    DmaMemory(Transport& transport, const DmaBuffer& buffer) : transport_(&transport), buffer_(buffer) {}
    void release()
    {
        if (transport_ != nullptr) transport_->free(buffer_);
        transport_ = nullptr;
    }

    Transport* transport_ = nullptr;
    DmaBuffer buffer_;
};

}  // namespace lightcard::driver
