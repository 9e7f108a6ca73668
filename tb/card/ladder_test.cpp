// SPDX-License-Identifier: Apache-2.0
// Each rung of the reset ladder in the middle of each kind of work: the bus falls silent, the card comes back within
// its time, weights of other banks are there, the driver is told what it could not know.
#include "mvm_rig.h"

#include "lightcard/model/control_chip/lightcard_regs.h"

namespace lightcard::test {
namespace {

enum class Rung { abort, queue, controller, function, bus, cold };
enum class Work { dma, program, mvm };
constexpr std::uint32_t kBig = 16u << 20, kVectors = 8192;
constexpr std::uint64_t kKept = 7, kBusy = 8;  ///< weight ids of bank 0, which must survive, and bank 1

struct LadderRig : MvmRig {
    LadderRig()
    {
        program(tile, kKept, 0);
        program(tile, kBusy, 1);
        big = buffer(kBig);
        count = host.read32(LC_REG_RESET_COUNT);
    }

    /// Leaves a long command of the kind under way in the first queue.
    std::uint16_t start(Work work)
    {
        if (work == Work::dma) {
            const auto cid = submit(make_copy(host_pointer(big), dram_pointer(0x1000000), kBig));
            host.sleep(100 * kMicrosecond);
            return cid;
        }
        if (work == Work::program) {
            const auto op = program_op(tile, 1);
            const auto cid = submit(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, kBusy + 1), &op);
            host.sleep(40 * card.config().pcm.write_slot);
            return cid;
        }
        const auto op = mvm_op(kN, kN, kVectors, 1);
        const auto cid = submit(driver::make_weight_command(LC_OP_MVM, kBusy), &op);
        // Past the warming up of the laser, into the stream.
        host.sleep(card.config().core.laser_warm_up + 200 * kNanosecond);
        return cid;
    }

    void climb(Rung rung, std::uint16_t cid)
    {
        switch (rung) {
            case Rung::abort:
                must(driver->abort(queue(), cid));
                break;
            case Rung::queue:
                must(driver->delete_queue(0));
                break;
            case Rung::controller:
                must(driver->reset());
                break;
            case Rung::function:
                host.write_config(0x68, host.read_config(0x68) | 1u << 15);
                break;
            case Rung::bus:
                card.bus_reset();
                break;
            case Rung::cold:
                card.cold_reset();
                break;
        }
    }

    Tile tile{kN, kN, 5};
    driver::DmaBuffer big;
    std::uint32_t count = 0;
};

class Ladder : public testing::TestWithParam<std::tuple<Rung, Work>> {};

TEST_P(Ladder, ComesBack)
{
    const auto [rung, work] = GetParam();
    LadderRig rig;
    const auto cid = rig.start(work);
    const auto begin = rig.host.now();
    rig.climb(rung, cid);

    const bool below_controller = rung == Rung::abort || rung == Rung::queue;
    if (rung == Rung::abort) {
        const auto status = must(rig.queue().wait(cid)).status;
        EXPECT_TRUE(status == LC_SC_ABORTED || status == LC_SC_SUCCESS) << status;
    } else if (rung == Rung::queue) {
        EXPECT_EQ(rig.queue().poll().value().status, LC_SC_ABORTED_QUEUE);
        EXPECT_TRUE(rig.works(1)) << "the other queue goes on";
        must(rig.driver->create_queue(0));
    } else if (rung != Rung::controller) {
        // Nothing moves until the host says so.
        std::uint64_t events = 0;
        rig.host.root().set_observer([&](const host::BusEvent&) { ++events; });
        std::memset(rig.big.host, 0x5a, kBig);
        rig.host.sleep(5 * kMillisecond);
        EXPECT_EQ(events, 0u);
        EXPECT_EQ(std::count(rig.big.host, rig.big.host + kBig, 0x5a), kBig);
        rig.host.root().set_observer({});
        must(rig.host.power_on());
        EXPECT_TRUE(rig.driver->was_reset() || rung == Rung::cold);
        must(rig.driver->reset());
        while (rig.queue().poll()) {
        }
    }
    // CAP.TO bounds every rung; Linux gives 100 ms to the last ones.
    EXPECT_LT(rig.host.now() - begin, 100 * kMillisecond);

    if (rung == Rung::cold) {
        EXPECT_EQ(rig.host.read32(LC_REG_RESET_COUNT), 0u);
        EXPECT_EQ(rig.host.read32(LC_REG_RESET_CAUSE), 0u);
    } else if (!below_controller) {
        EXPECT_EQ(rig.host.read32(LC_REG_RESET_COUNT), rig.count + 1);
        EXPECT_EQ(rig.host.read32(LC_REG_RESET_CAUSE), rung == Rung::controller ? 1u
                                                       : rung == Rung::function ? 2u
                                                                                : 3u);
    } else {
        EXPECT_EQ(rig.host.read32(LC_REG_RESET_COUNT), rig.count);
    }
    std::size_t told = 0;
    for (const auto& event : must(rig.driver->event_log())) told += event.type == LC_EVENT_RESET ? 1 : 0;
    EXPECT_EQ(told, rung == Rung::function || rung == Rung::bus ? 1u : 0u);

    EXPECT_TRUE(rig.works(0));
    EXPECT_TRUE(rig.works(1));
    EXPECT_EQ(rig.queue(0).stray_completions(), 0u);
    // PCM survives all of them; the bank that was being written does not.
    const auto banks = must(rig.driver->weights_log());
    EXPECT_EQ(banks[0].weight_id, kKept);
    EXPECT_EQ(banks[1].weight_id == kBusy, work != Work::program);
    rig.write(sram_pointer(kInputs), Rig::pattern(kN * 4, 21));
    const auto op = LadderRig::mvm_op(kN, kN, 4, 0);
    EXPECT_EQ(rig.mvm(kKept, op).status, LC_SC_SUCCESS);
    const auto inputs = Rig::pattern(kN * 4, 21);
    const auto sums = rig.read<std::int32_t>(sram_pointer(kOutputs), kN * 4);
    for (std::uint32_t v = 0; v < 4; ++v)
        for (std::uint32_t c = 0; c < kN; ++c)
            ASSERT_EQ(sums[v * kN + c], rig.tile.product(inputs.data() + v * kN, c)) << v << ' ' << c;
}

std::string name_of(const testing::TestParamInfo<Ladder::ParamType>& info)
{
    constexpr const char* kRungs[] = {"Abort", "Queue", "Controller", "Function", "Bus", "Cold"};
    constexpr const char* kWorks[] = {"Dma", "Program", "Mvm"};
    return std::string(kRungs[static_cast<int>(std::get<0>(info.param))]) + "In" +
           kWorks[static_cast<int>(std::get<1>(info.param))];
}

INSTANTIATE_TEST_SUITE_P(Rungs, Ladder,
                         testing::Combine(testing::Values(Rung::abort, Rung::queue, Rung::controller, Rung::function,
                                                          Rung::bus, Rung::cold),
                                          testing::Values(Work::dma, Work::program, Work::mvm)),
                         name_of);

TEST(LadderOrder, EveryRungAfterTheOther)
{
    LadderRig rig;
    for (int round = 0; round < 3; ++round) {
        for (const auto rung : {Rung::abort, Rung::queue, Rung::controller, Rung::function, Rung::bus, Rung::cold}) {
            rig.climb(rung, rig.start(Work::dma));
            if (rung == Rung::queue) must(rig.driver->create_queue(0));
            if (rung >= Rung::function) {
                must(rig.host.power_on());
                must(rig.driver->reset());
            }
            rig.host.drain();
            while (rig.queue().poll()) {
            }
            ASSERT_TRUE(rig.works(0)) << round << ' ' << static_cast<int>(rung);
        }
    }
    EXPECT_EQ(must(rig.driver->weights_log())[0].weight_id, kKept);
}

}  // namespace
}  // namespace lightcard::test
