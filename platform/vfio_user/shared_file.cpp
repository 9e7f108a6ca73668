// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/vfio_user/shared_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>

namespace lightcard::vfio_user {

std::variant<SharedFile::Key, Refusal> SharedFile::identify(int descriptor)
{
    struct stat status {};
    const int flags = fcntl(descriptor, F_GETFL);
    if (fstat(descriptor, &status) != 0 || flags < 0) return Refusal{errno, "file descriptor cannot be examined"};
    if (!S_ISREG(status.st_mode)) return Refusal{EINVAL, "guest memory is not a regular file"};
    if ((flags & O_ACCMODE) == O_WRONLY) return Refusal{EACCES, "guest memory cannot be read"};
    return Key{status.st_dev, status.st_ino, (flags & O_ACCMODE) == O_RDWR};
}

std::variant<std::shared_ptr<SharedFile>, Refusal> SharedFile::open(Descriptor descriptor)
{
    const auto key = identify(descriptor.number());
    if (const auto* refusal = std::get_if<Refusal>(&key)) return *refusal;
    std::shared_ptr<SharedFile> file(new SharedFile(std::move(descriptor), std::get<Key>(key).writable));
    file->map();
    return file;
}

SharedFile::~SharedFile()
{
    if (base_ != nullptr) munmap(base_, mapped_);
}

/// Optional: without a mapping, system calls do.
void SharedFile::map()
{
    const int seals = fcntl(descriptor_.number(), F_GET_SEALS);
    const auto bytes = size();
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || bytes == 0) return;
    const int protection = writable_ ? PROT_READ | PROT_WRITE : PROT_READ;
    void* base = mmap(nullptr, bytes, protection, MAP_SHARED | MAP_NORESERVE, descriptor_.number(), 0);
    if (base == MAP_FAILED) return;
    base_ = static_cast<std::uint8_t*>(base);
    mapped_ = bytes;
}

std::uint64_t SharedFile::size() const
{
    struct stat status {};
    return fstat(descriptor_.number(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

bool SharedFile::read(std::uint64_t offset, std::uint8_t* into, std::size_t bytes) const
{
    if (offset <= mapped_ && bytes <= mapped_ - offset) {
        std::memcpy(into, base_ + offset, bytes);
        return true;
    }
    while (bytes > 0) {
        const auto got = pread(descriptor_.number(), into, bytes, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;  // cut short, or not readable
        into += got;
        offset += static_cast<std::uint64_t>(got);
        bytes -= static_cast<std::size_t>(got);
    }
    return true;
}

bool SharedFile::write(std::uint64_t offset, const std::uint8_t* from, std::size_t bytes)
{
    if (!writable_) return false;
    if (offset <= mapped_ && bytes <= mapped_ - offset) {
        std::memcpy(base_ + offset, from, bytes);
        return true;
    }
    if (offset > size() || bytes > size() - offset) return false;  // never grow a file that was cut short
    while (bytes > 0) {
        const auto put = pwrite(descriptor_.number(), from, bytes, static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        from += put;
        offset += static_cast<std::uint64_t>(put);
        bytes -= static_cast<std::size_t>(put);
    }
    return true;
}

}  // namespace lightcard::vfio_user
