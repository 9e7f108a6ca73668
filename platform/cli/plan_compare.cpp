// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/plan_compare.h"

#include <algorithm>

#include "lightcard/model/card/peak.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::cli {

namespace {

using report::grouped;

Machine own_card(const std::string& name, const std::vector<PlanRow>& rows, double vrm_efficiency)
{
    Machine machine{name, "bounds from this card's rates", true, {}};
    for (const PlanRow& row : rows)
        machine.rows.push_back({row.batch, row.bound.images_per_second, row.latency, row.energy,
                                row.energy - row.write_energy / vrm_efficiency});
    return machine;
}

Machine ideal_digital(const NetworkPlan& plan, const CardConfig& config)
{
    const Workload& work = plan.work;
    const double macs = static_cast<double>(compiler::static_macs(plan.shape)) +
                        static_cast<double>(compiler::dynamic_macs(plan.shape));
    double weights = 0;  // bytes
    for (const auto& product : plan.shape.products)
        if (!product.dynamic)
            weights += static_cast<double>(product.inputs * product.outputs * product.groups * product.count);
    const bool streams = weights > static_cast<double>(config.control.sram_bytes);
    const double rate = peak_tops(config) * 1e12 / 2;
    const PeakPower power = peak_power(config);
    const double idle = (power.memory + power.link + power.board) / config.power.vrm_efficiency + power.fan;
    Machine machine{
        "ideal digital card", "int8 at this card's peak without padding, control.digital_mac_energy a MAC", false, {}};
    for (const PlanRow& row : plan.rows) {
        const auto batch = static_cast<double>(row.batch);
        const double memory = streams ? weights / static_cast<double>(config.memory.bandwidth) : 0;
        const double link = batch * static_cast<double>(work.input_bytes) / link_rate(config);
        const double seconds = std::max({batch * macs / rate, memory, link});
        const double bits = 8 * static_cast<double>(work.activation_bytes);
        const double joules = macs * config.control.digital_mac_energy + bits * config.control.sram_energy +
                              (streams ? 8 * weights / batch * config.memory.energy : 0);
        const double energy = joules / config.power.vrm_efficiency + idle * seconds / batch;
        machine.rows.push_back({row.batch, batch / seconds, seconds, energy, energy});
    }
    return machine;
}

/// "1 to 64", "256 and up", "none", "all"; of the batches where `better` holds.
std::string batches(const std::vector<MachineRow>& rows, const std::vector<bool>& better)
{
    std::string text;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (!better[i]) continue;
        std::size_t last = i;
        while (last + 1 < rows.size() && better[last + 1]) ++last;
        if (i == 0 && last + 1 == rows.size()) return "at every batch";
        text += text.empty() ? "at batch " : ", ";
        text += grouped(rows[i].batch);
        if (last + 1 == rows.size())
            text += " and more";
        else if (last > i)
            text += " to " + grouped(rows[last].batch);
        i = last;
    }
    return text.empty() ? "at no batch" : text;
}

const MachineRow& match(const Machine& other, std::size_t i)
{
    return other.rows[std::min(i, other.rows.size() - 1)];
}

std::string verdict(const Machine& card, const Machine& other)
{
    std::vector<bool> faster, cheaper, cheaper_without;
    for (std::size_t i = 0; i < card.rows.size(); ++i) {
        const MachineRow& theirs = match(other, i);
        faster.push_back(card.rows[i].per_second > theirs.per_second);
        cheaper.push_back(theirs.energy > 0 && card.rows[i].energy < theirs.energy);
        cheaper_without.push_back(theirs.energy > 0 && card.rows[i].energy_without_writes < theirs.energy);
    }
    std::string text = card.name + " against " + other.name + ": faster " + batches(card.rows, faster);
    if (match(other, 0).energy <= 0) return text + "; its energy is not known";
    text += ", less energy an inference " + batches(card.rows, cheaper);
    if (cheaper_without != cheaper) text += " (weight writes left out: " + batches(card.rows, cheaper_without) + ")";
    return text;
}

}  // namespace

std::vector<Machine> machines_of(const NetworkPlan& plan, const CardConfig& config)
{
    std::vector<Machine> machines;
    machines.push_back(own_card(plan.resident.empty() ? "this card, weights resident" : "this card, reloading",
                                plan.rows, config.power.vrm_efficiency));
    if (!plan.resident.empty())
        machines.push_back(own_card("a bank for every tile", plan.resident, config.power.vrm_efficiency));
    machines.push_back(ideal_digital(plan, config));
    for (const auto& other : plan.shape.baselines) {
        const double energy = other.watts > 0 ? other.watts / other.per_second : 0;
        machines.push_back({other.name, other.source, false, {{0, other.per_second, 0, energy, energy}}});
    }
    return machines;
}

std::vector<std::string> verdicts(const std::vector<Machine>& machines)
{
    std::vector<std::string> lines;
    for (const Machine& card : machines)
        for (const Machine& other : machines)
            if (card.own && !other.own) lines.push_back(verdict(card, other));
    return lines;
}

std::string requirement_sentence(const NetworkPlan& plan)
{
    const double wanted = plan.shape.required_per_second;
    if (wanted <= 0) return {};
    const auto judge = [&](const char* card, const std::vector<PlanRow>& rows) {
        const auto first = std::find_if(rows.begin(), rows.end(),
                                        [&](const PlanRow& row) { return row.bound.images_per_second >= wanted; });
        if (first != rows.end())
            return std::string(card) + " does it from batch " + grouped(first->batch) + " on, limited by the " +
                   first->bound.engine;
        const auto best = std::max_element(rows.begin(), rows.end(), [](const PlanRow& a, const PlanRow& b) {
            return a.bound.images_per_second < b.bound.images_per_second;
        });
        return std::string(card) + " does " + report::percent(best->bound.images_per_second / wanted) +
               " of it at batch " + grouped(best->batch) + ", limited by the " + best->bound.engine;
    };
    std::string text = "Asked for: " + grouped(wanted) + " " + plan.shape.unit + "s/s (" + plan.shape.requirement +
                       "). " + judge("This card", plan.rows);
    if (!plan.resident.empty()) text += "; " + judge("with a bank for every tile it", plan.resident);
    return text + ".";
}

std::string limit_sentence(const NetworkPlan& plan)
{
    const auto at =
        std::find_if(plan.rows.begin(), plan.rows.end(), [&](const PlanRow& row) { return row.batch >= plan.batch; });
    const PlanRow& row = at == plan.rows.end() ? plan.rows.back() : *at;
    std::string text = "At batch " + grouped(row.batch) + " the " + row.bound.engine + " limits the card to " +
                       grouped(row.bound.images_per_second, row.bound.images_per_second < 100 ? 2 : 0) + " " +
                       plan.shape.unit + "s/s";
    const auto best = std::max_element(plan.moves.begin(), plan.moves.end(),
                                       [](const Sensitivity& a, const Sensitivity& b) { return a.factor < b.factor; });
    if (best == plan.moves.end() || best->factor <= 1)
        return text + "; nothing within its declared range would lift that.";
    return text + "; " + best->path + " at " + best->to + " instead of " + best->from + " would make it " +
           grouped(best->factor, best->factor < 10 ? 2 : 0) + " times as much, then limited by the " + best->engine +
           ".";
}

}  // namespace lightcard::cli
