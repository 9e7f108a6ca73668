// SPDX-License-Identifier: Apache-2.0
/// The card's memory as a file of ours that a client maps (BAR2): what the guest writes the card sees, and the other
/// way round, without a message. Costs host memory only where it was written.
#pragma once

#include <memory>

#include "lightcard/model/common/result.h"
#include "lightcard/model/common/sparse_memory.h"
#include "lightcard/platform/vfio_user/descriptor.h"

namespace lightcard::vfio_user {

class CardWindow : public FlatStorage {
public:
    static Result<std::unique_ptr<CardWindow>> make(std::uint64_t bytes);
    ~CardWindow() override;
    CardWindow(const CardWindow&) = delete;
    CardWindow& operator=(const CardWindow&) = delete;

    std::uint8_t* base() const override { return base_; }
    std::uint64_t size() const override { return bytes_; }
    void clear() override;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> written() const override;

    /// Of the file, whose size nobody can change.
    int descriptor() const { return file_.number(); }

private:
    CardWindow(Descriptor file, std::uint8_t* base, std::uint64_t bytes)
        : file_(std::move(file)), base_(base), bytes_(bytes)
    {
    }

    Descriptor file_;
    std::uint8_t* base_;
    std::uint64_t bytes_;
};

}  // namespace lightcard::vfio_user
