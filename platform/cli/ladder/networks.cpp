// SPDX-License-Identifier: Apache-2.0
// Numerics on real data: the shape of a core's errors against measured silicon, the gain curve of block floating point
// on LeNet, and MNIST on a machine of Feldmann's kind. Networks run in processes of their own.
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <utility>

#include <nlohmann/json.hpp>

#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/pcm_memory/effective_tile.h"
#include "lightcard/model/photonic_core/mvm.h"
#include "lightcard/platform/cli/ladder/ladder.h"
#include "lightcard/platform/cli/process.h"

namespace lightcard::ladder {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// ---------------------------------------------------------------------- errors of one core

constexpr std::uint32_t kRows = 128, kCols = 64, kVectors = 4096;  // the published measurement's 4096 x 64 outputs
constexpr std::uint64_t kSeed = 20251125;
constexpr double kMeasuredGain = 1.86;

std::vector<float> normals(std::uint64_t stream, std::uint64_t ordinal, std::uint32_t count)
{
    std::vector<std::uint32_t> words(count);
    std::vector<float> draws(count);
    sample_words({kSeed, stream, ordinal, 0}, NoiseSource::sample, 0, count, words.data());
    gaussian(words.data(), draws.data(), count);
    return draws;
}

/// Codes of one vector or column at its own full range: block floating point.
std::vector<int> codes_of(const std::vector<float>& values, int full)
{
    const float most =
        *std::max_element(values.begin(), values.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
    std::vector<int> codes;
    for (const float value : values)
        codes.push_back(static_cast<int>(std::lround(static_cast<double>(value) / std::abs(most) * full)));
    return codes;
}

/// Expected and observed outputs, [vector][column], in code products.
struct Outputs {
    std::vector<double> expected, observed;
};

Outputs run_core(const CardConfig& card)
{
    const auto chain = photonic_core::make_analog_chain(card.core, card.pcm, card.converters, card.run);
    std::vector<std::int8_t> weights;
    for (std::uint32_t col = 0; col < kCols; ++col)
        for (const int code : codes_of(normals(1, col, kRows), 127)) weights.push_back(static_cast<std::int8_t>(code));
    std::vector<std::uint8_t> inputs;
    for (std::uint32_t v = 0; v < kVectors; ++v) {
        auto values = normals(2, v, kRows);
        for (float& value : values) value = std::max(value, 0.0F);
        for (const int code : codes_of(values, 255)) inputs.push_back(static_cast<std::uint8_t>(code));
    }
    const auto tile = pcm_memory::make_effective_tile(card.pcm, card.run, {card.run.seed, 0, 0, 1}, kRows, kCols,
                                                      weights.data(), kRows, 0);
    const auto range = static_cast<std::uint32_t>(card.core.n * 127.0 * 255.0 / kMeasuredGain);
    const std::vector<photonic_core::ColumnGain> gains(kCols, photonic_core::column_gain(chain, kRows, range));
    std::vector<std::int32_t> sums(std::size_t{kVectors} * kCols);
    photonic_core::MvmJob job;
    job.chain = &chain;
    job.tile = &tile;
    job.gains = gains.data();
    job.x = inputs.data();
    job.x_stride = kRows;
    job.vectors = kVectors;
    job.y = sums.data();
    job.weight_id = 1;
    photonic_core::run_mvm(job);
    Outputs outputs;
    for (std::uint32_t v = 0; v < kVectors; ++v)
        for (std::uint32_t col = 0; col < kCols; ++col) {
            double exact = 0;
            for (std::uint32_t row = 0; row < kRows; ++row)
                exact += inputs[v * kRows + row] * weights[col * kRows + row];
            outputs.expected.push_back(exact);
            outputs.observed.push_back(sums[v * kCols + col]);
        }
    return outputs;
}

/// Least-squares slope of observed over expected, of every `stride`-th output from `first` on.
double slope_of(const Outputs& outputs, std::size_t first, std::size_t stride)
{
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (std::size_t i = first; i < outputs.expected.size(); i += stride) {
        ++n;
        x += outputs.expected[i];
        y += outputs.observed[i];
        xx += outputs.expected[i] * outputs.expected[i];
        xy += outputs.expected[i] * outputs.observed[i];
    }
    return (n * xy - x * y) / (n * xx - x * x);
}

std::vector<double> errors_of(const Outputs& outputs)
{
    std::vector<double> errors;
    for (std::size_t i = 0; i < outputs.expected.size(); ++i)
        errors.push_back(outputs.observed[i] - outputs.expected[i]);
    return errors;
}

double excess_kurtosis(const Outputs& outputs)
{
    const auto errors = errors_of(outputs);
    const double n = static_cast<double>(errors.size());
    const double mean = std::accumulate(errors.begin(), errors.end(), 0.0) / n;
    double second = 0, fourth = 0;
    for (const double error : errors) {
        const double square = (error - mean) * (error - mean);
        second += square / n;
        fourth += square * square / n;
    }
    return fourth / (second * second) - 3;
}

/// Quantile of |error| over its median.
double tail(const Outputs& outputs, double share)
{
    auto errors = errors_of(outputs);
    for (double& error : errors) error = std::abs(error);
    std::sort(errors.begin(), errors.end());
    const auto at = [&](double part) {
        return errors[static_cast<std::size_t>(part * static_cast<double>(errors.size()))];
    };
    return at(share) / at(0.5);
}

/// Standard deviation of the columns' slopes over their mean, %.
double slope_spread(const Outputs& outputs)
{
    double sum = 0, square = 0;
    for (std::uint32_t col = 0; col < kCols; ++col) {
        const double slope = slope_of(outputs, col, kCols);
        sum += slope / kCols;
        square += slope * slope / kCols;
    }
    return 100 * std::sqrt(std::max(0.0, square - sum * sum)) / sum;
}

void add_error_shape(Rows& rows)
{
    struct Figure {
        const char *name, *unit;
        double expected, tolerance;
        double (*of)(const Outputs&);
        const char* remark;
    };
    constexpr const char* kNormal =
        "The model's errors are normal: receiver noise and many small sources. What gives the silicon its tails is not "
        "in it";
    constexpr const char* kLinear = "The model is linear up to the ADC's range; the silicon compresses";
    constexpr const char* kAlike =
        "Trimmed columns differ by programming errors alone; the silicon's differ more, cell by cell by 25 %";
    // From 4096 x 64 expected and observed outputs that the authors published; bias -0.22, sigma 2.29, logistic
    // scale 1.27, |error| 1.44 / 3.75 / 6.56 at 50 / 90 / 99 %. A normal distribution has 0, 2.44 and 3.82; a logistic
    // one 1.2, 2.68 and 4.82. Tolerances tell the two apart.
    const Figure figures[] = {
        {"excess kurtosis of the errors", "", 1.08, 0.5, excess_kurtosis, kNormal},
        {"size of the errors, 90 % over median", "", 3.75 / 1.44, 0.1, [](const Outputs& o) { return tail(o, 0.90); },
         kNormal},
        {"size of the errors, 99 % over median", "", 6.56 / 1.44, 0.35, [](const Outputs& o) { return tail(o, 0.99); },
         kNormal},
        {"slope of observed over expected (gain compression)", "", 0.834, 0.05,
         [](const Outputs& o) { return slope_of(o, 0, 1); }, kLinear},
        {"spread of the columns' slopes", "%", 3.7, 1.0, slope_spread, kAlike},
    };
    for (const auto& figure : figures) {
        Row row;
        row.name = std::string("Lightmatter, ") + figure.name;
        row.kind = Kind::published;
        row.source = "Ahmed et al., Nature 640:368, 2025: fit to the published expected and observed outputs";
        row.grade = "computed";
        row.expected = figure.expected;
        row.tolerance = figure.tolerance;
        row.unit = figure.unit;
        row.config = "4096 vectors, 64 columns of 128 rows, each at full range, gain 1.86";
        row.holds = false;
        row.remark = figure.remark;
        const auto of = figure.of;
        rows.push_back(on_card(row, {"extends: lightmatter-2025", {}, {"card.core.tia_noise", "60 pA/rtHz"}},
                               [of](const CardConfig& card) { return of(run_core(card)); }));
    }
}

// ---------------------------------------------------------------------- networks

/// The networks and digits of tb/data.
std::string data(const std::string& name)
{
    const char* directory = std::getenv("LIGHTCARD_TEST_DATA");
    return std::string(directory != nullptr ? directory : LIGHTCARD_TEST_DATA_DIR) + "/" + name;
}

/// This program, or the one that a test names.
std::string command()
{
    const char* named = std::getenv("LIGHTCARD_COMMAND");
    return named != nullptr ? named : "/proc/self/exe";
}

using Words = std::vector<std::string>;

/// JSON report of `lightcard run`; null if it failed.
nlohmann::json run_network(Words words)
{
    const cli::Scratch scratch;
    if (!scratch.good()) return nullptr;
    const Words more = {"--quiet", "--json", scratch.file("report.json")};
    words.insert(words.begin(), "run");
    words.insert(words.end(), more.begin(), more.end());
    const auto child = cli::start_process(command(), std::move(words), scratch.file("errors"));
    if (!child) return nullptr;
    int status = 0;
    while (waitpid(*child, &status, 0) < 0)
        if (errno != EINTR) return nullptr;
    if (cli::ending_of(status, scratch.file("errors")).status != 0) return nullptr;
    auto report = nlohmann::json::parse(cli::contents(scratch.file("report.json")), nullptr, false);
    return report.is_discarded() ? nlohmann::json(nullptr) : report;
}

/// % of the labelled images; `key`: top1_share of the card or fp32_top1_share.
double share(const nlohmann::json& report, const char* key)
{
    if (!report.is_object() || !report.contains("accuracy") || !report["accuracy"].is_object()) return kUnknown;
    const auto& value = report["accuracy"].value(key, nlohmann::json());
    return value.is_number() ? 100 * value.get<double>() : kUnknown;
}

Words digits()
{
    return {"--inputs", data("mnist/test500-images-idx3-ubyte.gz"), "--labels",
            data("mnist/test500-labels-idx1-ubyte.gz")};
}

Words mnist(const std::string& model)
{
    Words words = {"--model",
                   data(model),
                   "--input-scale",
                   "1/255",
                   "--calibrate",
                   data("mnist/calib100-images-idx3-ubyte.gz"),
                   "--calibration-count",
                   "64"};
    const Words tests = digits();
    words.insert(words.end(), tests.begin(), tests.end());
    return words;
}

Words with(Words words, const Words& more)
{
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

/// LeNet in block floating point with converters and nothing else, at one gain.
nlohmann::json at_gain(int gain)
{
    return run_network(
        with(mnist("lenet_mnist.onnx"), {"--fidelity", "quant", "--set", "run.numerics=abfp", "--set", "run.fill=off",
                                         "--set", "run.analog_gain=" + std::to_string(gain)}));
}

Row network_row(const std::string& name, Kind kind, const char* source, double expected, double tolerance,
                const char* unit)
{
    Row row = row_of(name, source, expected, tolerance, unit);
    row.kind = kind;
    row.grade = "secondary";
    row.needs = data("lenet_mnist.onnx");
    return row;
}

void add_gain_curve(Rows& rows)
{
    constexpr const char* kSource =
        "Basumallik et al., arXiv 2205.06287, table II: 8-bit, tiles of 128, recovered at G = 8";
    auto row = network_row("block floating point, LeNet: top-1 lost against fp32 at G = 8", Kind::published, kSource, 0,
                           1, "points");
    row.config = "lc128, fidelity quant, 500 digits; run.numerics=abfp; run.fill=off; run.analog_gain=8";
    row.breaks = "run.analog_gain=1024: sums are clipped";
    row.measure = [](bool broken) {
        const auto report = at_gain(broken ? 1024 : 8);
        return share(report, "fp32_top1_share") - share(report, "top1_share");
    };
    rows.push_back(row);
    // 3 standard errors of a difference of two shares of 500 at 90 %.
    row = network_row("block floating point, LeNet: largest fall of top-1 from a gain to the next, 1, 2, 4, 8",
                      Kind::published, kSource, 0, 5.7, "points");
    row.remark = "3 standard errors of a difference of two shares of 500: a smaller fall would not be seen";
    row.config = "lc128, fidelity quant, 500 digits; run.numerics=abfp; run.fill=off";
    row.breaks = "gains 8, 64, 512, 4096: the curve past its top";
    row.measure = [](bool broken) {
        double fall = 0, before = -1;
        for (const int gain : broken ? std::vector<int>{8, 64, 512, 4096} : std::vector<int>{1, 2, 4, 8}) {
            const double top1 = share(at_gain(gain), "top1_share");
            if (!(top1 >= 0)) return kUnknown;
            if (before >= 0) fall = std::max(fall, before - top1);
            before = top1;
        }
        return fall;
    };
    rows.push_back(row);
}

/// Convolution on the card, dense layer in software on what the card gave: as the machine was used.
double convolution_on_card(const Words& card)
{
    const cli::Scratch scratch;
    if (!scratch.good()) return kUnknown;
    const std::string features = scratch.file("features.f32");
    const auto report = run_network(with(with(mnist("conv1_mnist_conv.onnx"), card), {"--outputs", features}));
    if (!report.is_object()) return kUnknown;
    return share(run_network({"--model", data("conv1_mnist_dense.onnx"), "--inputs", features, "--labels",
                              data("mnist/test500-labels-idx1-ubyte.gz"), "--fidelity", "ideal"}),
                 "fp32_top1_share");
}

void add_feldmann(Rows& rows)
{
    auto row =
        network_row("Feldmann 2021, MNIST: points lost to the convolution in light", Kind::published,
                    "Feldmann et al., Nature 589:52, 2021: 95.3 % against 96.1 %, convolution in light, dense layer in "
                    "software",
                    0.8, 2.0, "points");
    row.config = "feldmann-2021; four 2 x 2 kernels, ReLU, one dense layer in software; 500 digits";
    row.breaks = "card.core.row_power=0.01 mW";
    row.needs = data("conv1_mnist.onnx");
    row.measure = [](bool broken) {
        Words card = {"--card", "feldmann-2021"};
        if (broken) card.insert(card.end(), {"--set", "card.core.row_power=0.01 mW"});
        const double fp32 =
            share(run_network(with(mnist("conv1_mnist.onnx"), {"--fidelity", "ideal"})), "fp32_top1_share");
        return fp32 - convolution_on_card(card);
    };
    rows.push_back(row);
}

/// Correlation of LeNet's outputs with fp32 when one thing is noisy and nothing else.
double correlation(const Words& noise)
{
    Words words = mnist("lenet_mnist.onnx");
    for (const char* off : {"levels", "programming", "drift", "thermal", "shot", "rin", "dac", "adc_noise",
                            "dac_static", "adc_static", "read", "crosstalk"}) {
        words.emplace_back("--set");
        words.push_back(std::string("run.noise.") + off + "=off");
    }
    for (const auto& word : noise) {
        words.emplace_back("--set");
        words.push_back(word);
    }
    const auto report = run_network(words);
    if (share(report, "top1_share") >= 0)
        for (const auto& agreement : report["accuracy"]["agreements"])
            if (agreement["reference"] == "fp32") return agreement["correlation"].get<double>();
    return kUnknown;
}

/// Mean over seeds, and its standard error.
struct Mean {
    double value = 0, error = 0;
};

Mean mean_correlation(const Words& noise)
{
    constexpr int kSeeds = 5;
    std::vector<double> values;
    for (int seed = 1; seed <= kSeeds; ++seed)
        values.push_back(correlation(with(noise, {"run.seed=" + std::to_string(seed)})));
    Mean mean;
    for (const double value : values) mean.value += value / kSeeds;
    for (const double value : values) mean.error += (value - mean.value) * (value - mean.value);
    mean.error = std::sqrt(mean.error / (kSeeds - 1) / kSeeds);
    return mean;
}

/// a is above b by more than twice the standard error of their difference.
bool clearly_above(const Mean& a, const Mean& b)
{
    return a.value - b.value > 2 * std::hypot(a.error, b.error);
}

void add_sensitivity(Rows& rows)
{
    auto row = network_row(
        "noise of 4 % of full range hurts LeNet more on outputs than on inputs than on weights, beyond 2 standard "
        "errors of 5 seeds",
        Kind::published, "Rasch et al., Nat. Commun. 14:5282, 2023: noise of inputs and outputs hurts most", 2, 0,
        "steps of the order");
    row.config = "lc128, 500 digits, one source at a time, run.seed 1 to 5: configs/sweeps/noise-sensitivity.yaml";
    row.breaks = "run.noise.programming at 16 %";
    row.remark = "Written down after the sweep had been seen with one seed";
    row.measure = [](bool broken) {
        const Mean weights = mean_correlation({"run.noise.programming=on",
                                               std::string("card.pcm.programming_sigma=") + (broken ? "16 %" : "4 %")}),
                   inputs = mean_correlation({"run.noise.dac=on", "card.converters.dac_enob=2.851"}),
                   outputs = mean_correlation({"run.noise.adc_noise=on", "card.converters.adc_enob=2.851"});
        if (std::isnan(weights.value + inputs.value + outputs.value)) return kUnknown;
        return static_cast<double>(clearly_above(weights, inputs)) +
               static_cast<double>(clearly_above(inputs, outputs));
    };
    rows.push_back(row);
}

}  // namespace

void add_networks(Rows& rows)
{
    add_error_shape(rows);
    add_gain_curve(rows);
    add_feldmann(rows);
    add_sensitivity(rows);
}

}  // namespace lightcard::ladder
