// SPDX-License-Identifier: Apache-2.0
// What must not show (threads, tracing, timing style of an idle card) and what may (schedule), on a real network.
#include <cmath>
#include <numeric>

#include "lightcard/model/photonic_core/integer_kernel.h"
#include "lightcard/tb/card/network_rig.h"

namespace lightcard::test {
namespace {

constexpr std::size_t kImages = 12;

/// Takes every event and does nothing with it: tracing is on.
struct CountingSink : ActivitySink {
    std::uint64_t events = 0;
    void track(TrackId, std::string_view) override {}
    void span(TrackId, std::string_view, Picoseconds, Picoseconds, std::uint32_t, std::uint64_t) override { ++events; }
    void instant(TrackId, std::string_view, Picoseconds, std::uint64_t) override { ++events; }
    void counter(TrackId, std::string_view, Picoseconds, double) override { ++events; }
};

struct Setting {
    std::uint32_t threads = 1, batch = 4, banks = 2;
    bool trace = false;
    std::uint64_t seed = 1;
    Fidelity fidelity = Fidelity::stat;
    std::string simd = "auto";
};

CardConfig card_of(const Setting& setting)
{
    auto config = default_card();
    config.run.fidelity = setting.fidelity;
    config.run.seed = setting.seed;
    config.pcm.banks = setting.banks;
    config.host.threads = setting.threads;
    config.host.simd = setting.simd;
    return config;
}

std::vector<std::uint8_t> outputs_of(const Setting& setting, const Network& network, std::string* figures = nullptr)
{
    Rig rig(card_of(setting));
    CountingSink sink;
    if (setting.trace) rig.card.activity().attach(sink);
    rig.up();
    const auto outputs = run_network(rig, compile(network, rig.card.config(), setting.batch), network);
    if (figures != nullptr) *figures = figures_of(rig.card);
    if (setting.trace) {
        EXPECT_GT(sink.events, 100u);
        rig.card.activity().detach(sink);
    }
    EXPECT_TRUE(rig.card.ledger().balances());
    return outputs;
}

/// Outputs and every figure as text, from a process of its own.
std::string everything(const Setting& setting, const Network& network)
{
    return in_child([&] {
        std::string figures;
        const auto outputs = outputs_of(setting, network, &figures);
        return figures + "\noutputs " + std::string(outputs.begin(), outputs.end());
    });
}

TEST(Invariance, ThreadsAndTracingNeverShow)
{
    const auto network = lenet(kImages);
    const auto reference = everything({}, network);
    EXPECT_GT(reference.size(), 1000u);
    for (const auto threads : {2u, 3u, 8u}) {
        Setting setting;
        setting.threads = threads;
        EXPECT_EQ(everything(setting, network), reference) << threads << " threads";
    }
    Setting traced;
    traced.trace = true;
    EXPECT_EQ(everything(traced, network), reference);
}

/// Noise and figures of a network through one set of kernels; what the CPU lacks is skipped by name.
class InvarianceOfKernels : public testing::TestWithParam<const char*> {};

TEST_P(InvarianceOfKernels, NeverShow)
{
    const std::string simd = GetParam();
    if (to_string(photonic_core::kernel_isa(simd)) != simd) GTEST_SKIP() << simd << " is not on this CPU";
    const auto network = lenet(6);
    for (const auto fidelity : {Fidelity::stat, Fidelity::ideal}) {
        Setting portable, setting;
        portable.fidelity = setting.fidelity = fidelity;
        portable.simd = "portable";
        setting.simd = simd;
        setting.threads = 2;
        EXPECT_EQ(everything(setting, network), everything(portable, network));
    }
}

INSTANTIATE_TEST_SUITE_P(, InvarianceOfKernels, testing::Values("avx2", "avx512_vnni", "amx"),
                         [](const auto& kernels) { return std::string(kernels.param); });

TEST(Invariance, AnotherSeedIsOtherNoise)
{
    const auto network = lenet(kImages);
    Setting other;
    other.seed = 2;
    EXPECT_NE(everything(other, network), everything({}, network));
}

TEST(Invariance, ScheduleDoesNotShowInIdeal)
{
    const auto network = lenet(kImages);
    const auto reference = network.reference();
    for (const auto& setting :
         {Setting{1, 1, 2}, Setting{1, 5, 2}, Setting{1, 12, 2}, Setting{1, 4, 3}, Setting{1, 4, 64}}) {
        auto ideal = setting;
        ideal.fidelity = Fidelity::ideal;
        const auto outputs = in_child([&] {
            const auto bytes = outputs_of(ideal, network);
            return std::string(bytes.begin(), bytes.end());
        });
        EXPECT_EQ(std::vector<std::uint8_t>(outputs.begin(), outputs.end()), reference)
            << "batch " << setting.batch << ", " << setting.banks << " banks";
    }
}

/// Mean squared logit error against the reference, one figure a seed.
std::vector<double> squared_errors(Setting setting, const Network& network, const std::vector<std::uint8_t>& reference)
{
    std::vector<double> errors;
    for (std::uint64_t seed = 101; seed < 113; ++seed) {
        setting.seed = seed;
        const auto text = in_child([&] {
            const auto bytes = outputs_of(setting, network);
            double sum = 0;
            for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) {
                std::int32_t got = 0, want = 0;
                std::memcpy(&got, &bytes[i], 4);
                std::memcpy(&want, &reference[i], 4);
                sum += std::pow(static_cast<double>(got) - want, 2);
            }
            return std::to_string(sum / (static_cast<double>(bytes.size()) / 4));
        });
        errors.push_back(std::stod(text));
    }
    return errors;
}

TEST(Invariance, ScheduleDoesNotShowInTheStatisticsOfStat)
{
    const auto network = lenet(6);
    const auto reference = network.reference();
    const auto moments = [](const std::vector<double>& values) {
        const double n = static_cast<double>(values.size());
        const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
        double squares = 0;
        for (const double value : values) squares += (value - mean) * (value - mean);
        return std::pair(mean, squares / (n - 1) / n);  // mean and its variance
    };
    const auto [mean, variance] = moments(squared_errors({1, 6, 2}, network, reference));
    for (const auto& setting : {Setting{1, 1, 2}, Setting{1, 3, 64}}) {
        const auto [other, other_variance] = moments(squared_errors(setting, network, reference));
        EXPECT_NEAR(other, mean, 3 * std::sqrt(variance + other_variance))
            << "batch " << setting.batch << ", " << setting.banks << " banks";
    }
    EXPECT_GT(mean, 0);
}

/// One MVM stream on an otherwise idle card, in both timing styles.
TEST(Invariance, LtEqualsAtToThePicosecond)
{
    const auto run = [](Timing timing, std::uint32_t vectors, std::uint32_t lanes) {
        return in_child([&] {
            auto config = ideal_card();
            config.run.timing = timing;
            config.core.lanes = lanes;
            Rig rig(config);
            rig.up();
            rig.write(dram_pointer(0), Rig::pattern(128 * 128, 1));
            rig.write(sram_pointer(0), Rig::pattern(1 << 20, 2));
            lc_program_op program{};
            program.rows = program.cols = 128;
            program.row_stride = 128;
            program.weights = dram_pointer(0);
            rig.run(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 5), &program);
            lc_mvm_op op{};
            op.rows = op.cols = 128;
            op.flags = LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST;
            op.out_format = LC_FMT_S32;
            op.in.base = sram_pointer(0);
            op.in.images = op.in.out_h = op.in.height = 1;
            op.in.out_w = op.in.width = vectors;
            op.in.channels = op.in.stride_w = 128;
            op.in.kernel_h = op.in.kernel_w = op.in.step_h = op.in.step_w = op.in.dil_h = op.in.dil_w = 1;
            op.out.base = sram_pointer(8 << 20);
            op.out.stride_w = 512;
            rig.run(driver::make_weight_command(LC_OP_MVM, 5), &op);
            const auto counters = rig.card.counters();
            std::string figures;
            for (const auto& layer : counters.layers) figures += std::to_string(layer.last) + " ";
            return figures + std::to_string(engine(counters, "core0").busy) + " " + std::to_string(rig.card.now());
        });
    };
    for (const auto vectors : {1u, 3u, 256u, 257u, 1000u, 4099u}) {
        for (const auto lanes : {1u, 4u, 7u}) {
            EXPECT_EQ(run(Timing::lt, vectors, lanes), run(Timing::at, vectors, lanes))
                << vectors << " vectors, " << lanes << " lanes";
        }
    }
}

}  // namespace
}  // namespace lightcard::test
