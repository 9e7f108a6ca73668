// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/vfio_user/card_window.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lightcard::vfio_user {

Result<std::unique_ptr<CardWindow>> CardWindow::make(std::uint64_t bytes)
{
    const auto failed = [bytes](const char* what) {
        return Error{std::string(what) + ": " + std::strerror(errno),
                     "card memory of " + std::to_string(bytes) + " bytes", "serve without --map-bar2"};
    };
    Descriptor file(memfd_create("lightcard-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file || ftruncate(file.number(), static_cast<off_t>(bytes)) != 0) return failed("no memory file");
    // Cut short under our mapping, it would end this process.
    if (fcntl(file.number(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return failed("cannot be sealed");
    void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file.number(), 0);
    if (base == MAP_FAILED) return failed("cannot be mapped");
    madvise(base, bytes, MADV_DONTDUMP);
    return std::unique_ptr<CardWindow>(new CardWindow(std::move(file), static_cast<std::uint8_t*>(base), bytes));
}

CardWindow::~CardWindow()
{
    munmap(base_, bytes_);
}

void CardWindow::clear()
{
    const auto bytes = static_cast<off_t>(bytes_);
    if (fallocate(file_.number(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, bytes) == 0) return;
    for (const auto& [offset, length] : written()) std::memset(base_ + offset, 0, length);
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> CardWindow::written() const
{
    std::vector<std::pair<std::uint64_t, std::uint64_t>> pieces;
    for (off_t at = 0;;) {
        const auto begin = lseek(file_.number(), at, SEEK_DATA);
        if (begin < 0) return pieces;
        at = lseek(file_.number(), begin, SEEK_HOLE);
        if (at < 0) at = static_cast<off_t>(bytes_);
        pieces.emplace_back(begin, at - begin);
    }
}

}  // namespace lightcard::vfio_user
