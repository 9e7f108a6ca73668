// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/network_plan.h"

#include <algorithm>

#include "lightcard/model/card/peak.h"
#include "lightcard/model/common/suggest.h"
#include "lightcard/platform/compiler/engines.h"

namespace lightcard::cli {

namespace {

constexpr std::uint64_t kBatches[] = {1, 4, 16, 64, 256, 1024, 4096};

PlanRow row_of(const CardConfig& config, const PeakPower& power, const Workload& work, std::uint64_t batch)
{
    PlanRow row;
    row.batch = batch;
    row.bound = image_rate(config, work, batch);
    const double rate = row.bound.images_per_second;
    row.latency = static_cast<double>(batch) / rate;
    row.energy = power_at(config, power, work, rate) / rate;
    if (row.bound.writes_per_cell <= 0) return row;
    const double cells = 2.0 * config.core.n * config.core.n;
    row.cells_written = static_cast<double>(work.tiles) * cells / static_cast<double>(batch);
    row.write_energy = pass_write_energy(config, work) / static_cast<double>(batch);
    row.energy += row.write_energy / config.power.vrm_efficiency;
    row.life = static_cast<double>(config.pcm.endurance) / (row.bound.writes_per_cell * config.pcm.cycles_per_write);
    return row;
}

using compiler::LayerSettings;

/// What a product is told, over what the card says for all.
compiler::LayerSetting setting_of(const compiler::ProductShape& product, const CardConfig& config,
                                  const LayerSettings& layers)
{
    compiler::LayerSetting setting;
    if (const auto found = layers.find(product.name); found != layers.end()) setting = found->second;
    if (!setting.engine) setting.engine = compiler::engine_of(product, config);
    if (!setting.passes) setting.passes = config.run.passes;
    if (!setting.numerics) setting.numerics = config.run.numerics;
    return setting;
}

LayerPlan layer_of(const compiler::ProductShape& product, const CardConfig& config, const LayerSettings& layers)
{
    LayerPlan layer;
    layer.name = product.name;
    layer.macs = product.macs();
    layer.dynamic = product.dynamic;
    const auto setting = setting_of(product, config, layers);
    layer.digital = setting.engine == compiler::Engine::digital;
    if (product.dynamic || layer.digital) return layer;
    layer.passes = *setting.passes;
    layer.numerics = *setting.numerics;
    const std::uint32_t n = config.core.n;
    layer.tiles = product.count * compiler::tiles_of(product, n);
    layer.tile_vectors = layer.tiles * product.vectors;
    layer.utilisation = static_cast<double>(layer.macs) / (static_cast<double>(layer.tile_vectors) * n * n);
    return layer;
}

}  // namespace

Workload workload_of(const compiler::NetworkShape& shape, const CardConfig& config, const LayerSettings& layers)
{
    const std::uint32_t n = config.core.n;
    Workload work;
    for (const auto& product : shape.products) {
        if (product.dynamic) continue;
        const auto setting = setting_of(product, config, layers);
        if (setting.engine == compiler::Engine::digital) {
            work.digital_macs += product.macs();
            continue;
        }
        work.macs += product.macs();
        const std::uint64_t tiles = product.count * compiler::tiles_of(product, n);
        work.tiles += tiles;
        work.tile_vectors += tiles * product.vectors;
        work.conversions += tiles * product.vectors * *setting.passes;
    }
    work.dynamic_macs = compiler::dynamic_macs(shape);
    work.digital_macs += work.dynamic_macs;
    work.vector_elements = shape.vector_elements;
    work.activation_bytes = shape.activation_bytes;
    work.live_bytes = shape.live_bytes;
    work.input_bytes = shape.input_bytes;
    return work;
}

Status check_layers(const compiler::NetworkShape& shape, const LayerSettings& layers)
{
    std::vector<std::string> names;
    for (const auto& product : shape.products)
        if (!product.dynamic) names.push_back(product.name);
    for (const auto& [name, setting] : layers)
        if (std::find(names.begin(), names.end(), name) == names.end())
            return Error{"no product is called '" + name + "'", "settings of a layer", did_you_mean(name, names)};
    return {};
}

NetworkPlan plan_network(const compiler::NetworkShape& shape, const CardConfig& config, std::uint64_t batch,
                         const LayerSettings& layers)
{
    NetworkPlan plan;
    plan.shape = shape;
    plan.work = workload_of(shape, config, layers);
    plan.batch = batch;
    plan.banks = std::uint64_t{config.cores} * config.pcm.banks;
    for (const auto& product : shape.products) {
        plan.layers.push_back(layer_of(product, config, layers));
        if (product.dynamic) continue;
        (plan.layers.back().digital ? plan.digital_layers : plan.weight_layers) += product.count;
    }
    const double lit = static_cast<double>(plan.work.tile_vectors) * config.core.n * config.core.n;
    plan.utilisation = lit > 0 ? static_cast<double>(plan.work.macs) / lit : 0;
    CardConfig roomy = config;
    roomy.pcm.banks = static_cast<std::uint32_t>((plan.work.tiles + config.cores - 1) / config.cores);
    const PeakPower power = peak_power(config);
    for (std::uint64_t size : kBatches) {
        plan.rows.push_back(row_of(config, power, plan.work, size));
        if (plan.work.tiles > plan.banks) plan.resident.push_back(row_of(roomy, power, plan.work, size));
    }
    plan.moves = sensitivities(config, plan.work, batch);
    return plan;
}

}  // namespace lightcard::cli
