// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/digital_engines.h"

#include <algorithm>
#include <stdexcept>

#include "lightcard/model/control_chip/post_process.h"
#include "lightcard/model/control_chip/vector_ops.h"
#include "lightcard/model/control_chip/window.h"

namespace lightcard::control_chip {

namespace {

void require_sram(std::initializer_list<std::uint64_t> pointers)
{
    for (const auto pointer : pointers) {
        if (LC_PTR_SPACE(pointer) != LC_SPACE_SRAM) throw std::out_of_range("engines work on the scratchpad");
    }
}

struct Work {
    std::uint64_t items, rate, bits;
    Picoseconds issue;
};

/// Books a digital command and returns the end of its work.
Picoseconds book(EngineContext& context, Task& task, const Work& work, AccountId account)
{
    const auto start = context.services.now() + work.issue;
    const auto computed = start + duration_of(work.items, work.rate);
    const auto slot = context.memories.sram().traffic(start, work.bits, task.cause());
    const auto end = std::max(computed, slot.end);
    auto& queue = context.scheduler.engine(task.engine);
    if (slot.end > computed) queue.waits.add("sram", slot.end - computed);
    queue.items += work.items;
    context.services.ledger.charge(account, work.items, start, end, task.cause());
    auto& layer = context.counts.layer(task);
    layer.last = std::max(layer.last, end);
    task.ends = end;
    context.timeline.at(end, Due::finish, task.id);
    return end;
}

}  // namespace

VectorUnit::VectorUnit(EngineContext context) : context_(context)
{
    account_ = context.services.ledger.open({"control_chip.vector", Category::digital, "element",
                                             context.parameters.vector_energy, Scope::core, true,
                                             "card.control.vector_energy"});
    track_ = context.services.activity.open("control_chip.vector");
}

void VectorUnit::start(Task& task)
{
    const auto& op = task.command.vector();
    const bool second = op.kind == LC_VEC_ADD || op.kind == LC_VEC_MUL;
    require_sram({op.in.base, op.out.base, second ? op.in2.base : op.out.base, op.table == 0 ? op.out.base : op.table});
    if (context_.services.run.computes()) run_vector(op, context_.memories.sram().data());
    const auto elements = vector_elements(op);
    const auto end = book(
        context_, task,
        {elements, context_.parameters.vector_rate, vector_bytes(op) * 8, context_.parameters.vector_issue}, account_);
    context_.counts.layer(task).vector_elements += elements;
    if (context_.services.activity.enabled()) {
        context_.services.activity.span(track_, "VECTOR", task.started, end, task.cause().layer, elements);
    }
}

DigitalMacEngine::DigitalMacEngine(EngineContext context) : context_(context)
{
    account_ = context.services.ledger.open({"control_chip.digital_mac", Category::digital, "mac",
                                             context.parameters.digital_mac_energy, Scope::core, true,
                                             "card.control.digital_mac_energy"});
    track_ = context.services.activity.open("control_chip.digital_mac");
}

void DigitalMacEngine::start(Task& task)
{
    const auto& op = task.command.gemm();
    const bool windowed = (op.flags & LC_GEMM_WINDOW) != 0;
    require_sram({windowed ? op.in.base : op.a, op.b, op.out, op.post == 0 ? op.out : op.post});
    if (context_.services.run.computes()) run_gemm(op, context_.memories.sram().data());
    const std::uint64_t batches = gemm_matrices(op);
    const std::uint64_t macs = gemm_work(op);
    // Operands are read once into the array's registers, results written once; of a window each vector, overlaps anew.
    const auto bytes = batches * (static_cast<std::uint64_t>(op.m) * op.k * element_bytes(op.a_format) +
                                  static_cast<std::uint64_t>(op.n) * op.k * element_bytes(op.b_format) +
                                  static_cast<std::uint64_t>(op.m) * op.n * element_bytes(op.out_format));
    const auto end =
        book(context_, task,
             {macs, context_.parameters.digital_mac_rate, bytes * 8, context_.parameters.digital_mac_issue}, account_);
    context_.counts.layer(task).macs += macs;
    if (context_.services.activity.enabled()) {
        context_.services.activity.span(track_, "GEMM", task.started, end, task.cause().layer, macs);
    }
}

}  // namespace lightcard::control_chip
