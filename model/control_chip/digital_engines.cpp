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

/// Posts the numbers of a command: `parts` of it, which are a job in pieces if they are apart from each other. `work`
/// is what the command costs, all together.
template <class Op, class Run>
void post(EngineContext& context, const Task& task, const Op& op, Accesses accesses, std::uint64_t parts,
          std::uint64_t work, Run run)
{
    constexpr std::uint64_t kLeastWork = 1 << 14, kChunksAThread = 4;
    const auto threads = context.jobs.threads();
    const auto wanted = threads < 2 || !accesses.parts_apart()
                            ? 1
                            : std::min<std::uint64_t>({parts, work / kLeastWork, threads * kChunksAThread});
    const auto size = (parts + std::max<std::uint64_t>(1, wanted) - 1) / std::max<std::uint64_t>(1, wanted);
    NumericJobs::Job job;
    job.chunks = static_cast<std::uint32_t>((parts + size - 1) / size);
    job.reads = std::move(accesses.reads);
    job.writes.push_back(accesses.writes);
    job.origin = {task.sq, task.cid, task.record};
    job.work = [op, run, size, parts, sram = context.memories.sram().data()](std::uint32_t chunk) {
        run(op, chunk * size, std::min(parts, (chunk + 1) * size), sram);
    };
    context.jobs.post(std::move(job));
}

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
    const auto elements = vector_elements(op);
    if (context_.services.run.computes()) {
        auto accesses = accesses_of(op);
        if (op.kind == LC_VEC_GATHER) {  // may fail by what it reads
            context_.jobs.before(accesses.reads, accesses.writes);
            check_gather(op, context_.memories.sram().data());
            run_vector(op, 0, vector_positions(op), context_.memories.sram().data());
        } else {
            post(context_, task, op, std::move(accesses), vector_positions(op), elements, run_vector);
        }
    }
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
    const std::uint64_t batches = gemm_matrices(op);
    const std::uint64_t macs = gemm_work(op);
    if (context_.services.run.computes()) {
        if (op.post != 0) context_.memories.look_at_sram(op.post, gemm_constants(op));
        check_gemm(op, context_.memories.sram().data());
        post(context_, task, op, accesses_of(op), gemm_rows(op), macs, run_gemm);
    }
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
