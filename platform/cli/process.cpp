// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace lightcard::cli {

namespace fs = std::filesystem;

Scratch::Scratch()
{
    std::error_code failed;
    std::string name = (fs::temp_directory_path(failed) / "lightcard-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
}

Scratch::~Scratch()
{
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
}

std::string Scratch::file(const std::string& name) const
{
    return (fs::path(path_) / name).string();
}

std::string contents(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

Result<pid_t> start_process(const std::string& executable, std::vector<std::string> words, const std::string& errors)
{
    std::vector<char*> arguments;
    std::string self = executable;
    arguments.push_back(self.data());
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t child = 0;
    const int failure = posix_spawn(&child, executable.c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0) return Error{std::string("cannot start: ") + std::strerror(failure), executable, ""};
    return child;
}

Ending ending_of(int status, const std::string& errors)
{
    constexpr int kKilled = 4;
    if (WIFSIGNALED(status)) return {kKilled, std::string("killed by ") + strsignal(WTERMSIG(status))};
    Ending ending{WEXITSTATUS(status), ""};
    if (ending.status == 0) return ending;
    const std::string text = contents(errors);
    ending.message = text.substr(0, text.find('\n'));
    constexpr const char* kName = "lightcard: ";
    if (ending.message.rfind(kName, 0) == 0) ending.message.erase(0, std::strlen(kName));
    if (ending.message.empty()) ending.message = "failed with status " + std::to_string(ending.status);
    return ending;
}

}  // namespace lightcard::cli
