// SPDX-License-Identifier: Apache-2.0
/// Where a subcommand talks: results to `out`, complaints and progress to `err`; and how it ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include "lightcard/model/common/result.h"

namespace lightcard::cli {

/// Exit status of the command, documented in lightcard(1).
enum ExitStatus : int {
    kOk = 0,
    kCheckFailed = 1,  ///< the run ended, a check it was asked for did not hold
    kUsage = 2,        ///< command line, configuration or input files
    kNetwork = 3,      ///< the network cannot be read, quantised or placed
    kCard = 4,         ///< the card or its driver failed
};

struct Console {
    std::ostream& out;
    std::ostream& err;
    bool terminal = false;  ///< err is a terminal: progress may overwrite its line
};

/// Says "lightcard: <message>" and hands `status` back.
int fail(const Console& console, int status, const Error& error);

/// Runs `write` on FILE, or on standard output for "-". The error names the file.
Status write_output(const Console& console, const std::string& target, const std::function<void(std::ostream&)>& write);

/// Before long work: can `target` ("" and "-" always) be written? Creates the file, keeps what it holds.
Status check_writable(const std::string& target);

/// "stage 37 %" on standard error, a few times a second, for work that takes longer than a second.
class Progress {
public:
    Progress(const Console& console, bool enabled) : console_(console), enabled_(enabled) {}
    ~Progress() { clear(); }
    void update(const std::string& stage, std::uint64_t done, std::uint64_t total);
    void clear();

private:
    using Clock = std::chrono::steady_clock;
    const Console& console_;
    bool enabled_;
    bool shown_ = false;
    Clock::time_point start_ = Clock::now(), last_{};
};

}  // namespace lightcard::cli
