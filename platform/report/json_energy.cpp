// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/report/json_parts.h"

#include "lightcard/platform/report/error_sources.h"

namespace lightcard::report {

using Json = nlohmann::ordered_json;

namespace {

/// Categories that appear anywhere in the run, so that every table of one report has the same keys.
std::vector<Category> used_categories(const EnergyTable& energy)
{
    std::vector<Category> used;
    for (std::size_t c = 0; c < kCategories; ++c)
        if (energy.joules(static_cast<Category>(c)) != 0) used.push_back(static_cast<Category>(c));
    return used;
}

Json boundary_json(const EnergyTable& energy, Scope scope, bool with_laser, double seconds)
{
    const double joules = energy.joules(scope, with_laser);
    return {{"joules", joules}, {"watts", seconds > 0 ? joules / seconds : 0.0}};
}

Json scopes_json(const EnergyTable& energy, double seconds)
{
    Json scopes;
    for (const auto scope : kScopes)
        scopes[to_string(scope)] = {{"with_laser", boundary_json(energy, scope, true, seconds)},
                                    {"without_laser", boundary_json(energy, scope, false, seconds)}};
    return scopes;
}

Json categories_json(const EnergyTable& energy, const std::vector<Category>& used)
{
    Json json = Json::object();
    for (const auto category : used) json[to_string(category)] = energy.joules(category);
    return json;
}

Json loss_json(const EnergyTable& energy)
{
    return {{"joules", energy.joules(Category::conversion_loss, Scope::system, true)},
            {"joules_without_laser", energy.joules(Category::conversion_loss, Scope::system, false)}};
}

Json account_json(const Ledger::Account& account, const std::vector<Phase>& phases, std::size_t index)
{
    const auto& spec = account.spec;
    Json json = {{"path", spec.path},
                 {"category", to_string(spec.category)},
                 {"scope", to_string(spec.scope)},
                 {"unit", spec.unit},
                 {"count", account.count},
                 {"joules_per_count", spec.joules_per_count},
                 {"joules", account.joules()},
                 {"through_vrm", spec.through_vrm},
                 {"parameter", spec.parameter}};
    for (const auto& phase : phases) json["count_by_phase"][phase.name] = phase.counts[index];
    return json;
}

Json phase_json(const Phase& phase, const std::vector<Category>& used)
{
    return {{"name", phase.name},
            {"start_ps", phase.start},
            {"end_ps", phase.end},
            {"joules_by_category", categories_json(phase.energy, used)},
            {"conversion_loss", loss_json(phase.energy)},
            {"scopes", scopes_json(phase.energy, phase.seconds())}};
}

Json trace_json(const PowerTrace& trace, const std::vector<Category>& used)
{
    Json watts = Json::object();
    const double seconds = static_cast<double>(trace.bin_width) * 1e-12;
    for (const auto category : used) {
        Json series = Json::array();
        for (const auto& bin : trace.bins) series.push_back(bin.joules(category) / seconds);
        watts[to_string(category)] = std::move(series);
    }
    return {{"bin_width_ps", trace.bin_width}, {"bins", trace.bins.size()}, {"watts", std::move(watts)}};
}

/// Error variance of one layer: per output sample, in accumulator steps squared and in the layer's real units.
Json error_json(const LayerReport& layer)
{
    const double samples = layer.counters.error.results;
    const double real = layer.info.acc_scale * layer.info.acc_scale;
    const auto& e = layer.counters.error;
    Json json = Json::object();
    const auto add = [&](const char* name, double sum) {
        json[name] = {{"acc2", sum / samples}, {"real2", sum / samples * real}};
    };
    for (const auto& source : error_sources(e)) add(source.key, source.variance);
    add("total", e.total());
    add("signal", e.signal);
    return json;
}

}  // namespace

Json energy_json(const Report& report)
{
    const auto used = used_categories(report.energy);
    const double seconds = static_cast<double>(report.counters.now) * 1e-12;
    Json json;
    json["vrm_efficiency"] = report.vrm_efficiency;
    json["joules_by_category"] = categories_json(report.energy, used);
    json["conversion_loss"] = loss_json(report.energy);
    json["scopes"] = scopes_json(report.energy, seconds);
    if (report.summary.images > 0)
        json["inference_joules_per_image"] =
            report.inference().energy.joules(Scope::card) / static_cast<double>(report.summary.images);
    json["phases"] = Json::array();
    for (const auto& phase : report.phases) json["phases"].push_back(phase_json(phase, used));
    json["accounts"] = Json::array();
    for (std::size_t i = 0; i < report.accounts.size(); ++i)
        json["accounts"].push_back(account_json(report.accounts[i], report.phases, i));
    json["trace"] = trace_json(report.trace, used);
    return json;
}

Json layers_json(const Report& report)
{
    const auto used = used_categories(report.energy);
    Json layers = Json::array();
    for (const auto& layer : report.layers) {
        const auto& c = layer.counters;
        Json json = {{"index", layer.index},
                     {"name", layer.info.name},
                     {"op", layer.info.op},
                     {"core_busy_ps", c.busy},
                     {"tile_vectors", c.tile_vectors},
                     {"tile_loads", c.tile_loads},
                     {"cell_writes", c.cell_writes},
                     {"vector_elements", c.vector_elements},
                     {"digital_macs", c.macs},
                     {"adc_samples", c.stats.samples},
                     {"adc_clipped", c.stats.clipped},
                     {"joules", layer.energy.joules(Scope::system)},
                     {"joules_by_category", categories_json(layer.energy, used)}};
        json["first_ps"] = c.first == kNever ? Json(nullptr) : Json(c.first);
        json["last_ps"] = c.first == kNever ? Json(nullptr) : Json(c.last);
        const bool analog =
            report.config.run.fidelity != Fidelity::ideal && report.config.run.computes() && c.stats.samples > 0;
        json["error_variance"] = analog ? error_json(layer) : Json(nullptr);
        layers.push_back(std::move(json));
    }
    return layers;
}

Json counters_json(const CardCounters& c)
{
    return {{"commands", c.commands},
            {"failed_commands", c.failed_commands},
            {"doorbells", c.doorbells},
            {"interrupts", c.interrupts},
            {"mvms", c.mvms},
            {"dac_samples", c.dac_samples},
            {"adc_samples", c.adc_samples},
            {"adc_clipped", c.adc_clipped},
            {"tile_loads", c.tile_loads},
            {"cell_writes", c.cell_writes},
            {"bank_switches", c.bank_switches},
            {"link_bytes_up", c.link_bytes_up},
            {"link_bytes_down", c.link_bytes_down},
            {"dram_bytes", c.dram_bytes},
            {"sram_bits", c.sram_bits},
            {"laser_on_ps", c.laser_on},
            {"calibrations", c.calibrations},
            {"calibrating_ps", c.calibrating},
            {"throttled_ps", c.throttled},
            {"hottest_die_c", c.hottest_die}};
}

}  // namespace lightcard::report
