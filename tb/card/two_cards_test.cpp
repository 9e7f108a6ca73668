// SPDX-License-Identifier: Apache-2.0
// Two cards in one process, their work interleaved and both reset in the middle of transfers at different times: each
// sees exactly what it sees alone.
#include "script.h"

namespace lightcard::test {
namespace {

/// The second card starts half a step later.
Picoseconds start_of(int card)
{
    return card * Script::kStep / 2;
}

CardConfig config_of(int card)
{
    CardConfig config = default_card();  // with noise
    config.run.seed = 11u + static_cast<unsigned>(card);
    return config;
}

std::string alone(int card)
{
    return in_child([card] {
        Rig rig(config_of(card), "only_");
        Script script(rig, 7u + static_cast<unsigned>(card));
        for (int i = 0; i < Script::kSteps; ++i) {
            rig.host.run_until(start_of(card) + i * Script::kStep);
            script.step(i);
        }
        rig.host.run_until((Script::kSteps + 1) * Script::kStep);
        return script.seen() + script.figures();
    });
}

/// Both in one process; returns what card `wanted` saw.
std::string together(int wanted)
{
    return in_child([wanted] {
        Rig a(config_of(0), "a_"), b(config_of(1), "b_");
        Script first(a, 7), second(b, 8);
        for (int i = 0; i < Script::kSteps; ++i) {
            a.host.run_until(start_of(0) + i * Script::kStep);
            first.step(i);
            b.host.run_until(start_of(1) + i * Script::kStep);
            second.step(i);
        }
        a.host.run_until((Script::kSteps + 1) * Script::kStep);
        Script& script = wanted == 0 ? first : second;
        return script.seen() + script.figures();
    });
}

TEST(TwoCards, EachIsAsIfAlone)
{
    const auto a = alone(0), b = alone(1);
    EXPECT_NE(a, b);
    EXPECT_EQ(together(0), a);
    EXPECT_EQ(together(1), b);
}

}  // namespace
}  // namespace lightcard::test
