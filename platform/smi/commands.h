// SPDX-License-Identifier: Apache-2.0
/// The commands of lightcard-smi. Each prints to standard output and returns the exit status.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lightcard/platform/smi/kernel_device.h"

namespace lightcard::smi {

constexpr int kOk = 0, kFailed = 1, kUsage = 2;

/// What follows the name of a command. Options have values: `--depth 4`.
class Arguments {
public:
    explicit Arguments(std::vector<std::string> words) : words_(std::move(words)) {}
    /// Takes `name` and its value out.
    std::optional<std::string> option(const std::string& name);
    /// The same as a number; an error if it is none, or out of range.
    Result<std::uint64_t> number(const std::string& name, std::uint64_t otherwise, std::uint64_t least,
                                 std::uint64_t most);
    /// The next word that is no option.
    std::optional<std::string> word();
    /// After all were taken: what nobody wanted.
    Status rest() const;

private:
    std::vector<std::string> words_;
};

int fail(const Error& error, int status = kFailed);

int list_cards();
int show_card(KernelDevice& card);
int show_weights(KernelDevice& card);
int show_errors(KernelDevice& card);
int show_sensors(KernelDevice& card);
int show_events(KernelDevice& card);
int show_wear(KernelDevice& card);
int reset_card(KernelDevice& card);
int inject(KernelDevice& card, Arguments& arguments);
int run_program(KernelDevice& card, Arguments& arguments);
int stress(KernelDevice& card, Arguments& arguments);
int measure(KernelDevice& card, Arguments& arguments);
int measure_registers(Arguments& arguments);

}  // namespace lightcard::smi
