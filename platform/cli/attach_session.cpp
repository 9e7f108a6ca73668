// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/attach_session.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "lightcard/platform/driver/driver.h"
#include "lightcard/platform/driver/program_runner.h"
#include "lightcard/platform/vfio_user/client_transport.h"

namespace lightcard::cli {

namespace {

/// Bits are promised for equal configurations only, and the compiler has worked for this one.
Status same_card(const driver::Driver& driver, const RunRequest& request)
{
    const auto& id = driver.identity();
    const std::string served(id.config_hash, strnlen(id.config_hash, sizeof id.config_hash));
    if (served == request.config.hash) return {};
    return Error{
        "the served card has configuration " + served + ", the network was compiled for " + request.config.hash,
        request.attach, "serve and run with the same card and the same --set, --fidelity and --seed"};
}

}  // namespace

Result<AttachedResult> run_attached(const RunRequest& request, const Prepared& prepared, Progress& progress)
{
    const auto start = std::chrono::steady_clock::now();
    auto client = vfio_user::ClientTransport::attach(request.attach);
    if (!client) return client.error();
    auto driver = driver::Driver::bring_up(**client);
    if (!driver) return driver.error();
    if (auto same = same_card(**driver, request); !same) return same.error();

    driver::RunnerOptions options;
    options.progress = [&](const char* stage, std::uint64_t done, std::uint64_t total) {
        progress.update(stage, done, total);
    };
    driver::ProgramRunner runner(**driver, prepared.program, options);
    if (auto good = runner.load(); !good) return good.error();
    std::vector<std::vector<std::uint8_t>> buffers;
    std::vector<std::uint8_t*> outputs;
    for (const auto& tensor : prepared.program.outputs) {
        buffers.emplace_back(tensor.bytes_per_image * prepared.inputs.count);
        outputs.push_back(buffers.back().data());
    }
    const auto times = runner.run({prepared.codes.data()}, outputs, prepared.inputs.count);
    if (!times) return times.error();
    if (auto down = (*driver)->shutdown(); !down) return down.error();

    AttachedResult result;
    result.outputs = std::move(buffers[0]);
    if (!times->empty()) {
        Picoseconds last = 0;
        for (const auto& time : *times) last = std::max(last, time.completed);
        result.card_time = last - times->front().submitted;
    }
    result.wall_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result;
}

}  // namespace lightcard::cli
