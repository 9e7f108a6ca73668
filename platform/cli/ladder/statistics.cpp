// SPDX-License-Identifier: Apache-2.0
// What is drawn: useful signal and error terms of a 128-term product by Monte-Carlo, and the statistics of electrical
// phase-change cells against two published fits. Tolerance of a drawn figure: three standard errors, and half of the
// last digit that the source prints.
#include <algorithm>
#include <cmath>

#include "lightcard/model/common/det_math.h"
#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/pcm_memory/electrical_ibm.h"
#include "lightcard/platform/cli/ladder/ladder.h"

namespace lightcard::ladder {

namespace {

constexpr std::uint64_t kSeed = 20240703;
constexpr std::uint32_t kTerms = 128;

/// Normal deviates by stream and ordinal: nothing else decides them.
class Normals {
public:
    explicit Normals(std::uint64_t stream) : stream_(stream) {}
    const std::vector<float>& draw(std::uint64_t ordinal, std::uint32_t count)
    {
        words_.resize(count);
        draws_.resize(count);
        sample_words({kSeed, stream_, ordinal, 0}, NoiseSource::sample, 0, count, words_.data());
        gaussian(words_.data(), draws_.data(), count);
        return draws_;
    }

private:
    std::uint64_t stream_;
    std::vector<std::uint32_t> words_;
    std::vector<float> draws_;
};

// ---------------------------------------------------------------------- products of clipped normals

/// Independent products: fresh weights each. (A first version shared weights between the inputs of a column, which left
/// the rows within their tolerance by luck only: 1 % of the weights make the clip error.)
constexpr int kProducts = 40000;

/// One hardware effect at a time on y = sum x w, x = ReLU of a normal, w normal.
struct Effects {
    double clip_x = 2.5, clip_w = 2.5;
    int level_bits = 0;            ///< 0: no levels
    double programming_sigma = 0;  ///< of a cell's range
    double adc_enob = 0;           ///< 0: no ADC
    double receiver_db = 0;        ///< 0: no receiver noise
};

double cell(double target, const Effects& effects, double normal)
{
    if (effects.level_bits > 0) {
        const double steps = (1 << effects.level_bits) - 1;
        target = std::nearbyint(target * steps) / steps;
    }
    return std::clamp(target + effects.programming_sigma * normal, 0.0, 1.0);
}

/// Sums over kProducts products.
struct Products {
    double signal2 = 0, error2 = 0, clipped2 = 0;
};

Products multiply(const Effects& e, double y_rms)
{
    Normals weights(1), inputs(2), plus(3), minus(4), noise(5);
    const double range = 4 * y_rms;
    const double adc = e.adc_enob > 0 ? 2 * range / (std::exp2(e.adc_enob) * std::sqrt(12.0)) : 0;
    const double receiver = e.receiver_db > 0 ? y_rms * std::pow(10.0, -e.receiver_db / 20) : 0;
    const std::vector<float> none(kTerms, 0.0F);
    Products sums;
    for (int sample = 0; sample < kProducts; ++sample) {
        const auto& w = weights.draw(sample, kTerms);
        const auto& x = inputs.draw(sample, kTerms);
        const auto& p = e.programming_sigma > 0 ? plus.draw(sample, kTerms) : none;
        const auto& m = e.programming_sigma > 0 ? minus.draw(sample, kTerms) : none;
        double exact = 0, analog = 0;
        for (std::uint32_t i = 0; i < kTerms; ++i) {
            const double target = std::clamp(w[i] / e.clip_w, -1.0, 1.0);
            const double weight =
                e.clip_w * (cell(std::max(target, 0.0), e, p[i]) - cell(std::max(-target, 0.0), e, m[i]));
            const double positive = std::max(0.0F, x[i]);
            exact += positive * w[i];
            analog += std::min(positive, e.clip_x) * weight;
        }
        sums.clipped2 += analog * analog;
        const auto& normal = noise.draw(sample, 2);
        analog += receiver * normal[0];
        if (adc > 0) analog = std::clamp(analog, -range, range) + adc * normal[1];
        sums.signal2 += exact * exact;
        sums.error2 += (analog - exact) * (analog - exact);
    }
    return sums;
}

double chain_db(const Effects& effects)
{
    // The ADC's range and the receiver's level follow the clipped product, as calibration would set them.
    const auto clipped = multiply({effects.clip_x, effects.clip_w}, 0);
    const auto sums = multiply(effects, std::sqrt(clipped.clipped2 / kProducts));
    return 10 * std::log10(sums.signal2 / sums.error2);
}

/// E[z clip(z)] and E[clip(z)^2] of a normal z.
std::pair<double, double> clipped_moments(double c)
{
    const double inside = 1 - 2 * det::normal_cdf(-c);
    return {inside, inside - 2 * c * det::normal_pdf(c) + 2 * c * c * det::normal_cdf(-c)};
}

double clip_floor_db(double clip_x, double clip_w)
{
    const auto [gx, hx] = clipped_moments(clip_x);
    const auto [gw, hw] = clipped_moments(clip_w);
    return -10 * std::log10(1 - 2 * gx * gw + hx * hw);
}

double kappa(double clip_x, double clip_w)
{
    const auto sums = multiply({clip_x, clip_w}, 0);
    return std::sqrt(sums.clipped2 / kProducts) / (kTerms * clip_x * clip_w);
}

constexpr const char* kRedesigned = "Drawn anew after the first run, which shared weights between products";

/// Relative standard error of the products' rms.
const double kRmsError = 1 / std::sqrt(2.0 * kProducts);

void add_products(Rows& rows)
{
    constexpr const char* kSource = "parameter sheet: useful signal of a 128-term product";
    struct Clip {
        double x, w, kappa, floor_db;
    };
    const Clip clips[] = {{2.5, 2.5, 0.0098, 23.0}, {3, 3, 0.0069, 30.8}, {4, 3.5, 0.0045, 41.7}};
    for (const auto& clip : clips) {
        char name[64];
        std::snprintf(name, sizeof name, "clips %.2g/%.2g", clip.x, clip.w);
        auto row = row_of(std::string("kappa, ") + name, kSource, clip.kappa, 3 * kRmsError * clip.kappa + 0.00005, "");
        row.config = "40,000 products, Monte-Carlo, seed 20240703";
        row.remark = kRedesigned;
        row.breaks = "clip of the weights 10 % lower";
        row.measure = [clip](bool broken) { return kappa(clip.x, clip.w * (broken ? 0.9 : 1)); };
        rows.push_back(row);
        row.name = std::string("clip floor, ") + name;
        row.expected = clip.floor_db;
        row.tolerance = 0.2;
        row.unit = "dB";
        row.measure = [clip](bool broken) { return chain_db({clip.x, clip.w * (broken ? 0.9 : 1)}); };
        if (clip.x >= 3) {
            // So few weights are clipped that 40,000 products scatter by nearly the tolerance (0.16 dB rms at 3/3 over
            // twelve seeds) or more (half a dB at 4/3.5): the closed form instead.
            row.config = "closed form";
            row.remark =
                "Closed form, because 40,000 products scatter by 0.16 dB at 3/3 and more beyond: two seeds gave "
                "30.88 and 30.56 at 3/3";
            if (clip.x == 4) row.tolerance = 0.5;
            row.measure = [clip](bool broken) { return clip_floor_db(clip.x, clip.w * (broken ? 0.9 : 1)); };
        }
        rows.push_back(row);
    }
    struct Term {
        const char* name;
        double expected;
        Effects effects;
    };
    const Term terms[] = {
        {"4-bit cells", 21.4, {2.5, 2.5, 4}},
        {"5-bit cells", 22.5, {2.5, 2.5, 5}},
        {"6-bit cells", 22.9, {2.5, 2.5, 6}},
        {"programming 0.7 %", 22.4, {2.5, 2.5, 0, 0.007}},
        {"programming 1 %", 22.0, {2.5, 2.5, 0, 0.01}},
        {"programming 2 %", 20.2, {2.5, 2.5, 0, 0.02}},
        {"programming 4 %", 17.0, {2.5, 2.5, 0, 0.04}},
        {"ADC of 4.5 effective bits", 18.2, {2.5, 2.5, 0, 0, 4.5}},
        {"ADC of 5.4 effective bits", 21.0, {2.5, 2.5, 0, 0, 5.4}},
        {"ADC of 6.6 effective bits", 22.5, {2.5, 2.5, 0, 0, 6.6}},
        {"ADC of 7.1 effective bits", 22.7, {2.5, 2.5, 0, 0, 7.1}},
        {"receiver noise of 20 dB", 18.3, {2.5, 2.5, 0, 0, 0, 20}},
    };
    for (const auto& term : terms) {
        auto row = row_of(std::string("chain SNR, ") + term.name + " on clips 2.5/2.5",
                          "parameter sheet: error terms alone, each on the clip floor", term.expected, 0.2, "dB");
        row.config = "40,000 products, Monte-Carlo, seed 20240703";
        row.remark = kRedesigned;
        row.breaks = "clips 10 % lower";
        row.measure = [term](bool broken) {
            auto effects = term.effects;
            if (broken) effects.clip_x *= 0.9, effects.clip_w *= 0.9;
            return chain_db(effects);
        };
        rows.push_back(row);
    }
}

// ---------------------------------------------------------------------- electrical phase-change cells

constexpr int kCells = 40000;

struct Moments {
    double mean = 0, sigma = 0;
};

/// Sample mean and deviation of centre + spread * normal, kCells draws.
Moments drawn(std::uint64_t stream, double centre, double spread)
{
    Normals normals(stream);
    double sum = 0, sum2 = 0;
    for (const float normal : normals.draw(0, kCells)) {
        const double value = centre + spread * normal;
        sum += value;
        sum2 += value * value;
    }
    const double mean = sum / kCells;
    return {mean, std::sqrt((sum2 - sum * mean) / (kCells - 1))};
}

Row pcm_row(const std::string& name, const char* source, double expected, double tolerance, const char* unit,
            const char* breaks, std::function<double(pcm_memory::ElectricalPcm)> figure,
            void (*change)(pcm_memory::ElectricalPcm&))
{
    Row row = row_of(name, source, expected, tolerance, unit);
    row.grade = "primary";  // of the fit; that our draws follow it is consistency
    row.config = "model/pcm_memory/electrical_ibm.h, 40,000 draws where drawn";
    row.breaks = breaks;
    row.measure = [figure, change](bool broken) {
        pcm_memory::ElectricalPcm model;
        if (broken) change(model);
        return figure(model);
    };
    return row;
}

void add_electrical(Rows& rows)
{
    using Model = pcm_memory::ElectricalPcm;
    constexpr const char* kIbm = "IBM aihwkit PCM model: fit of a million devices";
    const double errors = 3 / std::sqrt(2.0 * kCells);
    const auto wider = [](Model& m) { m.programming[0] *= 1.1, m.programming[1] *= 1.1, m.programming[2] *= 1.1; };
    std::uint64_t stream = 100;
    for (const auto& [g, percent] : {std::pair{0.0, 1.05}, {0.5, 3.81}, {0.8375, 4.35}, {1.0, 4.22}}) {
        char name[64];
        std::snprintf(name, sizeof name, "programming sigma drawn, g = %g", g);
        rows.push_back(pcm_row(
            name, kIbm, percent, percent * errors + 0.005, "% of g_max", "programming polynomial 10 % wider",
            [g = g, s = stream++](const Model& m) { return 100 * drawn(s, g, m.programming_sigma(g)).sigma; }, wider));
    }
    struct Nu {
        double g, mean, sigma;
    };
    // clamp(-0.0155 ln g + 0.0244; 0.049; 0.1) and clamp(-0.0125 ln g - 0.0059; 0.008; 0.045)
    for (const auto& nu : {Nu{1.0, 0.049, 0.008}, {0.1, 0.06009, 0.02288}, {0.01, 0.09578, 0.045}}) {
        char name[64];
        std::snprintf(name, sizeof name, "drift exponent drawn, mean, g = %g", nu.g);
        rows.push_back(pcm_row(
            name, kIbm, nu.mean, 3 * nu.sigma / std::sqrt(1.0 * kCells) + 5e-6, "", "mean 10 % larger",
            [g = nu.g, s = stream](const Model& m) { return drawn(s, m.drift_mean(g), m.drift_sigma(g)).mean; },
            [](Model& m) { m.nu_low *= 1.1, m.nu_slope *= 1.1, m.nu_offset *= 1.1; }));
        std::snprintf(name, sizeof name, "drift exponent drawn, sigma, g = %g", nu.g);
        rows.push_back(pcm_row(
            name, kIbm, nu.sigma, nu.sigma * errors + 5e-6, "", "sigma 10 % larger",
            [g = nu.g, s = stream++](const Model& m) { return drawn(s, m.drift_mean(g), m.drift_sigma(g)).sigma; },
            [](Model& m) {
                m.nu_sigma_low *= 1.1, m.nu_sigma_high *= 1.1;
                m.nu_sigma_slope *= 1.1, m.nu_sigma_offset *= 1.1;
            }));
    }
    const std::pair<const char*, double> times[] = {{"1 h", 3600}, {"1 day", 86400}, {"1 year", 365 * 86400.0}};
    const double factors[] = {0.775, 0.664, 0.497}, reads[] = {4.19, 4.48, 4.96};
    for (int i = 0; i < 3; ++i) {
        const double seconds = times[i].second;
        rows.push_back(pcm_row(
            std::string("drift factor after ") + times[i].first, kIbm, factors[i], 0.0005, "", "t0 30 s",
            [seconds](const Model& m) { return m.drift_factor(m.drift_mean(1), seconds); },
            [](Model& m) { m.drift_t0 = 30; }));
        rows.push_back(pcm_row(
            std::string("read noise drawn after ") + times[i].first, kIbm, reads[i], reads[i] * errors + 0.005,
            "% of g", "Q_s 10 % larger",
            [seconds, s = stream++](const Model& m) { return 100 * drawn(s, 1, m.read_sigma(1, seconds)).sigma; },
            [](Model& m) { m.read_scale *= 1.1; }));
    }
    constexpr const char* kTwo = "CrossSim PCM_Joshi, after Joshi et al., Nat. Commun. 11:2473, 2020";
    rows.push_back(pcm_row(
        "two fits of programming, largest difference from g = 0.25", kTwo, 1.4, 0.05, "%",
        "programming polynomial 10 % wider",
        [](const Model& m) {
            double worst = 0;
            for (int i = 25; i <= 100; ++i) {
                const double ratio =
                    pcm_memory::JoshiFit{}.programming_sigma(i / 100.0) / m.programming_sigma(i / 100.0);
                worst = std::max(worst, std::abs(ratio - 1));
            }
            return 100 * worst;
        },
        wider));
    rows.push_back(pcm_row(
        "two fits of programming, difference at g = 0", kTwo, 8.7, 0.05, "%", "programming polynomial 10 % wider",
        [](const Model& m) {
            return 100 * std::abs(pcm_memory::JoshiFit{}.programming_sigma(0) / m.programming_sigma(0) - 1);
        },
        wider));
}

}  // namespace

void add_statistics(Rows& rows)
{
    add_products(rows);
    add_electrical(rows);
}

}  // namespace lightcard::ladder
