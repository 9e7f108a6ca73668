// SPDX-License-Identifier: Apache-2.0
/// A fixed piece of work for one card, done at fixed card times, and everything that can be seen of it: for tests that
/// run the same work in different surroundings and compare.
#pragma once

#include <map>

#include "rig.h"

namespace lightcard::test {

class Script {
public:
    Script(Rig& rig, std::uint32_t seed);

    /// Steps in order of time; `start` is the card time of the first one. Each ends before the next begins.
    static constexpr Picoseconds kStep = 5 * kMillisecond;
    static constexpr int kSteps = 8;
    void step(int number);

    /// Outputs, completions and bus events, one a line.
    std::string seen() const { return seen_.str(); }
    std::string figures() { return figures_of(rig_.card); }

private:
    void bring_up();
    void copies();
    void program_two_banks();
    void stream();
    void bad_commands();
    void reset_in_mid_transfer();
    void collect();

    Rig& rig_;
    std::uint32_t seed_;
    std::ostringstream seen_;
    driver::DmaBuffer in_, out_;
};

}  // namespace lightcard::test
