// SPDX-License-Identifier: Apache-2.0
/// `lightcard serve` in a child process, for clients in C++.
#pragma once

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace lightcard::test {

class ServedCard {
public:
    explicit ServedCard(std::vector<std::string> arguments = {"--set", "run.fidelity=ideal"})
    {
        folder_ = (std::filesystem::temp_directory_path() / "lightcardXXXXXX").string();
        if (mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("no temporary folder");
        arguments.insert(arguments.begin(), {LIGHTCARD_COMMAND, "serve", "--socket", path()});
        std::vector<char*> words;
        for (auto& argument : arguments) words.push_back(argument.data());
        words.push_back(nullptr);
        child_ = fork();
        if (child_ == 0) {
            if (freopen((folder_ + "/log").c_str(), "w", stdout) != nullptr) dup2(STDOUT_FILENO, STDERR_FILENO);
            execv(words[0], words.data());
            _exit(127);
        }
        for (int i = 0; i < 1000 && !std::filesystem::exists(path()); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ~ServedCard()
    {
        end(SIGTERM);
        std::filesystem::remove_all(folder_);
    }

    std::string path() const { return folder_ + "/card.sock"; }
    /// Wait status of the server.
    int end(int signal)
    {
        int status = 0;
        if (child_ > 0 && kill(child_, signal) == 0) waitpid(child_, &status, 0);
        child_ = -1;
        return status;
    }

private:
    std::string folder_;
    pid_t child_ = -1;
};

}  // namespace lightcard::test
