// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/weight_writer.h"

#include <algorithm>

#include "lightcard/model/common/transactions.h"

namespace lightcard::control_chip {

namespace {
/// Byte offsets of fields, as completions name them.
constexpr std::uint32_t kWeightIdField = 8;
}  // namespace

void WeightWriter::send(ProgramTransaction& work)
{
    tlm::tlm_generic_payload payload;
    const ExtensionLoan loan(payload, work);
    auto delay = sc_core::SC_ZERO_TIME;
    pcm_->b_transport(payload, delay);
}

void WeightWriter::start(Task& task)
{
    const auto& op = task.command.program();
    ProgramTransaction work;
    work.bank = op.bank;
    work.weight_id = task.command.sqe.weight_id;
    work.rows = op.rows;
    work.cols = op.cols;
    work.cause = task.cause();
    auto ready = context_.services.now();
    if (op.weights != 0 || task.command.opcode == LC_OP_PROGRAM_WEIGHTS) {
        const std::size_t stride = op.row_stride == 0 ? op.rows : op.row_stride;
        const bool computes = context_.services.run.computes();
        if (computes) work.weights.resize(static_cast<std::size_t>(op.rows) * op.cols);
        for (std::uint32_t col = 0; computes && col < op.cols; ++col) {
            auto* row = reinterpret_cast<std::uint8_t*>(work.weights.data()) + static_cast<std::size_t>(col) * op.rows;
            context_.memories.peek(op.weights + col * stride, row, op.rows);
        }
        // One burst: DRAM moves the whole block, strides included.
        const auto block = (op.cols - 1) * stride + op.rows;
        if (computes) block_.resize(block);
        ready = context_.memories.read(op.weights, block_.data(), block, ready, task.cause());
    }
    if (context_.services.run.computes()) work.adc_range.resize(op.cols);
    if (op.adc_range != 0) {
        ready = context_.memories.read(op.adc_range, work.adc_range.data(), op.cols * 4ull, ready, task.cause());
    }
    work.start = ready;
    if (task.command.opcode == LC_OP_PROGRAM_WEIGHTS) {
        program(task, work);
    } else {
        verify(task, work);
    }
}

void WeightWriter::program(Task& task, ProgramTransaction& work)
{
    work.kind = ProgramTransaction::Kind::begin;
    send(work);
    task.ends = work.end;
    context_.timeline.at(task.ends, Due::finish, task.id);
}

void WeightWriter::verify(Task& task, ProgramTransaction& work)
{
    work.kind = ProgramTransaction::Kind::verify;
    send(work);
    task.result = work.cells;
    if (work.empty) {
        task.fail(LC_SC_NO_WEIGHTS, LC_FAIL(LC_FAIL_SELF, 66));
    } else if (!work.found) {
        task.fail(LC_SC_WEIGHT_MISMATCH, LC_FAIL(LC_FAIL_SELF, kWeightIdField));
    } else if (work.cells > 0) {
        task.status = LC_SC_VERIFY_FAILED;
    } else if (work.worn_out) {
        task.status = LC_SC_WORN_OUT;
    }
    task.ends = work.end;
    context_.timeline.at(task.ends, Due::finish, task.id);
}

void WeightWriter::finish(Task& task)
{
    auto& layer = context_.counts.layer(task);
    layer.last = std::max(layer.last, context_.services.now());
    if (task.command.opcode != LC_OP_PROGRAM_WEIGHTS || task.aborting) return;
    ProgramTransaction work;
    work.kind = ProgramTransaction::Kind::commit;
    work.bank = task.command.program().bank;
    send(work);
    task.result = work.cells;
    task.worn_out = work.worn_out;
    if (work.worn_out) task.status = LC_SC_WORN_OUT;
    if (work.failed) task.status = LC_SC_VERIFY_FAILED;
    ++layer.tile_loads;
    layer.cell_writes += work.cells;
    context_.scheduler.engine(task.engine).items += work.cells;
}

void WeightWriter::abandon(Task& task, ProgramTransaction& work)
{
    work.kind = ProgramTransaction::Kind::abandon;
    work.bank = task.command.program().bank;
    work.start = context_.services.now();
    send(work);
    context_.counts.layer(task).cell_writes += work.cells;
}

bool WeightWriter::abort(Task& task)
{
    if (task.command.opcode != LC_OP_PROGRAM_WEIGHTS || context_.services.now() >= task.ends) return false;
    ProgramTransaction work;
    abandon(task, work);
    task.fail(LC_SC_ABORTED, work.cells);
    task.ends = work.end;
    context_.timeline.at(std::max(work.end, context_.services.now()), Due::finish, task.id);
    return true;
}

void WeightWriter::drop(Task& task)
{
    if (task.command.opcode != LC_OP_PROGRAM_WEIGHTS || task.aborting) return;
    ProgramTransaction work;
    abandon(task, work);
}

}  // namespace lightcard::control_chip
