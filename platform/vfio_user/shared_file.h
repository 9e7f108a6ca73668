// SPDX-License-Identifier: Apache-2.0
/// A file of the client's that holds guest memory, shared by every map into it.
///
/// A file that can no longer shrink (F_SEAL_SHRINK, as QEMU's memfd) is mapped once and copied to and from. Any other
/// could be cut short under a mapping, which would kill this process: it is read and written by system calls.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <tuple>
#include <variant>

#include "lightcard/platform/vfio_user/descriptor.h"
#include "lightcard/platform/vfio_user/message.h"

namespace lightcard::vfio_user {

class SharedFile {
public:
    struct Key {
        dev_t device = 0;
        ino_t inode = 0;
        bool writable = false;
        bool operator<(const Key& other) const
        {
            return std::tie(device, inode, writable) < std::tie(other.device, other.inode, other.writable);
        }
    };
    static std::variant<Key, Refusal> identify(int descriptor);

    static std::variant<std::shared_ptr<SharedFile>, Refusal> open(Descriptor descriptor);
    ~SharedFile();
    SharedFile(const SharedFile&) = delete;
    SharedFile& operator=(const SharedFile&) = delete;

    /// Present size in bytes.
    std::uint64_t size() const;
    bool writable() const { return writable_; }
    bool read(std::uint64_t offset, std::uint8_t* into, std::size_t bytes) const;
    bool write(std::uint64_t offset, const std::uint8_t* from, std::size_t bytes);

private:
    SharedFile(Descriptor descriptor, bool writable) : descriptor_(std::move(descriptor)), writable_(writable) {}
    void map();

    Descriptor descriptor_;
    bool writable_;
    std::uint8_t* base_ = nullptr;  ///< nullptr: by system calls
    std::uint64_t mapped_ = 0;
};

}  // namespace lightcard::vfio_user
