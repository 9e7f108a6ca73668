// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/driver/program_runner.h"

#include <algorithm>
#include <cstring>
#include <deque>

#include "lightcard/platform/driver/commands.h"

namespace lightcard::driver {
namespace {

/// EXEC timed out or the card stopped: named with the program's network.
Error in_network(Error error, const Program& program)
{
    error.where = "network '" + program.network + "': " + error.where;
    return error;
}

}  // namespace

ProgramTarget target_of(const lc_identify& card)
{
    ProgramTarget target;
    target.n = card.n;
    target.cores = card.cores;
    target.banks = card.banks;
    target.level_bits = card.level_bits;
    target.numerics = 0;  // int8 is all there is in this interface version
    target.sram_bytes = card.sram_bytes;
    target.dram_bytes = card.dram_bytes;
    return target;
}

ProgramRunner::ProgramRunner(Device& device, const Program& program, RunnerOptions options)
    : device_(&device),
      queue_(std::min(options.queue, device.queues() - 1)),
      program_(&program),
      options_(std::move(options))
{
    options_.depth = std::max(1u, options_.depth);
}

Status ProgramRunner::load()
{
    if (auto status = check_target(*program_, target_of(device_->identity())); !status) return status;
    for (const auto* tensors : {&program_->inputs, &program_->outputs})
        for (const auto& tensor : *tensors)
            if (tensor.arg >= LC_ARGS)
                return Error{"argument " + std::to_string(tensor.arg), "tensor '" + tensor.name + "'", "0 to 7"};
    if (program_->commands.empty() || program_->batch == 0)
        return Error{"the program has no commands", "network '" + program_->network + "'", ""};
    if (auto status = load_weights(); !status) return status;
    if (auto status = run_setup(); !status) return status;
    auto commands = stage_records(program_->commands);
    if (!commands) return commands.error();
    commands_ = std::move(*commands);
    if (auto status = make_slots(); !status) return status;
    loaded_ = true;
    return {};
}

Status ProgramRunner::load_weights()
{
    const std::uint64_t total = program_->weight_bytes();
    if (total == 0) return {};
    std::uint64_t chunk = std::max(1u, options_.copy_chunk);
    if (device_->identity().max_transfer != 0) chunk = std::min(chunk, device_->identity().max_transfer);
    chunk = std::min(chunk, total);
    auto memory = DmaMemory::allocate(device_->memory(), chunk);
    if (!memory) return memory.error();
    for (std::uint64_t offset = 0; offset < total; offset += chunk) {
        const auto bytes = static_cast<std::uint32_t>(std::min(chunk, total - offset));
        if (options_.data) std::memcpy(memory->host(), program_->weight_data() + offset, bytes);
        lc_sqe copy = make_copy(dram_pointer(program_->dram_base + offset), host_pointer(memory->bus()), bytes);
        copy.context = options_.context;
        auto done = device_->run_on(queue_, copy, nullptr, options_.timeout);
        if (!done) return in_network(done.error(), *program_);
        tell("load", offset + bytes, total);
    }
    return {};
}

Status ProgramRunner::run_setup()
{
    if (program_->setup.empty()) return {};
    auto records = stage_records(program_->setup);
    if (!records) return records.error();
    const auto count = static_cast<std::uint32_t>(program_->setup.size());
    const lc_exec_op operands = make_exec(host_pointer(records->bus()), count);
    auto ticket = device_->submit_to(queue_, exec_command(), &operands);
    if (!ticket) return ticket.error();
    auto done = device_->wait_for(queue_, *ticket, options_.timeout);
    if (!done) return in_network(done.error(), *program_);
    if (!done->ok()) return in_network(to_error(*done, program_->setup.data(), program_->setup.size()), *program_);
    tell("setup", count, count);
    return {};
}

Result<DmaMemory> ProgramRunner::stage_records(const std::vector<lc_record>& records)
{
    auto memory = DmaMemory::allocate(device_->memory(), records.size() * sizeof(lc_record));
    if (memory) std::memcpy(memory->host(), records.data(), records.size() * sizeof(lc_record));
    return memory;
}

Status ProgramRunner::make_slots()
{
    slots_.clear();
    slots_.resize(options_.depth);
    for (auto& slot : slots_) {
        for (const auto* tensors : {&program_->inputs, &program_->outputs})
            for (const auto& tensor : *tensors) {
                auto memory = DmaMemory::allocate(device_->memory(), tensor.bytes_per_image * program_->batch);
                if (!memory) return memory.error();
                (tensors == &program_->inputs ? slot.inputs : slot.outputs).push_back(std::move(*memory));
            }
    }
    return {};
}

Result<std::vector<ExecTime>> ProgramRunner::run(const std::vector<const std::uint8_t*>& inputs,
                                                 const std::vector<std::uint8_t*>& outputs, std::uint64_t images)
{
    if (!loaded_) return Error{"the program is not loaded", "network '" + program_->network + "'", "load() first"};
    if (inputs.size() != program_->inputs.size() || outputs.size() != program_->outputs.size())
        return Error{"wrong number of tensors", "network '" + program_->network + "'",
                     std::to_string(program_->inputs.size()) + " inputs, " + std::to_string(program_->outputs.size()) +
                         " outputs"};
    std::vector<ExecTime> times;
    std::deque<Slot*> running;
    // On an error the rest is still collected: the card must not write into buffers that were given up.
    Status failed;
    std::uint64_t next = 0, done = 0;
    for (std::size_t turn = 0; next < images || !running.empty();) {
        while (failed.ok() && next < images && running.size() < slots_.size()) {
            Slot& slot = slots_[turn++ % slots_.size()];
            const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(program_->batch, images - next));
            fill(slot, inputs, next, count);
            if (failed = start(slot); failed.ok()) running.push_back(&slot);
            next += count;
        }
        if (running.empty()) break;
        auto time = finish(*running.front(), outputs);
        running.pop_front();
        if (!time && failed.ok()) failed = time.error();
        if (!time || !failed.ok()) {
            next = images;
            continue;
        }
        times.push_back(*time);
        done += time->images;
        tell("run", done, images);
    }
    if (!failed) return in_network(failed.error(), *program_);
    return times;
}

void ProgramRunner::fill(Slot& slot, const std::vector<const std::uint8_t*>& inputs, std::uint64_t first,
                         std::uint32_t images)
{
    slot.first_image = first;
    slot.images = images;
    for (std::size_t i = 0; i < slot.inputs.size(); ++i) {
        if (!options_.data) continue;
        const std::uint64_t size = program_->inputs[i].bytes_per_image;
        std::memcpy(slot.inputs[i].host(), inputs[i] + first * size, images * size);
        std::memset(slot.inputs[i].host() + images * size, 0, (program_->batch - images) * size);
    }
}

Status ProgramRunner::start(Slot& slot)
{
    lc_exec_op operands =
        make_exec(host_pointer(commands_.bus()), static_cast<std::uint32_t>(program_->commands.size()));
    for (std::size_t i = 0; i < slot.inputs.size(); ++i)
        operands.args[program_->inputs[i].arg] = host_pointer(slot.inputs[i].bus());
    for (std::size_t i = 0; i < slot.outputs.size(); ++i)
        operands.args[program_->outputs[i].arg] = host_pointer(slot.outputs[i].bus());
    auto ticket = device_->submit_to(queue_, exec_command(), &operands);
    if (!ticket) return ticket.error();
    slot.ticket = *ticket;
    return {};
}

Result<ExecTime> ProgramRunner::finish(Slot& slot, const std::vector<std::uint8_t*>& outputs)
{
    auto done = device_->wait_for(queue_, slot.ticket, options_.timeout);
    if (!done) return done.error();
    if (!done->ok()) return to_error(*done, program_->commands.data(), program_->commands.size());
    for (std::size_t i = 0; i < slot.outputs.size(); ++i) {
        if (!options_.data) continue;
        const std::uint64_t size = program_->outputs[i].bytes_per_image;
        std::memcpy(outputs[i] + slot.first_image * size, slot.outputs[i].host(), slot.images * size);
    }
    return ExecTime{done->submitted, done->completed, slot.images};
}

lc_sqe ProgramRunner::exec_command() const
{
    lc_sqe sqe = make_command(LC_OP_EXEC);
    sqe.context = options_.context;
    return sqe;
}

void ProgramRunner::tell(const char* stage, std::uint64_t done, std::uint64_t total) const
{
    if (options_.progress) options_.progress(stage, done, total);
}

}  // namespace lightcard::driver
