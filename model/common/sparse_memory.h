// SPDX-License-Identifier: Apache-2.0
/// Byte-addressed memory that costs host memory only where it was written. Unwritten bytes read zero.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

namespace lightcard {

class SparseMemory {
public:
    static constexpr std::uint64_t kPage = 64 * 1024;

    explicit SparseMemory(std::uint64_t bytes) : bytes_(bytes) {}

    std::uint64_t size() const { return bytes_; }
    bool contains(std::uint64_t offset, std::uint64_t length) const
    {
        return length <= bytes_ && offset <= bytes_ - length;
    }

    /// Precondition of both: contains(offset, length).
    void read(std::uint64_t offset, void* into, std::size_t length) const
    {
        auto* out = static_cast<std::uint8_t*>(into);
        while (length > 0) {
            const auto in_page = offset % kPage;
            const auto run = std::min<std::size_t>(length, kPage - in_page);
            const auto page = pages_.find(offset / kPage);
            if (page == pages_.end()) {
                std::memset(out, 0, run);
            } else {
                std::memcpy(out, page->second.data() + in_page, run);
            }
            out += run;
            offset += run;
            length -= run;
        }
    }
    void write(std::uint64_t offset, const void* from, std::size_t length)
    {
        const auto* in = static_cast<const std::uint8_t*>(from);
        while (length > 0) {
            const auto in_page = offset % kPage;
            const auto run = std::min<std::size_t>(length, kPage - in_page);
            std::memcpy(page(offset / kPage).data() + in_page, in, run);
            in += run;
            offset += run;
            length -= run;
        }
    }
    /// Storage of the page that holds `offset`, for DMI: kPage bytes from offset rounded down.
    std::uint8_t* page_data(std::uint64_t offset) { return page(offset / kPage).data(); }

    void clear() { pages_.clear(); }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("pages", pages_);
    }

private:
    std::vector<std::uint8_t>& page(std::uint64_t number)
    {
        auto& page = pages_[number];
        if (page.empty()) page.resize(kPage);
        return page;
    }

    std::uint64_t bytes_;
    std::map<std::uint64_t, std::vector<std::uint8_t>> pages_;
};

}  // namespace lightcard
