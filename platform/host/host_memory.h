// SPDX-License-Identifier: Apache-2.0
/// Memory of the in-process host: sparse, reached by the card over bus addresses. Free of SystemC.
///
/// Every allocation stands alone between unmapped guard pages and no bus address is ever given out twice, so an
/// access that runs over the end of a buffer, or comes after it was freed, is an error and not a silent hit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>

#include "lightcard/model/common/result.h"

namespace lightcard::host {

class HostMemory {
public:
    static constexpr std::uint64_t kBase = 0x1'0000'0000;  ///< first bus address
    static constexpr std::uint64_t kPage = 4096;
    static constexpr std::uint64_t kLimit = 1ull << 40;  ///< bytes all live allocations may take together

    struct Block {
        std::uint8_t* host = nullptr;
        std::uint64_t bus = 0;
        std::size_t bytes = 0;  ///< as asked for; the block reaches to the end of its last page
    };

    /// Zeroed, page-aligned, contiguous. Pages cost real memory only once they are touched.
    Result<Block> allocate(std::size_t bytes);
    /// Unknown addresses are ignored.
    void free(std::uint64_t bus);

    /// View of [bus, bus + bytes), or nullptr unless all of it lies in one allocation and is not poisoned.
    std::uint8_t* translate(std::uint64_t bus, std::uint64_t bytes) const;

    /// Make accesses that touch [bus, bus + bytes) fail, as a page that lost its mapping. bytes 0 heals all.
    void poison(std::uint64_t bus, std::uint64_t bytes);

    std::size_t allocations() const { return regions_.size(); }

private:
    struct Free {
        void operator()(std::uint8_t* pointer) const { std::free(pointer); }
    };
    struct Region {
        std::unique_ptr<std::uint8_t, Free> bytes;
        std::uint64_t size = 0;
    };

    std::map<std::uint64_t, Region> regions_;          ///< by bus address
    std::map<std::uint64_t, std::uint64_t> poisoned_;  ///< begin -> end
    std::uint64_t next_ = kBase;
    std::uint64_t used_ = 0;
};

}  // namespace lightcard::host
