// SPDX-License-Identifier: Apache-2.0
// Writing weights: time, energy and endurance of ResNet-50 on a core whose two banks are rewritten in turn.
#include <algorithm>
#include <cmath>

#include "lightcard/model/card/peak.h"
#include "lightcard/model/pcm_memory/cell_array.h"
#include "lightcard/model/pcm_memory/effective_tile.h"
#include "lightcard/platform/cli/ladder/ladder.h"
#include "lightcard/platform/cli/sustain.h"

namespace lightcard::ladder {

namespace {

constexpr const char* kWrites = "parameter sheet: the weight-write wall (ResNet-50, one core, two banks)";
constexpr const char* kWear = "parameter sheet: endurance of two banks in turn";
const Override kUnlimited = {"card.pcm.write_power_limit", "1 kW"};
const Override kFree = {"card.pcm.write_energy", "1 pJ"};

double pass_seconds(const CardConfig& card)
{
    return double(cli::resnet50(card.core.n).tiles) / cli::tiles_per_second(card);
}

void add_write_wall(Rows& rows)
{
    struct Scheme {
        const char* scheme;
        const char* slot;
        double pass;
        double rate[4];  ///< img/s at batches of 1, 16, 256, 4096
    };
    const Scheme schemes[] = {
        {"serial", "100 ns", 2.58, {.39, 6.2, 99, 1586}},
        {"serial", "1 us", 25.8, {.039, .62, 9.9, 159}},
        {"row_parallel", "100 ns", 20.2e-3, {49.6, 793, 12580, 119500}},
        {"row_parallel", "1 us", 202e-3, {5.0, 79, 1269, 19790}},
        {"row_parallel", "10 us", 2.02, {.50, 7.9, 127, 2030}},
        {"row_parallel", "100 us", 20.2, {.050, .79, 12.7, 203}},
        {"array_parallel", "100 ns", 158e-6, {6334, 79060, 164000, 165300}},
        {"array_parallel", "1 us", 1.58e-3, {635, 10120, 108500, 164600}},
        {"array_parallel", "10 us", 15.8e-3, {63, 1015, 15970, 130200}},
        {"array_parallel", "100 us", 158e-3, {6.3, 102, 1624, 25010}},
    };
    const std::uint64_t batches[] = {1, 16, 256, 4096};
    for (const auto& s : schemes) {
        const std::string name = std::string(s.scheme) + ", " + s.slot;
        const Setup setup{"extends: lc128",
                          {kUnlimited, kFree, {"card.pcm.write_scheme", s.scheme}, {"card.pcm.write_slot", s.slot}},
                          {"card.core.n", "120"}};
        rows.push_back(on_card(row_of("ResNet-50 written once, " + name, kWrites, s.pass, 0.01 * s.pass, "s"), setup,
                               pass_seconds));
        for (int i = 0; i < 4; ++i)
            rows.push_back(on_card(
                row_of("ResNet-50 batches of " + std::to_string(batches[i]) + ", " + name, kWrites, s.rate[i],
                       0.02 * s.rate[i], "img/s"),
                setup, [batch = batches[i]](const CardConfig& card) { return cli::ping_pong_rate(card, batch); }));
    }
    const Setup nominal{"extends: lc128", {}, {"card.pcm.write_slot", "11 us"}};
    rows.push_back(on_card(row_of("step 26: a tile", kWrites, 1.28, 0.005, "ms"), nominal,
                           [](const CardConfig& card) { return 1e3 * cli::tile_write_seconds(card); }));
    rows.push_back(
        on_card(row_of("step 26: the 2.02 s of a pass", kWrites, 2.017, 0.0005, "s"), nominal, pass_seconds));
    rows.push_back(on_card(row_of("step 26: batches of 256", kWrites, 126.9, 0.05, "img/s"), nominal,
                           [](const CardConfig& card) { return 256 / pass_seconds(card); }));
}

void add_endurance(Rows& rows)
{
    struct Life {
        const char* what;
        double images, batch, writes;
        const char* endurance;
        double seconds;
    };
    const double minute = 60, day = 86400;
    const Life lives[] = {
        {"36.9 k img/s, batches of 32, 1e6 cycles", 36905, 32, 9.1e5, "1000000", 1.1},
        {"36.9 k img/s, batches of 32, 1.4e8 cycles", 36905, 32, 9.1e5, "140000000", 154},
        {"36.9 k img/s, batches of 32, 1e9 cycles", 36905, 32, 9.1e5, "1000000000", 18 * minute},
        {"36.9 k img/s, batches of 32, 1e12 cycles", 36905, 32, 9.1e5, "1000000000000", 12.7 * day},
        {"36.9 k img/s, batches of 256, 1e6 cycles", 36905, 256, 1.1e5, "1000000", 8.8},
        {"36.9 k img/s, batches of 256, 1.4e8 cycles", 36905, 256, 1.1e5, "140000000", 20 * minute},
        {"127 img/s, batches of 256, 1e6 cycles", 127, 256, 391, "1000000", 43 * minute},
        {"127 img/s, batches of 256, 1.4e8 cycles", 127, 256, 391, "140000000", 4.1 * day},
    };
    for (const auto& life : lives) {
        const auto writes = [life](const CardConfig& card) {
            const double banks = static_cast<double>(card.cores) * card.pcm.banks;
            return double(cli::resnet50(card.core.n).tiles) / banks * life.images / life.batch;
        };
        const Setup setup{"extends: lc128", {{"card.pcm.endurance", life.endurance}}, {"card.pcm.banks", "3"}};
        rows.push_back(
            on_card(row_of(std::string("worn out: ") + life.what, kWear, life.seconds, 0.03 * life.seconds, "s"), setup,
                    [writes](const CardConfig& card) {
                        return static_cast<double>(card.pcm.endurance) / (writes(card) * card.pcm.cycles_per_write);
                    }));
        if (std::string(life.endurance) == "1000000")
            rows.push_back(on_card(row_of(std::string("writes a second and cell: ") + life.what, kWear, life.writes,
                                          0.05 * life.writes, "1/s"),
                                   setup, writes));
    }
}

/// What the drivers of each write scheme draw, from the sheet's energy a cell.
void add_write_power(Rows& rows)
{
    constexpr const char* kSource = "parameter sheet: write power, 17 nJ a cell";
    struct Scheme {
        const char *scheme, *slot;
        double watts;
    };
    for (const auto& s : {Scheme{"row_parallel", "10 us", 0.44}, {"array_parallel", "1 us", 557}}) {
        const Setup setup{"extends: lc128",
                          {kUnlimited, {"card.pcm.write_scheme", s.scheme}, {"card.pcm.write_slot", s.slot}},
                          {"card.pcm.write_energy", "16 nJ"}};
        rows.push_back(on_card(row_of(std::string("drivers of a ") + s.scheme + " write, " + s.slot, kSource, s.watts,
                                      0.012 * s.watts, "W"),
                               setup, [](const CardConfig& card) { return write_power(card); }));
    }
}

/// Cells drawn one by one, as the card draws them, against the closed forms.
void add_cells(Rows& rows)
{
    constexpr std::uint32_t kSide = 128;
    constexpr double kCells = 2.0 * kSide * kSide;
    const auto failed = [](const CardConfig& card) {
        const std::vector<std::uint32_t> wear(kSide, static_cast<std::uint32_t>(0.8 * double(card.pcm.endurance)));
        double sum = 0;
        for (const auto& pair : pcm_memory::pair_limits(card.pcm, {20240703, 0, 0}, {wear, {}, {}}, kSide, kSide))
            for (const float stuck : pair.stuck) sum += stuck >= 0;
        return 100 * sum / kCells;
    };
    const double share = 18.60;  // Phi(ln 0.8 / 0.25)
    rows.push_back(on_card(row_of("cells that have failed at 0.8 of the endurance, drawn",
                                  "Schechter et al., ISCA 2010: lives scatter by a quarter; log-normal closed form",
                                  share, 300 * std::sqrt(share / 100 * (1 - share / 100) / kCells) + 0.005, "%"),
                           {"extends: lc128", {}, {"card.pcm.endurance_spread", "0.3"}}, failed));
    const auto drifted = [](const CardConfig& card) {
        RunConfig run;
        run.fidelity = Fidelity::device;
        run.noise.programming = run.noise.levels = false;
        const std::vector<std::int8_t> weights(kSide * kSide, 60);
        const double floor = std::pow(10.0, -card.pcm.cell_extinction_db / 10);
        double sum = 0;
        for (const auto& pair : pcm_memory::make_cells(card.pcm, run, {20240703, 0, 0, 1, nullptr}, kSide, kSide,
                                                       weights.data(), kSide, 86400))
            sum += (pair.plus.transmission - floor) / (1 - floor) / (60 / 127.0) - 1;
        return 100 * sum / (kSide * kSide);
    };
    const double errors = 3.0 / kSide;
    rows.push_back(
        on_card(row_of("contrast gained by optical cells in a day, drawn", "parameter sheet: nu 0.001, t0 20 s", 0.8406,
                       0.0004 * 8.37 * 100 * errors + 0.0001, "%"),
                {"extends: lc128", {}, {"card.pcm.drift_t0", "30 s"}}, drifted));
    const Setup electrical{"extends: lc128\ndevices: [electrical-ibm]", {}, {"card.pcm.drift_t0", "30 s"}};
    rows.push_back(on_card(row_of("contrast lost by electrical cells in a day, drawn",
                                  "IBM aihwkit PCM model: nu 0.049 +- 0.008 at full conductance, t0 20 s", -33.49,
                                  4.5 * errors + 0.005, "%"),
                           electrical, drifted));
}

/// Amorphous cells over time and temperature: the sheet's retention, and what the activation energy makes of it.
void add_retention(Rows& rows)
{
    constexpr std::uint32_t kSide = 128;
    constexpr const char* kSource =
        "10 years at 85 C (Wong et al., Proc. IEEE 98:2201, 2010), 2.24 eV (Friedrich et al., 2000)";
    constexpr double kYear = 31557600;
    // Contrast left of the typical cell.
    const auto left = [](double seconds, double temperature) {
        return [=](const CardConfig& card) {
            RunConfig run;
            run.fidelity = Fidelity::device;
            run.noise.programming = run.noise.levels = run.noise.drift = false;
            const std::vector<std::int8_t> weights(kSide * kSide, 60);
            const double floor = std::pow(10.0, -card.pcm.cell_extinction_db / 10);
            std::vector<double> share;
            for (const auto& pair :
                 pcm_memory::make_cells(card.pcm, run, {20240703, 0, 0, 1, nullptr}, kSide, kSide, weights.data(),
                                        kSide, pcm_memory::expose(card.pcm, seconds, temperature)))
                share.push_back(100 * (pair.plus.transmission - floor) / (1 - floor) / (60 / 127.0));
            std::nth_element(share.begin(), share.begin() + kSide * kSide / 2, share.end());
            return share[kSide * kSide / 2];
        };
    };
    // The median of n log-normal times errs by 1.25 spread/sqrt(n): 3 of these, times the slope ln 2 m/2 at half.
    const double error = 3 * 1.25 * 0.3 / kSide * 0.693 * 3 / 2 * 100;
    rows.push_back(on_card(row_of("contrast left after 10 years at 85 C, typical cell, drawn", kSource, 50, error, "%"),
                           {"extends: lc128", {}, {"card.pcm.retention_temperature", "80"}}, left(10 * kYear, 85)));
    // exp((2.24 / 8.617e-5) (1/358.15 - 1/423.15)) = 69,490: 4541 s.
    rows.push_back(
        on_card(row_of("contrast left after 75.7 min at 150 C, typical cell, drawn", kSource, 50, error + 1, "%"),
                {"extends: lc128", {}, {"card.pcm.retention_energy", "2.1"}}, left(4541, 150)));
    rows.push_back(
        on_card(row_of("contrast left after 10 years at 35 C, typical cell, drawn", kSource, 100, 0.001, "%"),
                {"extends: lc128", {}, {"card.pcm.retention_energy", "0.5"}}, left(10 * kYear, 35)));
    Row row = row_of("gain of drift by a day at 85 C instead of 35 C, in ln(1 + t/t0)",
                     "1 eV (assumed), exp((1 / 8.617e-5) (1/308.15 - 1/358.15)) = 192",
                     std::log(1 + 86400.0 * 192 / 20), 0.01, "");
    row.grade = "assumed";
    rows.push_back(
        on_card(row, {"extends: lc128", {}, {"card.pcm.relaxation_energy", "0.9"}}, [](const CardConfig& card) {
            const auto day = pcm_memory::expose(card.pcm, 86400, 85);
            return std::log(1 + day.drift / card.pcm.drift_t0);
        }));
}

}  // namespace

void add_memory(Rows& rows)
{
    add_write_power(rows);
    add_cells(rows);
    add_retention(rows);
    add_write_wall(rows);
    add_endurance(rows);
}

}  // namespace lightcard::ladder
