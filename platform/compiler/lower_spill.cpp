// SPDX-License-Identifier: Apache-2.0
/// Activation spill: tensors that wait long for their next reader leave the scratchpad for card memory meanwhile.
#include <algorithm>
#include <limits>

#include "lightcard/platform/compiler/lower_plan.h"

namespace lightcard::compiler::lowering {
namespace {

/// A tensor between two uses in turn, node numbers; the nodes between them do not touch it.
struct Gap {
    int node = 0, from = 0, to = 0;
};

using Uses = std::vector<std::vector<int>>;  ///< a node each: where its tensor is touched, in order

/// Its own node (-1: an input), its readers, and the end for outputs.
Uses uses_of(const Plan& plan)
{
    const auto& nodes = plan.graph.nodes;
    Uses uses(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        uses[i].push_back(nodes[i].op == QuantOp::input ? -1 : static_cast<int>(i));
        for (const int input : nodes[i].inputs) {
            auto& of_input = uses[static_cast<std::size_t>(input)];
            if (of_input.back() != static_cast<int>(i)) of_input.push_back(static_cast<int>(i));
        }
    }
    for (const int output : plan.graph.outputs) {
        auto& of_output = uses[static_cast<std::size_t>(output)];
        if (of_output.back() != static_cast<int>(nodes.size())) of_output.push_back(static_cast<int>(nodes.size()));
    }
    // What shares a buffer stays (a view, another name), and so does a constant.
    std::vector<std::size_t> sharers(plan.buffers.size(), 0);
    for (const int buffer : plan.tensor_buffer) ++sharers[static_cast<std::size_t>(buffer)];
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const auto buffer = static_cast<std::size_t>(plan.tensor_buffer[i]);
        if (sharers[buffer] > 1 || plan.buffers[buffer].fixed) uses[i].clear();
    }
    return uses;
}

/// Bytes of the scratchpad that are alive at each node, from -1 (entry 0) to the end.
std::vector<std::uint64_t> live_bytes(const Plan& plan)
{
    std::vector<std::uint64_t> live(plan.graph.nodes.size() + 2, 0);
    for (const Buffer& buffer : plan.buffers) {
        if (buffer.memory || buffer.fixed) continue;
        for (int at = buffer.first; at <= buffer.last; ++at) live[static_cast<std::size_t>(at + 1)] += buffer.bytes;
    }
    return live;
}

/// Largest tensor that is alive but idle at `at`, in a gap that is not spilled yet; bytes 0: none.
std::pair<Gap, std::uint64_t> largest_idle(const Plan& plan, const Uses& all_uses, int at)
{
    std::pair<Gap, std::uint64_t> best;
    for (std::size_t i = 0; i < plan.graph.nodes.size(); ++i) {
        const int node = static_cast<int>(i);
        const Buffer& buffer = plan.buffers[static_cast<std::size_t>(plan.tensor_buffer[i])];
        const auto& uses = all_uses[i];
        for (std::size_t k = 0; k + 1 < uses.size(); ++k) {
            if (uses[k] >= at || uses[k + 1] <= at) continue;
            const bool spilled = std::any_of(plan.spills.begin(), plan.spills.end(), [&](const Spill& spill) {
                return spill.node == node && spill.after == uses[k];
            });
            if (!spilled && buffer.bytes > best.second) best = {{node, uses[k], uses[k + 1]}, buffer.bytes};
        }
    }
    return best;
}

/// The buffer of a tensor that covers use `at`.
int buffer_at(const Plan& plan, int node, int at)
{
    int buffer = plan.tensor_buffer[static_cast<std::size_t>(node)];
    for (const Spill& spill : plan.spills)
        if (spill.node == node && spill.before <= at) buffer = spill.restored;
    return buffer;
}

void add_spill(Plan& plan, const Gap& gap)
{
    Spill spill;
    spill.node = gap.node;
    spill.after = gap.from;
    spill.before = gap.to;
    spill.saved = buffer_at(plan, gap.node, gap.from);
    Buffer& held = plan.buffers[static_cast<std::size_t>(spill.saved)];
    Buffer restored = held, memory = held;
    restored.first = gap.to;
    held.last = gap.from;
    memory.memory = true;
    memory.first = gap.from;
    memory.last = gap.to;
    memory.name += " in card memory";
    memory.offset = plan.memory_used;
    plan.memory_used += memory.bytes;
    spill.restored = static_cast<int>(plan.buffers.size());
    plan.buffers.push_back(restored);
    spill.memory = static_cast<int>(plan.buffers.size());
    plan.buffers.push_back(memory);
    // A later spill of the same tensor saves what this one restores.
    for (Spill& later : plan.spills)
        if (later.node == gap.node && later.saved == spill.saved && later.after >= gap.to) later.saved = spill.restored;
    plan.spills.push_back(spill);
    std::stable_sort(plan.spills.begin(), plan.spills.end(),
                     [](const Spill& a, const Spill& b) { return a.before < b.before; });
}

}  // namespace

Status allocate_or_spill(Plan& plan)
{
    Status fits = allocate(plan);
    const std::size_t buffers = plan.buffers.size();
    const auto tensors = plan.buffers;
    const Uses uses = fits ? Uses{} : uses_of(plan);
    while (!fits) {
        const auto live = live_bytes(plan);
        const int fullest = static_cast<int>(std::max_element(live.begin(), live.end()) - live.begin()) - 1;
        auto idle = largest_idle(plan, uses, fullest);
        // What is packed with gaps may not fit where the sum does: then any other node's idle tensor helps.
        for (std::size_t i = 0; idle.second == 0 && i < plan.graph.nodes.size(); ++i)
            idle = largest_idle(plan, uses, static_cast<int>(i));
        if (idle.second == 0 || plan.spills.size() > 4 * plan.graph.nodes.size()) break;
        add_spill(plan, idle.first);
        fits = allocate(plan);
    }
    if (fits) return {};
    plan.spills.clear();
    plan.memory_used = 0;
    plan.buffers = tensors;
    plan.buffers.resize(buffers);
    return allocate(plan);
}

void SpillEmitter::after(int node)
{
    for (const Spill& spill : plan_.spills)
        if (spill.after == node) copy(spill.saved, spill.memory);
}

void SpillEmitter::before(int node)
{
    for (const Spill& spill : plan_.spills) {
        if (spill.before != node) continue;
        copy(spill.memory, spill.restored);
        plan_.tensor_buffer[static_cast<std::size_t>(spill.node)] = spill.restored;
    }
}

std::uint64_t SpillEmitter::pointer(int index) const
{
    const Buffer& buffer = plan_.buffers[static_cast<std::size_t>(index)];
    return buffer.memory ? LC_PTR(LC_SPACE_DRAM, plan_.memory_base + buffer.offset)
                         : LC_PTR(LC_SPACE_SRAM, buffer.offset);
}

/// Rows of at most 1 GiB, as the length of a copy is 32 bits.
void SpillEmitter::copy(int from, int to)
{
    constexpr std::uint64_t kRow = std::uint64_t{1} << 30;
    const std::uint64_t bytes = plan_.buffers[static_cast<std::size_t>(from)].bytes;
    for (std::uint64_t at = 0; at < bytes; at += kRow) {
        Command command;
        command.record.sqe.opcode = LC_OP_COPY;
        command.record.sqe.src = pointer(from) + at;
        command.record.sqe.dst = pointer(to) + at;
        command.record.sqe.length = static_cast<std::uint32_t>(std::min(kRow, bytes - at));
        const auto all = std::numeric_limits<std::uint32_t>::max();
        command.accesses.push_back({from, 0, all, false});
        command.accesses.push_back({to, 0, all, true});
        commands_.push_back(std::move(command));
    }
}

}  // namespace lightcard::compiler::lowering
