// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/session.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <ostream>

#include "lightcard/model/card/card.h"
#include "lightcard/platform/driver/driver.h"
#include "lightcard/platform/driver/program_runner.h"
#include "lightcard/platform/host/in_process_host.h"
#include "lightcard/platform/report/perfetto.h"
#include "lightcard/platform/report/units.h"

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

/// J of an account category and of the card since `before`, as the ledger has it.
double joules_since(const report::Mark& before, const Ledger& now, std::initializer_list<Category> categories)
{
    double sum = 0;
    for (std::size_t i = 0; i < now.accounts().size(); ++i) {
        const auto& account = now.accounts()[i];
        if (std::find(categories.begin(), categories.end(), account.spec.category) != categories.end())
            sum += static_cast<double>(account.count - before.counts[i]) * account.spec.joules_per_count;
    }
    return sum;
}

/// Calibrates every core; what it took is a note of the report, and stands in the set-up part of the ledger.
Status compensate(const RunRequest& request, Card& card, host::InProcessHost& host, driver::Driver& driver,
                  SessionResult& result)
{
    if (request.compensate == 0) return {};
    if (!host.drain()) return Error{"the card is still busy", "--compensate", ""};
    const auto before = report::mark(card.ledger(), card.counters());
    std::uint64_t banks = 0;
    for (std::uint32_t core = 0; core < request.config.cores; ++core) {
        const auto done = driver.calibrate(core, LC_CAL_EVERY_BANK, request.compensate);
        if (!done) return done.error();
        banks += done->result;
    }
    const auto after = card.counters();
    const double seconds = static_cast<double>(after.calibrating - before.counters.calibrating) * 1e-12;
    result.notes.push_back(
        "Compensation measured " + std::to_string(banks) + " banks in " + report::si(seconds, "s") + ": " +
        report::si(joules_since(before, card.ledger(), {Category::calibration}), "J") + " of converters, and " +
        report::si(joules_since(before, card.ledger(), {Category::laser, Category::modulator, Category::bank_switch}),
                   "J") +
        " of laser, modulator tuning and bank switches while it ran and the laser was held.");
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
    options.data = !request.timing_only;
    // Billions of weights are written for minutes; nobody waits for a card that takes time alone.
    if (request.timing_only) options.timeout = 24 * 3600 * kSecond;
    driver::ProgramRunner runner(**driver, prepared.program, options);
    if (auto good = runner.load(); !good) return good;
    if (request.age > 0) {
        if (!host.drain()) return Error{"the card is still busy", "--age", ""};
        if (auto good = card.age(request.age); !good) return good;
    }
    if (auto good = compensate(request, card, host, **driver, result); !good) return good;
    result.setup_end = report::mark(card.ledger(), card.counters());

    auto buffers = output_buffers(prepared.program, request.timing_only ? 0 : prepared.inputs.count);
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
    for (const auto& entry : request.scenario.faults)
        if (auto put = card.inject(entry.fault, entry.start); !put) return put.error();
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
