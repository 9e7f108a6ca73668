// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/session.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <ostream>

#include "lightcard/model/card/card.h"
#include "lightcard/platform/driver/program_runner.h"
#include "lightcard/platform/host/in_process_host.h"
#include "lightcard/platform/report/perfetto.h"

namespace lightcard::cli {

namespace {

std::vector<std::string> layer_names(const driver::Program& program)
{
    std::vector<std::string> names;
    for (const auto& layer : program.layers) names.push_back(layer.name);
    return names;
}

/// Room for every output of the program; the first one is what the command looks at.
std::vector<std::vector<std::uint8_t>> output_buffers(const driver::Program& program, std::size_t images)
{
    std::vector<std::vector<std::uint8_t>> buffers;
    for (const auto& tensor : program.outputs) buffers.emplace_back(tensor.bytes_per_image * images);
    return buffers;
}

/// A file that is not there yet is a card that has never been programmed.
Status restore_pcm(Card& card, const std::string& path)
{
    if (path.empty() || !std::filesystem::exists(path)) return {};
    std::ifstream in(path, std::ios::binary);
    if (!in) return Error{"cannot read the PCM state", path, std::strerror(errno)};
    auto good = card.restore_pcm(in);
    if (good) return {};
    auto error = good.error();
    error.where = path + ": " + error.where;
    return error;
}

/// Written aside and renamed, so that an interrupted run leaves the old state whole.
Status save_pcm(Card& card, const std::string& path)
{
    if (path.empty()) return {};
    const std::string aside = path + ".new";
    std::ofstream out(aside, std::ios::binary | std::ios::trunc);
    if (!out) return Error{"cannot write the PCM state", aside, std::strerror(errno)};
    if (auto good = card.save_pcm(out); !good) return good;
    out.close();
    std::error_code failure;
    if (!out.fail()) std::filesystem::rename(aside, path, failure);
    if (out.fail() || failure) return Error{"cannot write the PCM state", path, failure.message()};
    return {};
}

Status drive(const RunRequest& request, const Prepared& prepared, Card& card, host::InProcessHost& host,
             Progress& progress, SessionResult& result)
{
    if (auto good = restore_pcm(card, request.pcm_state); !good) return good;
    if (auto good = host.power_on(); !good) return good;
    auto driver = driver::Driver::bring_up(host);
    if (!driver) return driver.error();
    driver::RunnerOptions options;
    options.progress = [&](const char* stage, std::uint64_t done, std::uint64_t total) {
        progress.update(stage, done, total);
    };
    driver::ProgramRunner runner(**driver, prepared.program, options);
    if (auto good = runner.load(); !good) return good;
    if (request.age > 0) {
        if (auto good = card.age(request.age); !good) return good;
    }
    result.setup_end = report::mark(card.ledger(), card.counters());

    auto buffers = output_buffers(prepared.program, prepared.inputs.count);
    std::vector<std::uint8_t*> outputs;
    for (auto& buffer : buffers) outputs.push_back(buffer.data());
    const auto times = runner.run({prepared.codes.data()}, outputs, prepared.inputs.count);
    if (!times) return times.error();
    result.outputs = std::move(buffers[0]);
    result.ledger = card.ledger();
    result.counters = card.counters();
    if (!request.pcm_state.empty() && !host.drain())
        return Error{"the card is still busy", "--pcm-state", "its state was not saved"};
    return save_pcm(card, request.pcm_state);
}

}  // namespace

Result<SessionResult> run_session(const RunRequest& request, const Prepared& prepared, std::ostream* trace,
                                  Progress& progress)
{
    const auto start = std::chrono::steady_clock::now();
    SessionResult result;
    Card card("card", request.config);
    host::InProcessHost host("host", host::endpoint_of(card));
    std::unique_ptr<report::PerfettoWriter> timeline;
    if (trace != nullptr) {
        timeline = std::make_unique<report::PerfettoWriter>(*trace, layer_names(prepared.program));
        card.activity().attach(*timeline);
    }
    const auto driven = drive(request, prepared, card, host, progress, result);
    if (timeline) {
        card.activity().detach(*timeline);
        timeline->power(card.ledger());
        timeline->finish();
    }
    if (!driven) return driven.error();
    result.guest_errors = card.diagnostics().count(Severity::guest_error);
    result.wall_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result;
}

}  // namespace lightcard::cli
