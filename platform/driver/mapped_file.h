// SPDX-License-Identifier: Apache-2.0
/// A file in memory, read-only and page by page as it is touched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "lightcard/model/common/result.h"

namespace lightcard::driver {

class MappedFile {
public:
    /// What is shared may outlive whoever opened it. An empty file has no data.
    static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    const std::uint8_t* data() const { return static_cast<const std::uint8_t*>(data_); }
    std::size_t size() const { return size_; }

private:
    MappedFile(void* data, std::size_t size) : data_(data), size_(size) {}

    void* data_;
    std::size_t size_;
};

}  // namespace lightcard::driver
