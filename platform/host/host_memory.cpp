// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/host/host_memory.h"

#include <iterator>

namespace lightcard::host {

Result<HostMemory::Block> HostMemory::allocate(std::size_t bytes)
{
    if (bytes == 0) return Error{"cannot allocate 0 bytes of host memory", "", "at least 1"};
    if (bytes > kLimit - used_) return Error{"host memory exhausted", "", "1 TiB in all"};
    const std::uint64_t size = (bytes + kPage - 1) / kPage * kPage;
    Region region{std::unique_ptr<std::uint8_t, Free>(static_cast<std::uint8_t*>(std::calloc(size, 1))), size};
    if (!region.bytes) return Error{"out of memory for a DMA buffer of " + std::to_string(bytes) + " bytes", "", ""};
    const Block block{region.bytes.get(), next_, bytes};
    regions_.emplace(next_, std::move(region));
    next_ += size + kPage;
    used_ += size;
    return block;
}

void HostMemory::free(std::uint64_t bus)
{
    const auto it = regions_.find(bus);
    if (it == regions_.end()) return;
    used_ -= it->second.size;
    regions_.erase(it);
}

std::uint8_t* HostMemory::translate(std::uint64_t bus, std::uint64_t bytes) const
{
    auto it = regions_.upper_bound(bus);
    if (it == regions_.begin()) return nullptr;
    --it;
    const std::uint64_t offset = bus - it->first;
    if (offset >= it->second.size || bytes > it->second.size - offset) return nullptr;
    for (const auto& [begin, end] : poisoned_)
        if (bus < end && begin < bus + bytes) return nullptr;
    return it->second.bytes.get() + offset;
}

void HostMemory::poison(std::uint64_t bus, std::uint64_t bytes)
{
    if (bytes == 0)
        poisoned_.clear();
    else
        poisoned_[bus] = bus + bytes;
}

}  // namespace lightcard::host
