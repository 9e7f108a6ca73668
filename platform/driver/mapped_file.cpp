// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/driver/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lightcard::driver {

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path)
{
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return Error{std::string("cannot be read: ") + std::strerror(errno), path, {}};
    struct stat about {};
    void* data = nullptr;
    const bool regular = fstat(file, &about) == 0 && S_ISREG(about.st_mode);
    const auto size = regular ? static_cast<std::size_t>(about.st_size) : 0;
    // Private: a copy that stays what it is as long as nobody writes into the file; cached files are only ever renamed.
    if (size > 0) data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    const int why = errno;
    close(file);
    if (!regular) return Error{"not a regular file", path, {}};
    if (data == MAP_FAILED) return Error{std::string("cannot be mapped: ") + std::strerror(why), path, {}};
    return std::shared_ptr<const MappedFile>(new MappedFile(data, size));
}

MappedFile::~MappedFile()
{
    if (data_ != nullptr) munmap(data_, size_);
}

}  // namespace lightcard::driver
