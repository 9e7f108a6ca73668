// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/sustain.h"

#include <algorithm>
#include <cmath>

#include "lightcard/model/card/config_fields.h"

namespace lightcard::cli {

namespace {

/// Scratchpad bits of one tile-MVM that reads its inputs and reads and writes a partial sum.
double sram_bits(const CardConfig& config, double psum_accesses)
{
    const auto& control = config.control;
    return config.core.n * (8.0 + control.input_refill_bits + psum_accesses * control.psum_bits);
}

double slots_per_tile(const CardConfig& config)
{
    const double n = config.core.n;
    switch (config.pcm.write_scheme) {
        case pcm_memory::WriteScheme::serial:
            return n * n;
        case pcm_memory::WriteScheme::row_parallel:
            return n;
        case pcm_memory::WriteScheme::array_parallel:
            break;
    }
    return 1;
}

struct Layer {
    std::uint32_t inputs, outputs, kernel, side, count;  ///< side: of the square output
};

// ResNet-50 v1.5: the stride of a stage's first block sits in its 3x3 convolution.
constexpr Layer kResNet50[] = {
    {3, 64, 7, 112, 1},    {64, 64, 1, 56, 1},   {64, 64, 3, 56, 3},    {64, 256, 1, 56, 4},   {256, 64, 1, 56, 2},
    {256, 128, 1, 56, 1},  {128, 128, 3, 28, 4}, {128, 512, 1, 28, 4},  {256, 512, 1, 28, 1},  {512, 128, 1, 28, 3},
    {512, 256, 1, 28, 1},  {256, 256, 3, 14, 6}, {256, 1024, 1, 14, 6}, {512, 1024, 1, 14, 1}, {1024, 256, 1, 14, 5},
    {1024, 512, 1, 14, 1}, {512, 512, 3, 7, 3},  {512, 2048, 1, 7, 3},  {1024, 2048, 1, 7, 1}, {2048, 512, 1, 7, 2},
    {2048, 1000, 1, 1, 1},
};
// Residual additions (outputs of the 16 blocks), the 3x3 maximum pool and the final mean, by elements read.
constexpr std::uint64_t kResNet50VectorElements =
    (3 * 256 * 56 * 56 + 4 * 512 * 28 * 28 + 6 * 1024 * 14 * 14 + 3 * 2048 * 7 * 7) + 9 * 64 * 56 * 56 + 7 * 7 * 2048;
constexpr std::uint64_t kResNet50ActivationBytes = 11'100'000 + 16'200'000;  ///< written + read at int8
constexpr std::uint64_t kResNet50LiveBytes = 1'800'000;

std::uint64_t ceil_div(std::uint64_t a, std::uint64_t b)
{
    return (a + b - 1) / b;
}

}  // namespace

double peak_mvm_rate(const CardConfig& config)
{
    return static_cast<double>(config.cores) * static_cast<double>(config.core.mvm_rate());
}

double tile_write_seconds(const CardConfig& config)
{
    return slots_per_tile(config) * static_cast<double>(config.pcm.write_slot) * 1e-12;
}

double tiles_per_second(const CardConfig& config)
{
    return static_cast<double>(config.cores) * config.pcm.writers / tile_write_seconds(config);
}

double link_rate(const CardConfig& config)
{
    const auto& link = config.link;
    return static_cast<double>(link.raw_rate()) * link.max_payload / (link.max_payload + link.tlp_overhead);
}

std::vector<Sustained> sustained_rates(const CardConfig& config)
{
    const double n = config.core.n;
    const auto& control = config.control;
    const double peak = peak_mvm_rate(config);
    return {
        {"photonic core", peak, "a vector in, a vector out", "card.core.symbol_rate"},
        {"DAC and ADC arrays", peak, "one sample a row and column; one converter a lane", "card.core.lanes"},
        {"scratchpad", 8.0 * static_cast<double>(control.sram_bandwidth) / sram_bits(config, 2),
         "inputs read, partial sums read and written", "card.control.sram_bandwidth"},
        {"link to the card", link_rate(config) / n, "every input from the host", "card.link.generation"},
        {"link to the host", link_rate(config) / n, "every output to the host at 8 bit", "card.link.generation"},
        {"card memory", static_cast<double>(config.memory.bandwidth) / (2 * n), "inputs and outputs spilled at 8 bit",
         "card.memory.bandwidth"},
        {"vector unit", static_cast<double>(control.vector_rate) / n, "one vector operation an output",
         "card.control.vector_rate"},
        {"digital MAC engine", static_cast<double>(control.digital_mac_rate) / (n * n), "the product done digitally",
         "card.control.digital_mac_rate"},
    };
}

Workload resnet50(std::uint32_t n)
{
    Workload work;
    for (const auto& layer : kResNet50) {
        const std::uint64_t rows = std::uint64_t{layer.inputs} * layer.kernel * layer.kernel;
        const std::uint64_t positions = std::uint64_t{layer.side} * layer.side;
        const std::uint64_t tiles = ceil_div(rows, n) * ceil_div(layer.outputs, n);
        work.tiles += layer.count * tiles;
        work.tile_vectors += layer.count * tiles * positions;
        work.macs += layer.count * rows * layer.outputs * positions;
    }
    work.conversions = work.tile_vectors;
    work.vector_elements = kResNet50VectorElements;
    work.activation_bytes = kResNet50ActivationBytes;
    work.live_bytes = kResNet50LiveBytes;
    work.input_bytes = 3 * 224 * 224;
    return work;
}

double ping_pong_rate(const CardConfig& config, std::uint64_t batch)
{
    const std::uint32_t n = config.core.n;
    const double write = 1.0 / tiles_per_second(config);
    double seconds = 0;
    for (const auto& layer : kResNet50) {
        const std::uint64_t rows = std::uint64_t{layer.inputs} * layer.kernel * layer.kernel;
        const double tiles = static_cast<double>(layer.count * ceil_div(rows, n) * ceil_div(layer.outputs, n));
        const double vectors = static_cast<double>(batch) * layer.side * layer.side;
        seconds += tiles * std::max(write, vectors / peak_mvm_rate(config));
    }
    return static_cast<double>(batch) / seconds;
}

double power_at(const CardConfig& config, const PeakPower& peak, double images)
{
    return power_at(config, peak, resnet50(config.core.n), images);
}

double power_at(const CardConfig& config, const PeakPower& peak, const Workload& work, double inferences)
{
    const double efficiency = config.power.vrm_efficiency;
    const double idle = (peak.memory + peak.link + peak.board) / efficiency + peak.fan;
    const double products = inferences * static_cast<double>(work.conversions);
    const double digital = inferences * static_cast<double>(work.digital_macs) * config.control.digital_mac_energy;
    return idle + (peak.core() * products / peak_mvm_rate(config) + digital) / efficiency;
}

double pass_write_energy(const CardConfig& config, const Workload& work)
{
    return static_cast<double>(work.tiles) * 2.0 * config.core.n * config.core.n * config.pcm.write_energy;
}

Bound image_rate(const CardConfig& config, const Workload& work, std::uint64_t batch)
{
    const auto images = static_cast<double>(batch);
    const auto vectors = images * static_cast<double>(work.tile_vectors);
    const auto tiles = static_cast<double>(work.tiles);
    const auto banks = static_cast<double>(config.cores) * config.pcm.banks;
    const bool rewrites = tiles > banks;
    const bool spills = images * static_cast<double>(work.live_bytes) > static_cast<double>(config.control.sram_bytes);
    const double tile_bytes = static_cast<double>(config.core.n) * config.core.n;
    double memory_bytes = rewrites ? tiles * tile_bytes : 0;
    if (spills) memory_bytes += images * static_cast<double>(work.activation_bytes);
    const std::pair<const char*, double> seconds[] = {
        {"photonic core", images * static_cast<double>(work.conversions) / peak_mvm_rate(config)},
        {"weight writer", rewrites ? tiles / tiles_per_second(config) : 0},
        {"scratchpad", vectors * sram_bits(config, 2) / 8 / static_cast<double>(config.control.sram_bandwidth)},
        {"vector unit",
         images * static_cast<double>(work.vector_elements) / static_cast<double>(config.control.vector_rate)},
        {"digital MAC engine",
         images * static_cast<double>(work.digital_macs) / static_cast<double>(config.control.digital_mac_rate)},
        {"card memory", memory_bytes / static_cast<double>(config.memory.bandwidth)},
        {"link", images * static_cast<double>(work.input_bytes) / link_rate(config)},
    };
    const auto* longest = std::max_element(std::begin(seconds), std::end(seconds),
                                           [](const auto& a, const auto& b) { return a.second < b.second; });
    Bound bound{images / longest->second, longest->first, 0};
    if (rewrites) bound.writes_per_cell = tiles / banks / longest->second;
    return bound;
}

std::vector<Sensitivity> sensitivities(const CardConfig& config, const Workload& work, std::uint64_t batch)
{
    const double base = image_rate(config, work, batch).images_per_second;
    std::vector<Sensitivity> found;
    for (const auto& entry : config.resolved) {
        const auto dots = entry.range.find(" .. ");
        const auto* field = config::find_field(entry.path);
        // The geometry is the card; everything else is what one may be wrong about or build better.
        if (dots == std::string::npos || field == nullptr || entry.path == "card.core.n" || entry.grade.empty())
            continue;
        for (const auto& end : {entry.range.substr(0, dots), entry.range.substr(dots + 4)}) {
            CardConfig moved = config;
            if (!config::set_field(*field, moved, end) || !check_card(moved)) continue;
            const auto bound = image_rate(moved, work, batch);
            const double factor = bound.images_per_second / base;
            if (std::fabs(std::log(factor)) < 0.01) continue;
            found.push_back(
                {entry.path, entry.value, config::get_field(*field, moved), entry.grade, factor, bound.engine});
        }
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
        return std::fabs(std::log(a.factor)) > std::fabs(std::log(b.factor));
    });
    return found;
}

}  // namespace lightcard::cli
