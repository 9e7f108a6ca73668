// SPDX-License-Identifier: Apache-2.0
// The products of ResNet-50, tile by tile through the normative chain, against OpenBLAS sgemm of the bare products:
// variants in turn, CPU time, medians. scripts/bench runs it; stdout is JSON.
//
//   resnet50_bench [ROUNDS [KERNEL [VARIANT]]]      KERNEL: auto, portable, avx2, avx512_vnni, amx; sgemm = that alone.
//                                                   VARIANT: one row alone, for a profiler
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>

#if defined(LIGHTCARD_BENCH_CBLAS)
#include <cblas.h>
#endif

#include "lightcard/model/photonic_core/integer_kernel.h"
#include "lightcard/tb/bench/measure.h"
#include "lightcard/tb/bench/resnet50.h"
#include "lightcard/tb/unit/mvm_fixture.h"

namespace {

using namespace lightcard;
using bench::cpu_seconds;
using bench::median;
using photonic_core::MvmJob;

constexpr std::uint32_t kSide = 128;

/// Every tile of the network, programmed, and inputs of the largest layer.
class Network {
public:
    Network(const RunConfig& run, double read_noise, photonic_core::KernelIsa isa) : run_(run)
    {
        card_.pcm.read_noise = read_noise;
        maker_ = std::make_unique<pcm_memory::TileMaker>(card_.pcm, run_, photonic_core::plane_layout(isa));
        chain_ = photonic_core::make_analog_chain(card_.core, card_.pcm, card_.converters, run);
        chain_.isa = isa;
        std::mt19937 random(1);
        weights_.resize(kSide * kSide * 4);
        for (auto& weight : weights_) weight = static_cast<std::int8_t>(static_cast<int>(random() % 161) - 80);
        for (const auto& gemm : bench::resnet50())
            for (std::uint32_t col = 0; col < gemm.columns; col += kSide)
                for (std::uint32_t row = 0; row < gemm.k; row += kSide)
                    places_.push_back({gemm, row, std::min(kSide, gemm.k - row), std::min(kSide, gemm.columns - col)});
        tiles_.resize(places_.size());
        gains_.resize(places_.size());
        inputs_.resize(std::size_t{112 * 112} * kSide);
        for (auto& input : inputs_)
            input = static_cast<std::uint8_t>(std::max<int>(0, static_cast<int>(random() % 256) - 100));
        sums_.resize(std::size_t{112 * 112} * kSide);
        totals_.resize(sums_.size());
    }

    void program()
    {
        ++epoch_;
        for (std::size_t i = 0; i < places_.size(); ++i) {
            const Place& place = places_[i];
            tiles_[i] = maker_->make(bank(i), place.rows, place.cols, weights(i), kSide, 0);
            gains_[i].assign(place.cols, photonic_core::column_gain(chain_, place.rows, 300000));
            prepare(i);
        }
    }

    void age(double seconds)
    {
        for (std::size_t i = 0; i < places_.size(); ++i) {
            tiles_[i] = maker_->age(tiles_[i], bank(i), weights(i), kSide, seconds);
            prepare(i);
        }
    }

    /// One image: every tile's products, joined over the tiles of a column in 32 bits.
    void run()
    {
        for (std::size_t i = 0; i < places_.size(); ++i) {
            const Place& place = places_[i];
            MvmJob job;
            job.chain = &chain_;
            job.tile = &tiles_[i];
            job.gains = gains_[i].data();
            job.x = inputs_.data();
            job.x_stride = place.rows;
            job.vectors = place.gemm.vectors;
            job.y = place.first_row == 0 ? totals_.data() : sums_.data();
            job.weight_id = i + 1;
            job.first_sample = image_ * 1000000;
            clipped_ += photonic_core::run_mvm(job).clipped;
            if (place.first_row == 0) continue;
            const std::size_t count = std::size_t{place.gemm.vectors} * place.cols;
            for (std::size_t s = 0; s < count; ++s) totals_[s] += sums_[s];
        }
        ++image_;
    }

    std::size_t tiles() const { return places_.size(); }

private:
    pcm_memory::Place bank(std::size_t i) const { return {run_.seed, 0, static_cast<std::uint32_t>(i), epoch_}; }
    const std::int8_t* weights(std::size_t i) const { return weights_.data() + i % 3 * kSide; }
    void prepare(std::size_t i)
    {
        tiles_[i].prepared = photonic_core::prepare_tile(chain_, tiles_[i], gains_[i].data());
    }

    struct Place {
        bench::Gemm gemm;
        std::uint32_t first_row, rows, cols;
    };
    RunConfig run_;
    photonic_core::Card card_;
    std::unique_ptr<pcm_memory::TileMaker> maker_;
    photonic_core::AnalogChain chain_;
    std::vector<std::int8_t> weights_;
    std::vector<Place> places_;
    std::vector<pcm_memory::EffectiveTile> tiles_;
    std::vector<std::vector<photonic_core::ColumnGain>> gains_;
    std::vector<std::uint8_t> inputs_;
    std::vector<std::int32_t> sums_, totals_;
    std::uint64_t epoch_ = 0, image_ = 0, clipped_ = 0;
};

class Sgemm {
public:
    Sgemm()
    {
        for (const auto& gemm : bench::resnet50()) {
            a_.resize(std::max(a_.size(), std::size_t{gemm.vectors} * gemm.k), 0.5F);
            b_.resize(std::max(b_.size(), std::size_t{gemm.k} * gemm.columns), 0.25F);
            c_.resize(std::max(c_.size(), std::size_t{gemm.vectors} * gemm.columns));
        }
    }
    void run()
    {
#if defined(LIGHTCARD_BENCH_CBLAS)
        for (const auto& gemm : bench::resnet50()) {
            const auto m = static_cast<int>(gemm.vectors), k = static_cast<int>(gemm.k),
                       n = static_cast<int>(gemm.columns);
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a_.data(), k, b_.data(), n, 0, c_.data(),
                        n);
        }
#endif
    }

private:
    std::vector<float> a_, b_, c_;
};

RunConfig ideal(bool quant)
{
    RunConfig run;
    run.fidelity = Fidelity::ideal;
    run.quant = quant;
    return run;
}

/// What a column draws; DACs and lanes add nothing.
RunConfig sample_noise()
{
    RunConfig run;
    run.noise.dac = run.noise.dac_static = run.noise.crosstalk = false;
    return run;
}

}  // namespace

int main(int argc, char** argv)
{
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
    const auto best = photonic_core::kernel_isa(argc > 2 ? argv[2] : "auto");
    const bool alone = argc > 2 && std::string(argv[2]) == "sgemm";
    Network exact(ideal(false), 0, best), quantised(ideal(true), 0, best), sampled(sample_noise(), 0, best),
        all(RunConfig{}, 0, best), reading(RunConfig{}, 0.01, best);
    Sgemm sgemm;
    if (!alone)
        for (Network* network : {&exact, &quantised, &sampled, &all, &reading}) network->program();

    std::vector<std::pair<std::string, std::function<void()>>> variants = {
        {"exact", [&] { exact.run(); }},          {"quantised", [&] { quantised.run(); }},
        {"sample_noise", [&] { sampled.run(); }}, {"default_noise", [&] { all.run(); }},
        {"everything", [&] { reading.run(); }},   {"program", [&] { all.program(); }},
        {"redrift", [&] { all.age(1e6); }},
    };
    if (alone) variants.clear();
#if defined(LIGHTCARD_BENCH_CBLAS)
    openblas_set_num_threads(1);
    variants.insert(variants.begin(), {"sgemm", [&] { sgemm.run(); }});
#endif
    if (argc > 3)
        variants.erase(std::remove_if(variants.begin(), variants.end(),
                                      [&](const auto& variant) { return variant.first != argv[3]; }),
                       variants.end());
    std::map<std::string, std::vector<double>> times, ratios;
    for (int round = 0; round <= rounds; ++round) {  // round 0 warms up
        double unit = 0;
        for (const auto& [name, work] : variants) {
            const double start = cpu_seconds();
            work();
            const double taken = cpu_seconds() - start;
            if (name == "sgemm") unit = taken;
            if (round == 0) continue;
            times[name].push_back(taken);
            if (unit > 0) ratios[name].push_back(taken / unit);
        }
    }

    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    double macs = 0;
    for (const auto& gemm : bench::resnet50()) macs += 1.0 * gemm.vectors * gemm.k * gemm.columns;
    std::printf("{\"dispatch\": \"%s\", \"tiles\": %zu, \"macs\": %.0f, \"rounds\": %d, \"peak_kib\": %ld,\n",
                photonic_core::to_string(best), exact.tiles(), macs, rounds, usage.ru_maxrss);
#if defined(LIGHTCARD_BENCH_CBLAS)
    std::printf(" \"openblas\": \"%s\",\n", openblas_get_corename());
#endif
    std::printf(" \"variants\": {");
    bool first = true;
    for (const auto& [name, work] : variants) {
        std::printf("%s\n  \"%s\": {\"seconds\": %.6f, \"gmac_per_s\": %.2f, \"to_sgemm\": %.4f}", first ? "" : ",",
                    name.c_str(), median(times[name]), macs / median(times[name]) / 1e9, median(ratios[name]));
        first = false;
    }
    std::printf("}}\n");
    return 0;
}
