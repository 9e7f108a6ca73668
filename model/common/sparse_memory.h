// SPDX-License-Identifier: Apache-2.0
/// Byte-addressed memory that costs host memory only where it was written. Unwritten bytes read zero.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace lightcard {

/// Storage that others see as well (a file that a guest maps): `base()[0 .. size)`, side by side, zero where nobody
/// wrote.
class FlatStorage {
public:
    virtual ~FlatStorage() = default;
    virtual std::uint8_t* base() const = 0;
    virtual std::uint64_t size() const = 0;
    /// Everything is zero again.
    virtual void clear() = 0;
    /// Pieces (offset, length), in order, outside of which everything is zero.
    virtual std::vector<std::pair<std::uint64_t, std::uint64_t>> written() const = 0;
};

class SparseMemory {
public:
    static constexpr std::uint64_t kPage = 64 * 1024;

    explicit SparseMemory(std::uint64_t bytes) : bytes_(bytes) {}

    std::uint64_t size() const { return bytes_; }
    /// From now on the bytes are in `storage`, which outlives this, is empty, and as large at least.
    void keep_in(FlatStorage& storage)
    {
        flat_ = &storage;
        pages_.clear();
    }
    bool contains(std::uint64_t offset, std::uint64_t length) const
    {
        return length <= bytes_ && offset <= bytes_ - length;
    }

    /// Precondition of both: contains(offset, length).
    void read(std::uint64_t offset, void* into, std::size_t length) const
    {
        if (flat_ != nullptr) {
            std::memcpy(into, flat_->base() + offset, length);
            return;
        }
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
        if (flat_ != nullptr) {
            std::memcpy(flat_->base() + offset, from, length);
            return;
        }
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
    std::uint8_t* page_data(std::uint64_t offset)
    {
        return flat_ != nullptr ? flat_->base() + offset / kPage * kPage : page(offset / kPage).data();
    }

    void clear()
    {
        pages_.clear();
        if (flat_ != nullptr) flat_->clear();
    }

    template <class Archive>
    void visit(Archive& archive)
    {
        if (flat_ == nullptr) {
            archive.field("pages", pages_);
            return;
        }
        Pages pages;
        if constexpr (!Archive::reading) pages = collect();
        archive.field("pages", pages);
        if constexpr (Archive::reading) {
            flat_->clear();
            for (const auto& [number, bytes] : pages)
                if (contains(number * kPage, bytes.size()))
                    std::memcpy(flat_->base() + number * kPage, bytes.data(), bytes.size());
        }
    }

private:
    using Pages = std::map<std::uint64_t, std::vector<std::uint8_t>>;

    /// What an archive has of a flat storage: the same pages that a sparse one would have.
    Pages collect() const
    {
        Pages pages;
        for (const auto& [offset, length] : flat_->written())
            for (auto number = offset / kPage; number * kPage < std::min(offset + length, bytes_); ++number) {
                const auto* from = flat_->base() + number * kPage;
                pages.try_emplace(number, from, from + std::min(kPage, bytes_ - number * kPage));
            }
        return pages;
    }
    std::vector<std::uint8_t>& page(std::uint64_t number)
    {
        auto& page = pages_[number];
        if (page.empty()) page.resize(kPage);
        return page;
    }

    std::uint64_t bytes_;
    Pages pages_;
    FlatStorage* flat_ = nullptr;
};

}  // namespace lightcard
