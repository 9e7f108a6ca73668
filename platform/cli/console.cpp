// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/console.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <ostream>

namespace lightcard::cli {

int fail(const Console& console, int status, const Error& error)
{
    console.err << "lightcard: " << error.message() << '\n';
    return status;
}

Status write_output(const Console& console, const std::string& target, const std::function<void(std::ostream&)>& write)
{
    if (target == "-") {
        write(console.out);
        console.out.flush();
        return console.out ? Status{} : Error{"cannot write", "standard output", ""};
    }
    errno = 0;
    std::ofstream file(target, std::ios::binary);
    if (!file) return Error{std::string("cannot write: ") + std::strerror(errno), target, ""};
    write(file);
    file.close();
    if (!file) return Error{std::string("cannot write: ") + std::strerror(errno), target, ""};
    return {};
}

Status check_writable(const std::string& target)
{
    if (target.empty() || target == "-") return {};
    errno = 0;
    if (!std::ofstream(target, std::ios::binary | std::ios::app))
        return Error{std::string("cannot write: ") + std::strerror(errno), target, ""};
    return {};
}

void Progress::update(const std::string& stage, std::uint64_t done, std::uint64_t total)
{
    if (!enabled_) return;
    const auto now = Clock::now();
    const auto pause = console_.terminal ? std::chrono::milliseconds(100) : std::chrono::milliseconds(2000);
    if (now - start_ < std::chrono::seconds(1) || now - last_ < pause) return;
    last_ = now;
    const std::string text = stage + " " + std::to_string(total > 0 ? 100 * done / total : 0) + " % (" +
                             std::to_string(done) + " of " + std::to_string(total) + ")";
    if (console_.terminal)
        console_.err << "\r\033[K" << text << std::flush;
    else
        console_.err << text << '\n' << std::flush;
    shown_ = true;
}

void Progress::clear()
{
    if (shown_ && console_.terminal) console_.err << "\r\033[K" << std::flush;
    shown_ = false;
}

}  // namespace lightcard::cli
