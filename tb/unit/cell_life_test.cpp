// SPDX-License-Identifier: Apache-2.0
// Lives of cells, the write loop and drift laws, against their closed forms; Monte-Carlo within three standard errors.
#include "lightcard/model/pcm_memory/cell_life.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "lightcard/model/common/det_math.h"
#include "lightcard/model/pcm_memory/cell_array.h"
#include "lightcard/model/pcm_memory/cell_moments.h"
#include "lightcard/model/pcm_memory/effective_tile.h"
#include "lightcard/model/pcm_memory/state_file.h"
#include "lightcard/model/pcm_memory/write_loop.h"

namespace lightcard::pcm_memory {
namespace {

constexpr std::uint32_t kN = 128;
const std::vector<std::uint16_t> kInPlace;
const StuckCells kNoneStuck;

std::vector<PairLimits> worn(const Parameters& pcm, std::uint32_t cycles, std::uint64_t seed = 7)
{
    const std::vector<std::uint32_t> wear(kN, cycles);
    return pair_limits(pcm, {seed, 0, 0}, {wear, kInPlace, kNoneStuck}, kN, kN);
}

struct Count {
    double failed = 0, low = 0, cells = 2.0 * kN * kN;
};

Count count(const std::vector<PairLimits>& limits)
{
    Count sum;
    for (const auto& pair : limits)
        for (const float stuck : pair.stuck) sum.failed += stuck >= 0, sum.low += stuck == 0;
    return sum;
}

double binomial_error(double share, double cells)
{
    return 3 * std::sqrt(share * (1 - share) / cells);
}

TEST(CellLife, NewCellsNeedNoLimits)
{
    EXPECT_TRUE(worn({}, 0).empty());
    EXPECT_TRUE(worn({}, 200'000).empty()) << "a fifth of the typical life, spread 0.25: nobody fails";
}

TEST(CellLife, FailuresFollowTheLogNormalLife)
{
    Parameters pcm;
    pcm.stuck_low_share = 0.8;
    for (const double share_of_life : {0.6, 0.8, 1.0, 1.5}) {
        const auto got = count(worn(pcm, static_cast<std::uint32_t>(share_of_life * 1e6)));
        const double expected = det::normal_cdf(std::log(share_of_life) / pcm.endurance_spread);
        EXPECT_NEAR(got.failed / got.cells, expected, binomial_error(expected, got.cells)) << share_of_life;
        EXPECT_NEAR(got.low / got.failed, 0.8, binomial_error(0.8, got.failed)) << share_of_life;
    }
}

TEST(CellLife, AFailedCellStaysFailedAndWhereItIs)
{
    const auto early = worn({}, 700'000), late = worn({}, 900'000);
    for (std::size_t i = 0; i < early.size(); ++i)
        for (int arm = 0; arm < 2; ++arm)
            if (early[i].stuck[arm] >= 0) {
                EXPECT_EQ(late[i].stuck[arm], early[i].stuck[arm]) << i;
            }
    EXPECT_NE(count(worn({}, 700'000, 8)).failed, count(early).failed) << "another card, other cells";
}

/// The draw belongs to the physical cell: a smaller tile sees the same cells, a moved row another row's.
TEST(CellLife, BelongsToThePhysicalCell)
{
    Parameters pcm;
    pcm.spare_rows = 4;
    const std::vector<std::uint32_t> wear(kN + 4, 800'000);
    const auto whole = pair_limits(pcm, {7, 0, 0}, {wear, kInPlace, kNoneStuck}, kN, kN);
    const auto part = pair_limits(pcm, {7, 0, 0}, {wear, kInPlace, kNoneStuck}, 20, 5);
    for (std::uint32_t col = 0; col < 5; ++col)
        for (std::uint32_t row = 0; row < 20; ++row)
            EXPECT_EQ(part[col * 20 + row].stuck[0], whole[col * kN + row].stuck[0]);
    std::vector<std::uint16_t> moved(kN);
    for (std::uint32_t row = 0; row < kN; ++row) moved[row] = static_cast<std::uint16_t>(row);
    std::swap(moved[3], moved[90]);
    const auto remapped = pair_limits(pcm, {7, 0, 0}, {wear, moved, kNoneStuck}, kN, kN);
    for (std::uint32_t col = 0; col < kN; ++col) {
        EXPECT_EQ(remapped[col * kN + 3].stuck[1], whole[col * kN + 90].stuck[1]);
        EXPECT_EQ(remapped[col * kN + 4].stuck[1], whole[col * kN + 4].stuck[1]);
    }
}

TEST(CellLife, DefectsAndFatigue)
{
    Parameters pcm;
    pcm.defect_rate = 0.01;
    const auto got = count(worn(pcm, 0));
    EXPECT_NEAR(got.failed / got.cells, 0.01, binomial_error(0.01, got.cells));
    pcm.defect_rate = 0;
    pcm.endurance_spread = 0;
    pcm.fatigue = 0.4;
    for (const auto& pair : worn(pcm, 500'000)) {
        EXPECT_FLOAT_EQ(pair.ceiling[0], 0.8F);
        EXPECT_FLOAT_EQ(pair.ceiling[1], 0.8F);
    }
}

TEST(CellLife, VerificationFindsWhatMatters)
{
    const std::vector<std::uint32_t> wear;
    StuckCells stuck;
    stuck[stuck_key(5, 2, 0)] = 1.0F;
    stuck[stuck_key(6, 2, 1)] = 0.0F;
    const auto limits = pair_limits({}, {}, {wear, kInPlace, stuck}, kN, 4);
    std::vector<std::int8_t> weights(kN * 4, 0);
    auto failed = failed_cells({}, limits, kN, 4, weights.data());
    EXPECT_EQ(failed[5], 1u) << "zero wanted, full scale there";
    EXPECT_EQ(failed[6], 0u) << "zero wanted, zero there";
    weights[2 * kN + 5] = 127;
    weights[2 * kN + 6] = -30;
    failed = failed_cells({}, limits, kN, 4, weights.data());
    EXPECT_EQ(failed[5], 0u);
    EXPECT_EQ(failed[6], 1u);
}

/// stat and device see the same failed cells, and what is expected of them is what is there.
TEST(CellLife, TileAndCellsAgree)
{
    Parameters pcm;
    pcm.fatigue = 0.5;
    const auto limits = worn(pcm, 800'000);
    std::vector<std::int8_t> weights(kN * kN);
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<std::int8_t>(i * 37 % 255 - 127);
    RunConfig run;
    run.fidelity = Fidelity::device;
    run.noise.programming = run.noise.drift = run.noise.levels = false;
    const auto tile = make_effective_tile(pcm, run, {7, 0, 0, 1, &limits}, kN, kN, weights.data(), kN, 0);
    double squares = 0;
    for (std::uint32_t col = 0; col < kN; ++col)
        for (std::uint32_t row = 0; row < kN; ++row) {
            const auto& pair = tile.cells[col * kN + row];
            const std::size_t at = std::size_t{col} * tile.row_stride + row;
            const double weight = tile.hi[at] + tile.lo[at] / 256.0;
            ASSERT_NEAR(weight, 127 * (pair.plus.programmed - pair.minus.programmed), 0.003) << row << ' ' << col;
            const double error = weight - weights[col * kN + row];
            squares += error * error;
        }
    // residual + coherent: sum e^2 - (sum e)^2/rows and (sum e)^2 a column.
    EXPECT_GT(squares, 0);
    EXPECT_NEAR(tile.wear.residual2 + tile.wear.coherent2 / kN, squares, 1e-3 * squares);
    run.noise.wear = false;
    const auto off = make_effective_tile(pcm, run, {7, 0, 0, 1, &limits}, kN, kN, weights.data(), kN, 0);
    EXPECT_EQ(off.wear.residual2, 0);
    EXPECT_TRUE(std::equal(weights.begin(), weights.begin() + kN, off.hi.begin()));
}

TEST(WriteLoop, PulsesAndResidualFollowTheTarget)
{
    const Parameters pcm;  // 10 % at mid-range, 0.4 a pulse, 1 % read error
    EXPECT_EQ(pulses(pcm, 0), 1u);
    EXPECT_EQ(pulses(pcm, 1), 1u);
    EXPECT_EQ(pulses(pcm, 0.5), 4u) << "10, 4, 1.6, 0.64 %";
    EXPECT_EQ(pulses(pcm, 0.02), 1u) << "0.78 %";
    EXPECT_EQ(pulses(pcm, 0.1), 3u) << "3.6, 1.44, 0.58 %";
    EXPECT_DOUBLE_EQ(programming_sigma(pcm, 0.5), 0.01);
    Parameters single = pcm;
    single.verify_iterations = 1;
    EXPECT_EQ(pulses(single, 0.5), 1u);
    EXPECT_DOUBLE_EQ(programming_sigma(single, 0.5), 0.1);
    EXPECT_DOUBLE_EQ(programming_sigma(single, 1), 0.01);
    Parameters perfect = single;
    perfect.programming_sigma = 0;
    EXPECT_DOUBLE_EQ(programming_sigma(perfect, 0.5), 0);
}

/// Mean and variance of the drift of cells, drawn one by one, for both laws.
TEST(Drift, MomentsAreThoseOfTheCells)
{
    RunConfig run;
    run.fidelity = Fidelity::device;
    run.noise.programming = run.noise.levels = false;
    const std::vector<std::int8_t> weights(kN * kN, 60);
    for (const auto law : {DriftLaw::logarithmic, DriftLaw::power}) {
        Parameters pcm;
        pcm.drift_law = law;
        pcm.drift_nu = 0.01, pcm.drift_nu_sigma = 0.02;  // a third of the cells clipped at 0
        const double age = 86400;
        const auto cells = make_cells(pcm, run, {7, 0, 0, 1}, kN, kN, weights.data(), kN, age);
        double sum = 0, square = 0, fourth = 0;
        for (const auto& pair : cells) {
            const double floor = det::from_db(-pcm.cell_extinction_db);
            const double factor = (pair.plus.transmission - floor) / (1 - floor) / (60 / 127.0) - 1;
            sum += factor, square += factor * factor;
        }
        const double count = static_cast<double>(cells.size()), mean = sum / count;
        const double variance = square / count - mean * mean;
        for (const auto& pair : cells) {
            const double floor = det::from_db(-pcm.cell_extinction_db);
            const double off = (pair.plus.transmission - floor) / (1 - floor) / (60 / 127.0) - 1 - mean;
            fourth += off * off * off * off;
        }
        const Moments expected = drift_moments(make_drift(pcm, age));
        EXPECT_NEAR(mean, expected.mean, 3 * std::sqrt(variance / count));
        EXPECT_NEAR(variance, expected.variance, 3 * std::sqrt((fourth / count - variance * variance) / count));
    }
}

TEST(Drift, APowerLawStartsAtItsReferenceTime)
{
    Parameters pcm;
    pcm.drift_law = DriftLaw::power;
    EXPECT_EQ(make_drift(pcm, pcm.drift_t0 / 2).log_age, 0);
    EXPECT_NEAR(drift_factor({DriftLaw::power, 0.05, 0, det::log(100.0)}, 0), std::pow(100.0, -0.05), 1e-12);
}

// ---------------------------------------------------------------------- retention

TEST(Exposure, FollowsArrhenius)
{
    const Parameters pcm;
    EXPECT_NEAR(arrhenius(2.24, 85, 85), 1, 1e-12);
    // exp((2.24 / 8.617e-5) (1/358.15 - 1/398.15))
    EXPECT_NEAR(arrhenius(2.24, 125, 85), 1469, 15);
    EXPECT_LT(arrhenius(2.24, 35, 85), 1e-5) << "ten years at 85 C are a million at 35";
    const Exposure day = expose(pcm, 86400, pcm.reference_temperature);
    EXPECT_DOUBLE_EQ(day.drift, 86400);
    EXPECT_GT(expose(pcm, 86400, 85).drift, 86400 * 100.0);
    EXPECT_EQ(expose(pcm, -1, 85).drift, 0);
}

/// Share of the contrast that cells of 60 have left, drawn one by one, and the moments it is said to have.
TEST(Retention, MomentsAreThoseOfTheCells)
{
    RunConfig run;
    run.fidelity = Fidelity::device;
    run.noise.programming = run.noise.levels = run.noise.drift = false;
    const std::vector<std::int8_t> weights(kN * kN, 60);
    const Parameters pcm;
    for (const double share : {0.3, 1.0, 2.0}) {
        const Exposure age(0, share * pcm.retention_time);
        const auto cells = make_cells(pcm, run, {7, 0, 0, 1}, kN, kN, weights.data(), kN, age);
        const double floor = det::from_db(-pcm.cell_extinction_db);
        std::vector<double> left;
        double sum = 0, square = 0;
        for (const auto& pair : cells) left.push_back((pair.plus.transmission - floor) / (1 - floor) / (60 / 127.0));
        for (const double factor : left) sum += factor, square += factor * factor;
        const double count = static_cast<double>(left.size()), mean = sum / count;
        const double variance = square / count - mean * mean;
        const Moments expected = retention_moments(make_retention(pcm, age));
        EXPECT_NEAR(mean - 1, expected.mean, 3 * std::sqrt(variance / count)) << share;
        double fourth = 0;
        for (const double factor : left) fourth += std::pow(factor - mean, 4) / count;
        EXPECT_NEAR(variance, expected.variance, 3 * std::sqrt((fourth - variance * variance) / count)) << share;
        std::nth_element(left.begin(), left.begin() + kN * kN / 2, left.end());
        EXPECT_NEAR(left[kN * kN / 2], std::pow(2, -std::pow(share, pcm.retention_exponent)), 0.02)
            << "the typical cell";
    }
    EXPECT_EQ(make_retention(pcm, expose(pcm, 86400 * 365, 35)).amount, 0) << "a year at work shows nowhere";
}

TEST(Retention, IsOffWithItsSwitchAndInIdeal)
{
    const std::vector<std::int8_t> weights(kN * kN, 60);
    const Parameters pcm;
    RunConfig run;
    const auto plane = [&](const Exposure& age) {
        return make_effective_tile(pcm, run, {7, 0, 0, 1}, kN, kN, weights.data(), kN, age).hi;
    };
    const Exposure baked(0, pcm.retention_time);
    EXPECT_NE(plane(baked), plane({}));
    run.noise.retention = false;
    EXPECT_EQ(plane(baked), plane({}));
    run.noise.retention = true;
    run.fidelity = Fidelity::ideal;
    EXPECT_EQ(plane(baked), plane({}));
}

// ---------------------------------------------------------------------- one cell a weight

TEST(SingleCell, HoldsAWeightAsItsCode)
{
    Parameters pcm;
    pcm.level_bits = 8;
    pcm.programming_sigma = 0;
    RunConfig run;
    const std::vector<std::int8_t> weights = {-128, -127, -64, 0, 64, 127};
    const Place place{7, 0, 0, 1, nullptr, true};
    const auto tile = make_effective_tile(pcm, run, place, 6, 1, weights.data(), 6, {});
    for (std::uint32_t row = 0; row < 6; ++row) {
        const double step = 254.0 / 255;  // of 8-bit levels, in weights
        EXPECT_NEAR((256 * tile.hi[row] + tile.lo[row]) / 256.0, std::max<int>(-127, weights[row]), step / 2 + 0.01);
    }
    const double floor = det::from_db(-pcm.cell_extinction_db);
    EXPECT_NEAR(tile.common[1], 255 * floor, 1) << "-127 is dark";
    EXPECT_NEAR(tile.common[3], 255 * (1 + floor) / 2, 2) << "0 is half open";
    EXPECT_EQ(tile.common[5], 255);
    run.fidelity = Fidelity::device;
    const auto cells = make_cells(pcm, run, place, 6, 1, weights.data(), 6, {});
    EXPECT_NEAR(cells[3].plus.transmission, (1 + floor) / 2, 0.003);
    EXPECT_EQ(cells[3].minus.transmission, 0) << "there is none";
}

// ---------------------------------------------------------------------- state file

StateFile some_state()
{
    StateFile state;
    state.card = {"lc128", 5, 7, 128, 1, 2, 4, 5};
    state.cores.resize(1);
    state.cores[0].banks.resize(2);
    auto& bank = state.cores[0].banks[0];
    bank.weight_id = 42;
    bank.rows = 3, bank.cols = 2;
    bank.weights = {1, -2, 3, -4, 5, -6};
    bank.epoch = 9;
    bank.age = 3600;
    bank.wear.assign(132, 9);
    bank.stuck[stuck_key(131, 7, 1)] = 0.5F;
    state.cores[0].commits = 9;
    return state;
}

std::string bytes_of(const StateFile& state)
{
    std::ostringstream out;
    EXPECT_TRUE(write_state(out, state));
    return out.str();
}

std::string refusal(const std::string& bytes)
{
    std::istringstream in(bytes);
    const auto state = read_state(in);
    return state ? "" : state.error().message();
}

TEST(StateFile, ComesBackAsItWas)
{
    const auto bytes = bytes_of(some_state());
    std::istringstream in(bytes);
    const auto state = read_state(in);
    ASSERT_TRUE(state) << state.error().message();
    EXPECT_EQ(bytes_of(*state), bytes);
    EXPECT_TRUE(check_identity(state->card, some_state().card));
}

TEST(StateFile, EveryCutAndEveryFlippedBitIsRefused)
{
    const auto bytes = bytes_of(some_state());
    for (std::size_t length = 0; length < bytes.size(); ++length)
        EXPECT_NE(refusal(bytes.substr(0, length)), "") << length;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        auto bent = bytes;
        bent[at] = static_cast<char>(bent[at] ^ (1 << at % 8));
        EXPECT_NE(refusal(bent), "") << at;
    }
    EXPECT_THAT(refusal(bytes + "x"), testing::HasSubstr("bytes follow"));
    EXPECT_THAT(refusal(bytes.substr(0, 40)), testing::HasSubstr("cut short"));
}

/// Whoever makes the checksums match still has to say what can be.
TEST(StateFile, ImpossibleContentsAreRefused)
{
    const auto with = [](const std::function<void(StateFile&)>& change) {
        auto state = some_state();
        change(state);
        return refusal(bytes_of(state));
    };
    EXPECT_EQ(with([](StateFile&) {}), "");
    EXPECT_THAT(with([](StateFile& s) { s.card.cores = 0; }), testing::HasSubstr("geometry"));
    EXPECT_THAT(with([](StateFile& s) { s.card.n = 4'000'000; }), testing::HasSubstr("geometry"));
    EXPECT_THAT(with([](StateFile& s) { s.card.banks = 3; }), testing::HasSubstr("number of banks"));
    EXPECT_THAT(with([](StateFile& s) { s.cores[0].banks[0].rows = 129; }), testing::HasSubstr("cannot be one"));
    EXPECT_THAT(with([](StateFile& s) { s.cores[0].banks[0].weights.pop_back(); }), testing::HasSubstr("cannot be"));
    EXPECT_THAT(with([](StateFile& s) { s.cores[0].banks[1].wear.assign(5, 1); }), testing::HasSubstr("cannot be"));
    EXPECT_THAT(with([](StateFile& s) { s.cores[0].banks[1].row_map.assign(128, 132); }), testing::HasSubstr("cannot"));
    EXPECT_THAT(with([](StateFile& s) { s.cores[0].banks[1].age = -1; }), testing::HasSubstr("cannot be"));
    EXPECT_THAT(with([](StateFile& s) { s.cores[0].banks[1].age = std::nan(""); }), testing::HasSubstr("cannot be"));
    EXPECT_THAT(with([](StateFile& s) { s.cores[0].banks[1].stuck[stuck_key(1, 128, 0)] = 0; }),
                testing::HasSubstr("cannot be"));
}

TEST(StateFile, AnotherCardIsNamedByItsField)
{
    const auto card = some_state().card;
    const auto differing = [&](const std::function<void(CardIdentity&)>& change) {
        auto other = card;
        change(other);
        const auto same = check_identity(card, other);
        return same ? std::string() : same.error().message();
    };
    EXPECT_THAT(differing([](auto& c) { c.seed = 8; }), testing::HasSubstr("seed 7, this card has 8"));
    EXPECT_THAT(differing([](auto& c) { c.name = "x"; }), testing::HasSubstr("name 'lc128', this card has 'x'"));
    EXPECT_THAT(differing([](auto& c) { c.serial_number = 6; }), testing::HasSubstr("serial number"));
    EXPECT_THAT(differing([](auto& c) { c.banks = 4; }), testing::HasSubstr("banks 2, this card has 4"));
}

}  // namespace
}  // namespace lightcard::pcm_memory
