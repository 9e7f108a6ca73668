// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/driver/state_runner.h"

#include <algorithm>
#include <cstring>

#include "lightcard/platform/driver/commands.h"

namespace lightcard::driver {
namespace {

constexpr std::uint64_t kAlign = 4096;

std::uint64_t aligned(std::uint64_t bytes)
{
    return (bytes + kAlign - 1) / kAlign * kAlign;
}

RunnerOptions one_at_a_time(RunnerOptions options)
{
    options.depth = 1;
    return options;
}

}  // namespace

StateRunner::StateRunner(Device& device, const Program& program, std::vector<KeptTensor> kept, RunnerOptions options)
    : device_(&device),
      program_(&program),
      kept_(std::move(kept)),
      options_(one_at_a_time(std::move(options))),
      runner_(device, program, options_),
      queue_(std::min(options_.queue, device.queues() - 1))
{
}

/// Pieces lie inside their tensors.
Status StateRunner::check_kept() const
{
    const Error misfit{"a kept tensor does not fit its input and output", "network '" + program_->network + "'", ""};
    if (program_->batch != 1) return Error{"a program of several images", misfit.where, "batch 1"};
    for (const KeptTensor& kept : kept_) {
        if (kept.input >= program_->inputs.size() || kept.output >= program_->outputs.size()) return misfit;
        const std::uint64_t in = program_->inputs[kept.input].bytes_per_image;
        const std::uint64_t out = program_->outputs[kept.output].bytes_per_image;
        if (kept.rows == 0 || kept.bytes == 0 || kept.bytes > in || kept.input_stride > in || kept.output_stride > out)
            return misfit;
        const std::uint64_t rows = kept.rows - std::uint64_t{1};
        if (rows * kept.input_stride + kept.bytes > in) return misfit;
        if (kept.output_offset > out || rows * kept.output_stride + kept.output_offset + kept.bytes > out)
            return misfit;
    }
    return {};
}

Status StateRunner::clear(std::uint64_t pointer, std::uint64_t bytes)
{
    auto zeros = DmaMemory::allocate(device_->memory(), bytes);
    if (!zeros) return zeros.error();
    std::memset(zeros->host(), 0, bytes);
    const auto done =
        device_->run_on(queue_, make_copy(pointer, host_pointer(zeros->bus()), static_cast<std::uint32_t>(bytes)),
                        nullptr, options_.timeout);
    return done ? Status{} : done.error();
}

/// Kept tensors behind the weights, all others in host memory.
Status StateRunner::place_kept()
{
    std::uint64_t next = aligned(program_->dram_base + program_->weight_bytes());
    input_pointers_.assign(program_->inputs.size(), 0);
    output_pointers_.assign(program_->outputs.size(), 0);
    for (const KeptTensor& kept : kept_) {
        const std::uint64_t in = program_->inputs[kept.input].bytes_per_image;
        input_pointers_[kept.input] = dram_pointer(next);
        if (next + in > device_->identity().dram_bytes)
            return Error{"no room for kept tensors in card DRAM", "network '" + program_->network + "'", ""};
        if (const Status cleared = clear(input_pointers_[kept.input], in); !cleared) return cleared;
        next = aligned(next + in);
        output_pointers_[kept.output] = dram_pointer(next);
        next = aligned(next + program_->outputs[kept.output].bytes_per_image);
    }
    if (next > device_->identity().dram_bytes)
        return Error{"no room for kept tensors in card DRAM", "network '" + program_->network + "'", ""};
    const auto hold = [this](const std::vector<ProgramTensor>& tensors, std::vector<std::uint64_t>& pointers,
                             std::vector<DmaMemory>& memories) -> Status {
        memories.clear();
        for (std::size_t i = 0; i < tensors.size(); ++i) {
            memories.emplace_back();
            if (pointers[i] != 0) continue;
            auto memory = DmaMemory::allocate(device_->memory(), tensors[i].bytes_per_image);
            if (!memory) return memory.error();
            memories.back() = std::move(*memory);
            pointers[i] = host_pointer(memories.back().bus());
        }
        return {};
    };
    if (const Status held = hold(program_->inputs, input_pointers_, inputs_); !held) return held;
    return hold(program_->outputs, output_pointers_, outputs_);
}

Status StateRunner::load()
{
    if (const Status fits = check_kept(); !fits) return fits;
    if (const Status ready = runner_.load(); !ready) return ready;
    if (const Status placed = place_kept(); !placed) return placed;
    const std::size_t bytes = program_->commands.size() * sizeof(lc_record);
    auto commands = DmaMemory::allocate(device_->memory(), bytes);
    if (!commands) return commands.error();
    std::memcpy(commands->host(), program_->commands.data(), bytes);
    commands_ = std::move(*commands);
    loaded_ = true;
    return {};
}

Status StateRunner::in_place(const std::vector<std::vector<std::uint8_t>>& inputs)
{
    if (!loaded_) return Error{"the program is not loaded", "network '" + program_->network + "'", "load() first"};
    if (inputs.size() != program_->inputs.size())
        return Error{"wrong number of inputs", "network '" + program_->network + "'", ""};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (inputs_[i].host() == nullptr) continue;
        if (inputs[i].size() != inputs_[i].bytes())
            return Error{std::to_string(inputs[i].size()) + " bytes", "tensor '" + program_->inputs[i].name + "'",
                         std::to_string(inputs_[i].bytes()) + " bytes"};
        std::memcpy(inputs_[i].host(), inputs[i].data(), inputs[i].size());
    }
    return {};
}

Result<ExecTime> StateRunner::step(const std::vector<std::vector<std::uint8_t>>& inputs, std::uint32_t position,
                                   std::vector<std::vector<std::uint8_t>>& outputs)
{
    if (const Status placed = in_place(inputs); !placed) return placed.error();
    lc_exec_op exec = make_exec(host_pointer(commands_.bus()), static_cast<std::uint32_t>(program_->commands.size()));
    for (std::size_t i = 0; i < input_pointers_.size(); ++i) exec.args[program_->inputs[i].arg] = input_pointers_[i];
    for (std::size_t i = 0; i < output_pointers_.size(); ++i) exec.args[program_->outputs[i].arg] = output_pointers_[i];
    lc_sqe sqe = make_command(LC_OP_EXEC);
    sqe.context = options_.context;
    const auto ticket = device_->submit_to(queue_, sqe, &exec);
    if (!ticket) return ticket.error();
    const auto done = device_->wait_for(queue_, *ticket, options_.timeout);
    if (!done) return done.error();
    if (!done->ok()) return to_error(*done, program_->commands.data(), program_->commands.size());
    ExecTime time{done->submitted, done->completed, 1};
    for (const KeptTensor& kept : kept_) {
        const std::uint64_t offset = std::uint64_t{position} * kept.bytes;
        const std::uint64_t in = program_->inputs[kept.input].bytes_per_image;
        if (offset + (kept.rows - std::uint64_t{1}) * kept.input_stride + kept.bytes > in)
            return Error{"position " + std::to_string(position), "tensor '" + program_->inputs[kept.input].name + "'",
                         "the context is full"};
        const lc_sqe copy =
            make_copy_2d(input_pointers_[kept.input] + offset, kept.input_stride,
                         output_pointers_[kept.output] + kept.output_offset, kept.output_stride, kept.bytes, kept.rows);
        const auto copied = device_->run_on(queue_, copy, nullptr, options_.timeout);
        if (!copied) return copied.error();
        time.completed = std::max(time.completed, copied->completed);
    }
    outputs.resize(outputs_.size());
    for (std::size_t i = 0; i < outputs_.size(); ++i)
        if (outputs_[i].host() != nullptr)
            outputs[i].assign(outputs_[i].host(), outputs_[i].host() + outputs_[i].bytes());
    return time;
}

}  // namespace lightcard::driver
