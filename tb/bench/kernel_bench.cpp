// SPDX-License-Identifier: Apache-2.0
// Kernels on their own: the integer product, the whole chain with and without noise, the generator, programming and
// re-drift of a tile. `--benchmark_filter=` picks some. Counter `MAC` is per CPU second.
#include <benchmark/benchmark.h>

#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/photonic_core/integer_kernel.h"
#include "lightcard/tb/unit/mvm_fixture.h"

namespace lightcard::photonic_core {
namespace {

constexpr std::uint32_t kSide = 128;

RunConfig ideal(bool quant)
{
    RunConfig run;
    run.fidelity = Fidelity::ideal;
    run.quant = quant;
    return run;
}

/// Noise that a column draws, without what DACs add to the inputs.
RunConfig column_noise()
{
    RunConfig run;
    run.noise.dac = run.noise.dac_static = run.noise.crosstalk = false;
    return run;
}

void count_macs(benchmark::State& state, double macs)
{
    state.counters["MAC"] = benchmark::Counter(macs * static_cast<double>(state.iterations()),
                                               benchmark::Counter::kIsRate, benchmark::Counter::kIs1000);
}

/// One tile, range(0) vectors a job.
void chain_bench(benchmark::State& state, const RunConfig& run, double read_noise)
{
    const auto vectors = static_cast<std::uint32_t>(state.range(0));
    Problem problem(kSide, kSide, vectors, 1);
    problem.card.pcm.read_noise = read_noise;
    problem.program(run);
    const AnalogChain chain = problem.chain(run);
    const std::vector<ColumnGain> gains(kSide, column_gain(chain, kSide, 0));
    problem.tile.prepared = prepare_tile(chain, problem.tile, gains.data());
    std::vector<std::int32_t> y(std::size_t{vectors} * kSide);
    MvmJob job;
    job.chain = &chain;
    job.tile = &problem.tile;
    job.gains = gains.data();
    job.x = problem.x.data();
    job.x_stride = kSide;
    job.vectors = vectors;
    job.y = y.data();
    for (auto _ : state) {
        benchmark::DoNotOptimize(run_mvm(job));
        job.first_sample += vectors;
    }
    count_macs(state, 1.0 * kSide * kSide * vectors);
}

void chain_exact(benchmark::State& state)
{
    chain_bench(state, ideal(false), 0);
}
void chain_quantised(benchmark::State& state)
{
    chain_bench(state, ideal(true), 0);
}
void chain_column_noise(benchmark::State& state)
{
    chain_bench(state, column_noise(), 0);
}
void chain_all_noise(benchmark::State& state)
{
    chain_bench(state, RunConfig{}, 0);
}
void chain_with_read_noise(benchmark::State& state)
{
    chain_bench(state, RunConfig{}, 0.01);
}
BENCHMARK(chain_exact)->Arg(49)->Arg(3136);
BENCHMARK(chain_quantised)->Arg(49)->Arg(3136);
BENCHMARK(chain_column_noise)->Arg(49)->Arg(3136);
BENCHMARK(chain_all_noise)->Arg(1)->Arg(49)->Arg(3136);
BENCHMARK(chain_with_read_noise)->Arg(49)->Arg(3136);

void integer_plane(benchmark::State& state, KernelIsa isa)
{
    if (isa > best_kernel_isa()) {
        state.SkipWithError("not on this CPU");
        return;
    }
    constexpr std::uint32_t kVectors = 256;
    std::vector<std::int8_t> plane(kSide * kSide, 3);
    std::vector<std::uint8_t> x(kVectors * kSide, 5);
    std::vector<std::int32_t> sums(kVectors * kSide);
    const PlaneKernel kernel(plane.data(), kSide, kSide, isa);
    for (auto _ : state) {
        kernel.multiply(x.data(), kVectors, sums.data());
        benchmark::DoNotOptimize(sums.data());
    }
    count_macs(state, 1.0 * kSide * kSide * kVectors);
}
BENCHMARK_CAPTURE(integer_plane, portable, KernelIsa::portable);
BENCHMARK_CAPTURE(integer_plane, avx2, KernelIsa::avx2);
BENCHMARK_CAPTURE(integer_plane, avx512_vnni, KernelIsa::avx512_vnni);

void random_words(benchmark::State& state)
{
    std::vector<std::uint32_t> words(kSide);
    SampleKey key{1, 2, 3, 0};
    for (auto _ : state) {
        ++key.ordinal;
        sample_words(key, NoiseSource::sample, 0, kSide, words.data());
        benchmark::DoNotOptimize(words.data());
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kSide);
}
BENCHMARK(random_words);

void normal_draws(benchmark::State& state)
{
    std::vector<std::uint32_t> words(4096);
    for (std::size_t i = 0; i < words.size(); i += 4) {
        const auto block = ars4x32({static_cast<std::uint32_t>(i), 0, 0, 0}, {1, 2});
        std::copy(block.begin(), block.end(), words.begin() + static_cast<std::ptrdiff_t>(i));
    }
    std::vector<float> draws(words.size());
    for (auto _ : state) {
        gaussian(words.data(), draws.data(), words.size());
        benchmark::DoNotOptimize(draws.data());
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * words.size()));
}
BENCHMARK(normal_draws);

/// A bank programmed anew, or aged to 10^6 s: its effective weights in the order of a kernel. Items are cell pairs.
void program_tile(benchmark::State& state, KernelIsa isa, bool ages)
{
    if (isa > best_kernel_isa()) {
        state.SkipWithError("not on this CPU");
        return;
    }
    Problem problem(kSide, kSide, 1, 1);
    const RunConfig run;
    pcm_memory::TileMaker maker(problem.card.pcm, run, plane_layout(isa));
    pcm_memory::Place place;
    const auto make = [&] { return maker.make(place, kSide, kSide, problem.weights.data(), kSide, 0); };
    pcm_memory::EffectiveTile tile = make();
    for (auto _ : state) {
        ++place.epoch;
        tile = ages ? maker.age(tile, place, problem.weights.data(), kSide, 1e6) : make();
        benchmark::DoNotOptimize(tile.column_norm2.data());
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kSide * kSide);
}
void program_anew(benchmark::State& state, KernelIsa isa)
{
    program_tile(state, isa, false);
}
void age(benchmark::State& state, KernelIsa isa)
{
    program_tile(state, isa, true);
}
BENCHMARK_CAPTURE(program_anew, portable, KernelIsa::portable);
BENCHMARK_CAPTURE(program_anew, avx2, KernelIsa::avx2);
BENCHMARK_CAPTURE(program_anew, avx512_vnni, KernelIsa::avx512_vnni);
BENCHMARK_CAPTURE(age, portable, KernelIsa::portable);
BENCHMARK_CAPTURE(age, avx2, KernelIsa::avx2);
BENCHMARK_CAPTURE(age, avx512_vnni, KernelIsa::avx512_vnni);

}  // namespace
}  // namespace lightcard::photonic_core

BENCHMARK_MAIN();
