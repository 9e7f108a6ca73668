// SPDX-License-Identifier: Apache-2.0
/// `lightcard` again, as a process of its own: one simulation a process.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "lightcard/model/common/result.h"

namespace lightcard::cli {

/// A directory for files of such processes that goes away with its owner.
class Scratch {
public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    bool good() const { return !path_.empty(); }
    std::string file(const std::string& name) const;

private:
    std::string path_;
};

/// Whole file; empty if it cannot be read.
std::string contents(const std::string& path);

/// Starts `executable` with these arguments, without input or output, its complaints in `errors`. Error: it cannot
/// start.
Result<pid_t> start_process(const std::string& executable, std::vector<std::string> words, const std::string& errors);

/// How a process that has ended with `status` (as waitpid gives it) ended.
struct Ending {
    int status = 0;       ///< exit status; 4 if it was killed
    std::string message;  ///< its first line of complaint, without the program's name; empty if it ended well
};
Ending ending_of(int status, const std::string& errors);

}  // namespace lightcard::cli
