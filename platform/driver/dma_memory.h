// SPDX-License-Identifier: Apache-2.0
/// A DmaBuffer with an owner: freed with it.
#pragma once

#include <utility>

#include "lightcard/platform/driver/transport.h"

namespace lightcard::driver {

class DmaMemory {
public:
    static Result<DmaMemory> allocate(DmaAllocator& allocator, std::size_t bytes)
    {
        auto buffer = allocator.allocate(bytes);
        if (!buffer) return buffer.error();
        return DmaMemory(allocator, *buffer);
    }

    DmaMemory() = default;
    ~DmaMemory() { release(); }
    DmaMemory(DmaMemory&& other) noexcept
        : allocator_(std::exchange(other.allocator_, nullptr)), buffer_(std::exchange(other.buffer_, {}))
    {
    }
    DmaMemory& operator=(DmaMemory&& other) noexcept
    {
        if (this == &other) return *this;
        release();
        allocator_ = std::exchange(other.allocator_, nullptr);
        buffer_ = std::exchange(other.buffer_, {});
        return *this;
    }

    std::uint8_t* host() const { return buffer_.host; }
    std::uint64_t bus() const { return buffer_.bus; }
    std::size_t bytes() const { return buffer_.bytes; }

private:
    DmaMemory(DmaAllocator& allocator, const DmaBuffer& buffer) : allocator_(&allocator), buffer_(buffer) {}
    void release()
    {
        if (allocator_ != nullptr) allocator_->free(buffer_);
        allocator_ = nullptr;
    }

    DmaAllocator* allocator_ = nullptr;
    DmaBuffer buffer_;
};

}  // namespace lightcard::driver
