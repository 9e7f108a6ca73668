// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/report/json.h"

#include <cmath>
#include <cstdio>
#include <ostream>

#include "lightcard/platform/report/json_parts.h"

namespace lightcard::report {

using Json = nlohmann::ordered_json;

namespace {

bool is_host_entry(const CardConfig::Entry& entry)
{
    return entry.path.rfind("host.", 0) == 0;
}

const char* name_of(Fidelity fidelity)
{
    constexpr const char* kNames[] = {"ideal", "stat", "device", "timing"};
    return kNames[static_cast<std::size_t>(fidelity)];
}

Json card_json(const CardConfig& config, double peak_tops)
{
    return {{"name", config.name},
            {"note", config.note},
            {"config_hash", config.hash},
            {"cores", config.cores},
            {"n", config.core.n},
            {"lanes", config.core.lanes},
            {"symbol_rate_hz", config.core.symbol_rate},
            {"banks", config.pcm.banks},
            {"peak_tops", peak_tops}};
}

Json run_json(const RunConfig& run)
{
    static constexpr const char* ageings[] = {"live", "frozen", "step"};
    static constexpr const char* depthwise[] = {"auto", "pcm", "digital"};
    static constexpr const char* fills[] = {"off", "columns", "both"};
    return {{"fidelity", name_of(run.fidelity)},
            {"quant", run.quant},
            {"seed", run.seed},
            {"timing", run.timing == Timing::lt ? "lt" : "at"},
            {"ageing", ageings[static_cast<int>(run.ageing)]},
            {"signed_inputs", run.signed_inputs == SignedInputs::offset ? "offset" : "two_pass"},
            {"numerics", run.numerics == Numerics::int8 ? "int8" : "abfp"},
            {"passes", run.passes},
            {"analog_gain", run.analog_gain},
            {"fill", fills[static_cast<int>(run.fill)]},
            {"depthwise", depthwise[static_cast<int>(run.depthwise)]},
            {"weight_slices", run.weight_slices}};
}

Json config_json(const CardConfig& config, bool host)
{
    Json values = Json::object();
    for (const auto& entry : config.resolved)
        if (is_host_entry(entry) == host) values[entry.path] = entry.value;
    return values;
}

Json workload_json(const RunSummary& summary)
{
    Json layers = Json::array();
    std::uint64_t macs = 0, tiles = 0;
    for (std::size_t i = 0; i < summary.layers.size(); ++i) {
        const auto& layer = summary.layers[i];
        macs += layer.macs;
        tiles += layer.tiles;
        layers.push_back({{"index", i + 1},
                          {"name", layer.name},
                          {"op", layer.op},
                          {"macs_per_image", layer.macs},
                          {"tiles", layer.tiles},
                          {"tile_vectors_per_image", layer.tile_vectors},
                          {"acc_scale", layer.acc_scale}});
    }
    return {{"network", summary.network}, {"images", summary.images}, {"batch", summary.batch},
            {"macs_per_image", macs},     {"tiles", tiles},           {"layers", std::move(layers)},
            {"plan", Json(summary.plan)}};
}

Json latency_json(const Latency& latency)
{
    return {{"batches", latency.batches},
            {"time_to_first_result_ps", latency.time_to_first_result},
            {"first_batch_ps", latency.first},
            {"steady_per_batch_ps", latency.steady_per_batch},
            {"steady_per_image_ps", latency.steady_per_image},
            {"p50_ps", latency.p50},
            {"p90_ps", latency.p90},
            {"p99_ps", latency.p99},
            {"longest_ps", latency.longest}};
}

Json throughput_json(const Throughput& throughput)
{
    return {{"images_per_second", throughput.images_per_second},
            {"mvms_per_second", throughput.mvms_per_second},
            {"peak_tops", throughput.peak_tops},
            {"tile_tops", throughput.tile_tops},
            {"useful_tops", throughput.useful_tops}};
}

Json engines_json(const Report& report)
{
    const auto window = static_cast<double>(report.inference().end - report.inference().start);
    Json engines = Json::array();
    for (const auto& engine : report.engines) {
        Json waits = Json::object();
        for (const auto& [cause, time] : engine.waits)
            waits[cause] = {{"ps", time}, {"share", window > 0 ? static_cast<double>(time) / window : 0.0}};
        engines.push_back({{"name", engine.name},
                           {"busy_ps", engine.busy},
                           {"utilisation", engine.utilisation},
                           {"commands", engine.commands},
                           {"items", engine.items},
                           {"waits", std::move(waits)}});
    }
    return engines;
}

Json weights_json(const Weights& weights)
{
    Json json = {{"tile_loads", weights.tile_loads},
                 {"cell_writes", weights.cell_writes},
                 {"inference_tile_loads", weights.inference_tile_loads},
                 {"inference_cell_writes", weights.inference_cell_writes},
                 {"max_wear_cycles", weights.max_wear},
                 {"inference_wear_cycles", weights.inference_wear},
                 {"endurance_cycles", weights.endurance}};
    json["life_at_this_load_s"] = weights.life_seconds ? Json(*weights.life_seconds) : Json(nullptr);
    return json;
}

Json predictions_json(const std::vector<Prediction>& predictions)
{
    Json list = Json::array();
    for (const auto& prediction : predictions) {
        Json guesses = Json::array();
        for (const auto& guess : prediction.guesses)
            guesses.push_back({{"index", guess.index}, {"name", guess.name}, {"value", guess.value}});
        list.push_back({{"input", prediction.input}, {"guesses", std::move(guesses)}});
    }
    return list;
}

Json accuracy_json(const Accuracy& accuracy)
{
    Json json = {{"labelled_images", accuracy.labelled}, {"top1", accuracy.top1}, {"top5", accuracy.top5}};
    const auto share = [&](std::uint64_t n) {
        return accuracy.labelled ? Json(static_cast<double>(n) / static_cast<double>(accuracy.labelled))
                                 : Json(nullptr);
    };
    json["top1_share"] = share(accuracy.top1);
    json["top5_share"] = share(accuracy.top5);
    json["fp32_top1_share"] = accuracy.reference_top1 ? share(*accuracy.reference_top1) : Json(nullptr);
    json["agreements"] = Json::array();
    for (const auto& agreement : accuracy.agreements)
        json["agreements"].push_back({{"reference", agreement.reference},
                                      {"images", agreement.images},
                                      {"same_top1", agreement.same_top1},
                                      {"correlation", agreement.correlation},
                                      {"rms_error", agreement.rms_error},
                                      {"max_error", agreement.max_error},
                                      {"differing_outputs", agreement.differing}});
    return json;
}

Json limit_json(const Limit& limit)
{
    Json json = {{"engine", limit.engine},
                 {"utilisation", limit.utilisation},
                 {"core_waits_for", limit.cause},
                 {"next_engine", limit.next_engine}};
    json["headroom"] = limit.headroom ? Json(*limit.headroom) : Json(nullptr);
    json["sentence"] = limit.sentence;
    json["error_source"] = limit.error_source;
    json["error_share"] = limit.error_share;
    json["noise_sentence"] = limit.noise_sentence;
    json["loss_sentence"] = limit.loss_sentence;
    json["repair"] = limit.repair;
    json["tried"] = limit.tried;
    return json;
}

Json losses_json(const std::vector<LayerLoss>& losses)
{
    Json list = Json::array();
    for (const auto& loss : losses)
        list.push_back({{"name", loss.name},
                        {"quantisation", loss.quantisation},
                        {"weights", loss.weights},
                        {"noise", loss.noise},
                        {"clipping", loss.clipping},
                        {"total", loss.total()}});
    return list;
}

Json host_json(const Report& report)
{
    const auto& host = report.summary.host;
    return {{"wall_s", host.wall_seconds},
            {"threads", host.threads},
            {"trace", host.trace},
            {"simd", host.simd},
            {"machine", host.machine},
            {"version", host.version},
            {"config", config_json(report.config, true)}};
}

}  // namespace

Json to_json(const Report& report)
{
    const auto& setup_end = report.summary.setup_end;
    Json json;
    json["schema"] = kSchema;
    json["report_hash"] = "";
    json["card"] = card_json(report.config, report.throughput.peak_tops);
    json["run"] = run_json(report.config.run);
    json["workload"] = workload_json(report.summary);
    json["time"] = {{"end_ps", report.counters.now},
                    {"setup_ps", setup_end.now},
                    {"inference_ps", report.counters.now - setup_end.now}};
    json["latency"] = latency_json(report.latency);
    json["throughput"] = throughput_json(report.throughput);
    json["limit"] = limit_json(report.limit);
    json["engines"] = engines_json(report);
    json["weights"] = weights_json(report.weights);
    json["predictions"] = predictions_json(report.summary.predictions);
    json["accuracy"] = report.summary.accuracy ? accuracy_json(*report.summary.accuracy) : Json(nullptr);
    json["losses"] = losses_json(report.losses);
    json["layers"] = layers_json(report);
    json["energy"] = energy_json(report);
    json["counters"] = counters_json(report.counters);
    json["guest_errors"] = report.summary.guest_errors;
    json["notes"] = report.summary.notes;
    json["config"] = config_json(report.config, false);
    json["host"] = host_json(report);
    json["report_hash"] = report_hash(json);
    return json;
}

std::string report_hash(const Json& document)
{
    nlohmann::json canonical = document;  // sorts the keys
    canonical.erase("host");
    canonical.erase("report_hash");
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : canonical.dump(-1, ' ', false, Json::error_handler_t::replace)) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 0x100000001b3u;
    }
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
    return text;
}

void write_json(std::ostream& out, const Report& report)
{
    out << to_json(report).dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace lightcard::report
