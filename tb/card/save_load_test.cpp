// SPDX-License-Identifier: Apache-2.0
// An idle card saved and loaded into a fresh one is the same card: same figures, and the same outputs, times and
// figures of whatever it does next.
#include "script.h"

namespace lightcard::test {
namespace {

CardConfig noisy_card()
{
    CardConfig config = default_card();
    config.run.seed = 5;
    return config;
}

/// Puts a card to work, then leaves it idle with the driver gone.
void use(Rig& rig)
{
    Script script(rig, 3);
    for (int i = 0; i < 4; ++i) {
        rig.host.run_until(i * Script::kStep);
        script.step(i);
    }
    ASSERT_TRUE(rig.host.drain());
    must(rig.driver->shutdown());
    rig.driver.reset();
    rig.host.root().set_observer(nullptr);
    ASSERT_TRUE(rig.host.drain());
}

/// A new driver on a card with a past: multiplies by the weights that are there, in bank 0.
std::string carry_on(Rig& rig)
{
    std::ostringstream seen;
    const auto start = rig.host.now();
    rig.up();
    const auto log = must(rig.driver->weights_log());
    for (const auto& bank : log)
        seen << "bank " << bank.weight_id << ' ' << bank.epoch << ' ' << bank.max_wear << ' ' << bank.rows << '\n';
    rig.write(sram_pointer(0), Rig::pattern(128 * 20, 4));
    lc_mvm_op op{};
    op.rows = op.cols = 128;
    op.flags = LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST | LC_MVM_COUNT_SAMPLES;
    op.out_format = LC_FMT_S32;
    op.in = {sram_pointer(0), 1, 1, 20, 128, 1, 20, 128 * 20, 128 * 20, 128, 1, 1, 1, 1, 1, 1, 0, 0};
    op.out = {sram_pointer(0x100000), 128 * 20 * 4, 128 * 20 * 4, 128 * 4};
    op.psum = sram_pointer(0x400000);
    const auto done = rig.run(driver::make_weight_command(LC_OP_MVM, 100), &op);
    seen << "took " << done.completed - done.submitted << " at " << done.completed - start << '\n';
    for (auto value : rig.read<std::int32_t>(sram_pointer(0x100000), 128 * 20)) seen << value << ' ';
    for (auto value : rig.read<std::uint8_t>(dram_pointer(0), 1000)) seen << int(value) << ' ';
    return seen.str() + '\n' + figures_of(rig.card);
}

std::string save(Rig& rig)
{
    std::ostringstream out;
    must(rig.card.save(out));
    return out.str();
}

TEST(SaveLoad, AFreshCardBecomesTheSavedOne)
{
    std::string state, figures;
    const std::string text = in_child([] {
        Rig rig(noisy_card());
        use(rig);
        return save(rig) + "\x01mark\x01" + figures_of(rig.card);
    });
    const auto mark = text.find("\x01mark\x01");
    ASSERT_NE(mark, std::string::npos);
    state = text.substr(0, mark);
    figures = text.substr(mark + 6);

    const auto went_on = in_child([] {
        Rig rig(noisy_card());
        use(rig);
        (void)save(rig);  // saving changes nothing
        return carry_on(rig);
    });
    const auto loaded = in_child([&] {
        Rig rig(noisy_card());
        std::istringstream in(state);
        must(rig.card.load(in));
        EXPECT_EQ(figures_of(rig.card), figures);
        EXPECT_EQ(save(rig), state) << "what was loaded saves as the same bytes";
        return carry_on(rig);
    });
    EXPECT_EQ(loaded, went_on);
}

TEST(SaveLoad, ABusyCardIsRefused)
{
    Rig rig;
    rig.up();
    const auto big = rig.buffer(16u << 20);
    rig.submit(make_copy(dram_pointer(0), host_pointer(big), 16u << 20));
    rig.host.sleep(20 * kMicrosecond);
    std::ostringstream out;
    EXPECT_FALSE(rig.card.save(out));
    ASSERT_TRUE(rig.host.drain());
    EXPECT_TRUE(rig.queue().poll().value().ok());
    EXPECT_TRUE(rig.works());
}

TEST(SaveLoad, AnotherCardsStateAndDamageAreRefused)
{
    const std::string state = in_child([] {
        Rig rig;
        use(rig);
        return save(rig);
    });
    in_child([&] {
        CardConfig other = ideal_card();
        other.pcm.banks = 4;
        Rig rig(other);
        std::istringstream in(state);
        EXPECT_FALSE(rig.card.load(in)) << "another geometry";
        return std::string();
    });
    Rig rig;
    std::istringstream cut(state.substr(0, state.size() / 2));
    EXPECT_FALSE(rig.card.load(cut));
    std::string bent = state;
    bent[bent.size() / 2] = static_cast<char>(bent[bent.size() / 2] ^ 0x10);
    std::istringstream damaged(bent);
    EXPECT_FALSE(rig.card.load(damaged));
    rig.up();
    EXPECT_TRUE(rig.works()) << "a refused state leaves the card as it was";
}

}  // namespace
}  // namespace lightcard::test
