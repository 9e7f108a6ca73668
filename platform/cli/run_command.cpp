// SPDX-License-Identifier: Apache-2.0
// `lightcard run`: prepare, drive the card, judge, report.
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ostream>

#include "lightcard/model/card/pcm_identity.h"
#include "lightcard/model/common/units.h"
#include "lightcard/platform/cli/attach_session.h"
#include "lightcard/platform/cli/commands.h"
#include "lightcard/platform/cli/judge.h"
#include "lightcard/platform/cli/repair.h"
#include "lightcard/platform/cli/session.h"
#include "lightcard/platform/report/html.h"
#include "lightcard/platform/report/json.h"
#include "lightcard/platform/report/text.h"

namespace lightcard::cli {

namespace {

std::string machine_name()
{
    utsname name{};
    return uname(&name) == 0 ? std::string(name.sysname) + " " + name.release + " " + name.machine : "";
}

std::vector<report::LayerInfo> layers_of(const Prepared& prepared)
{
    std::vector<report::LayerInfo> layers;
    for (const auto& layer : prepared.program.layers) {
        report::LayerInfo info{layer.name, layer.op, layer.macs, layer.tiles, layer.tile_vectors, layer.acc_scale};
        for (const auto& product : prepared.products) {
            if (product.name != layer.name) continue;
            info.groups = product.groups;
            info.digital = product.digital;
            if (product.quantisation >= 0) info.quantisation = product.quantisation;
        }
        layers.push_back(std::move(info));
    }
    return layers;
}

report::RunSummary summarise(const RunRequest& request, const Prepared& prepared, const SessionResult& session)
{
    report::RunSummary summary;
    summary.network = std::filesystem::path(request.model).stem().string();
    summary.images = prepared.inputs.count;
    summary.batch = prepared.program.batch;
    summary.layers = layers_of(prepared);
    summary.setup_end = session.setup_end;
    summary.plan = prepared.program.plan;
    summary.guest_errors = session.guest_errors;
    summary.notes = prepared.notes;
    summary.notes.insert(summary.notes.end(), session.notes.begin(), session.notes.end());
    for (const auto& entry : request.scenario.faults) summary.notes.push_back("fault put in: " + describe(entry.fault));
    const auto& host = request.config.host;
    summary.host = {session.wall_seconds, host.threads, host.trace, host.simd, machine_name(), LIGHTCARD_VERSION};
    return summary;
}

constexpr std::size_t kShownInputs = 32;

std::vector<report::Prediction> predictions(const RunRequest& request, const Prepared& prepared,
                                            const report::Outputs& outputs)
{
    std::vector<report::Prediction> shown;
    for (std::size_t i = 0; request.top > 0 && i < std::min(outputs.images, kShownInputs); ++i) {
        shown.push_back(report::predict(outputs, i, request.top, prepared.classes));
        shown.back().input = prepared.inputs.names.empty()
                                 ? "image " + std::to_string(i)
                                 : std::filesystem::path(prepared.inputs.names[i]).filename().string();
    }
    return shown;
}

Status write_floats(const Console& console, const std::string& target, const report::Outputs& outputs)
{
    if (target.empty()) return {};
    return write_output(console, target, [&](std::ostream& out) {
        out.write(reinterpret_cast<const char*>(outputs.values.data()),
                  static_cast<std::streamsize>(outputs.values.size() * sizeof(float)));
    });
}

Status write_results(const Console& console, const RunRequest& request, const report::Report& report,
                     const report::Outputs& outputs)
{
    if (auto written = write_floats(console, request.outputs, outputs); !written) return written;
    if (!request.report.empty()) {
        const auto written =
            write_output(console, request.report, [&](std::ostream& out) { report::write_json(out, report); });
        if (!written) return written;
    }
    if (!request.html.empty()) {
        const auto written =
            write_output(console, request.html, [&](std::ostream& out) { report::write_html(out, report); });
        if (!written) return written;
    }
    if (!request.quiet && request.report != "-" && request.html != "-" && request.outputs != "-")
        report::write_text(console.out, report);
    return {};
}

/// Before long work: a state file that is there must be whole and of this card.
Status check_pcm_state(const RunRequest& request)
{
    if (request.pcm_state.empty()) return {};
    if (!std::filesystem::exists(request.pcm_state)) return check_writable(request.pcm_state + ".new");
    std::ifstream in(request.pcm_state, std::ios::binary);
    if (!in) return Error{std::string("cannot read: ") + std::strerror(errno), request.pcm_state, ""};
    const auto state = pcm_memory::read_state(in);
    Status good = state ? pcm_memory::check_identity(state->card, pcm_identity(request.config)) : state.error();
    if (good) return good;
    auto error = good.error();
    error.where = request.pcm_state + ": " + error.where;
    return error;
}

Status write_bytes(const Console& console, const std::string& path, const std::vector<std::uint8_t>& bytes)
{
    if (path.empty()) return {};
    return write_output(console, path, [&](std::ostream& out) {
        out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    });
}

/// What another host needs to run the same on the same card.
Status save_program(const Console& console, const RunRequest& request, const Prepared& prepared)
{
    if (!request.save_program.empty())
        if (auto written = driver::write_program_file(prepared.program, request.save_program); !written) return written;
    return write_bytes(console, request.save_codes, prepared.codes);
}

/// --check: every output equal to the int8 reference.
int verdict(const Console& console, const report::Accuracy& accuracy)
{
    for (const auto& agreement : accuracy.agreements)
        if (agreement.reference == "int8" && agreement.differing > 0)
            return fail(
                console, kCheckFailed,
                {std::to_string(agreement.differing) + " outputs differ from the int8 reference", "--check", ""});
    return kOk;
}

int run_on_served(const Console& console, const RunRequest& request, const Prepared& prepared, Progress& progress)
{
    const auto session = run_attached(request, prepared, progress);
    if (!session) return fail(console, kCard, session.error());
    const auto outputs = real_outputs(prepared, session->outputs);
    if (!outputs) return fail(console, kCard, outputs.error());
    const auto accuracy = judge(request, prepared, *outputs, progress);
    if (!accuracy) return fail(console, kNetwork, accuracy.error());
    progress.clear();
    if (const auto written = write_floats(console, request.outputs, *outputs); !written)
        return fail(console, kUsage, written.error());
    if (!request.quiet && request.outputs != "-") {
        console.out << std::filesystem::path(request.model).stem().string() << ", " << prepared.inputs.count
                    << " images on the card at " << request.attach << ": " << format_time(session->card_time)
                    << " of card time, " << session->wall_seconds << " s\n";
        if (accuracy->labelled > 0)
            console.out << "top-1: " << accuracy->top1 << " of " << accuracy->labelled << " labelled images\n";
        for (const auto& agreement : accuracy->agreements)
            console.out << "against " << agreement.reference << ": " << agreement.differing << " outputs differ\n";
    }
    return verdict(console, *accuracy);
}

int run(const Console& console, const RunRequest& request, const Arguments& arguments)
{
    if (const auto good = check_pcm_state(request); !good) return fail(console, kUsage, good.error());
    Progress progress(console, request.progress || console.terminal);
    Prepared prepared;
    if (const auto failure = prepare(request, progress, prepared))
        return fail(console, failure->status, failure->error);
    for (const auto& warning : prepared.warnings) console.err << "lightcard: warning: " << warning << '\n';
    if (const auto saved = save_program(console, request, prepared); !saved)
        return fail(console, kUsage, saved.error());
    if (request.plan_only) {
        for (const auto& line : prepared.program.plan) console.out << line << '\n';
        return kOk;
    }
    for (const auto& target : {request.report, request.html, request.outputs, request.save_output_codes})
        if (const auto good = check_writable(target); !good) return fail(console, kUsage, good.error());
    if (!request.attach.empty()) return run_on_served(console, request, prepared, progress);
    std::ofstream trace;
    if (!request.trace.empty()) {
        trace.open(request.trace, std::ios::binary);
        if (!trace)
            return fail(console, kUsage, {std::string("cannot write: ") + std::strerror(errno), request.trace, ""});
    }
    auto session = run_session(request, prepared, request.trace.empty() ? nullptr : &trace, progress);
    if (!session) return fail(console, kCard, session.error());
    if (const auto saved = write_bytes(console, request.save_output_codes, session->outputs); !saved)
        return fail(console, kUsage, saved.error());
    const auto outputs = request.timing_only ? report::Outputs() : real_outputs(prepared, session->outputs);
    if (!outputs) return fail(console, kCard, outputs.error());
    const auto accuracy = judge(request, prepared, *outputs, progress);
    if (!accuracy) return fail(console, kNetwork, accuracy.error());
    progress.clear();

    auto summary = summarise(request, prepared, *session);
    summary.accuracy = *accuracy;
    summary.predictions = predictions(request, prepared, *outputs);
    if (!prepared.classes.empty() && prepared.classes.size() != outputs->classes)
        summary.notes.push_back("--classes names " + std::to_string(prepared.classes.size()) +
                                " classes, the network has " + std::to_string(outputs->classes));
    auto report = report::make_report(request.config, session->ledger, session->counters, std::move(summary));
    if (request.repair > 0) report.limit.tried = try_repairs(arguments, report.limit.repair, request.repair, progress);
    progress.clear();
    if (const auto written = write_results(console, request, report, *outputs); !written)
        return fail(console, kUsage, written.error());
    return verdict(console, *accuracy);
}

}  // namespace

int run_command(const Console& console, const Arguments& arguments)
{
    const auto parsed = parse_run_request(console, arguments);
    return parsed.exit ? *parsed.exit : run(console, parsed.request, arguments);
}

}  // namespace lightcard::cli
