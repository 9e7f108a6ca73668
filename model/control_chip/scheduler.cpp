// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/scheduler.h"

#include <algorithm>
#include <stdexcept>

namespace lightcard::control_chip {

const char* to_string(Wait wait)
{
    switch (wait) {
        case Wait::none:
            return "none";
        case Wait::order:
            return "order";
        case Wait::weights:
            return "weights";
        case Wait::data:
            return "data";
        case Wait::compute:
            return "compute";
        case Wait::vector:
            return "vector";
    }
    return "?";
}

namespace {

/// What it means to have waited for a task of this opcode.
Wait wait_for(std::uint8_t opcode)
{
    switch (opcode) {
        case LC_OP_PROGRAM_WEIGHTS:
        case LC_OP_VERIFY_WEIGHTS:
            return Wait::weights;
        case LC_OP_COPY:
            return Wait::data;
        case LC_OP_MVM:
        case LC_OP_GEMM:
            return Wait::compute;
        case LC_OP_VECTOR:
            return Wait::vector;
        default:
            return Wait::order;
    }
}

}  // namespace

std::uint32_t Scheduler::add_engine(std::string name, std::uint32_t kind, std::uint32_t slots, Engine& engine)
{
    EngineQueue queue;
    queue.name = std::move(name);
    queue.kind = kind;
    queue.slots = slots;
    queue.engine = &engine;
    engines_.push_back(std::move(queue));
    return static_cast<std::uint32_t>(engines_.size() - 1);
}

Task* Scheduler::find(TaskId id)
{
    const auto found = tasks_.find(id);
    return found == tasks_.end() ? nullptr : &found->second;
}

std::size_t Scheduler::in_flight(std::uint16_t sq) const
{
    return static_cast<std::size_t>(
        std::count_if(tasks_.begin(), tasks_.end(), [sq](const auto& entry) { return entry.second.sq == sq; }));
}

void Scheduler::block(Task& task, TaskId by)
{
    auto* blocker = find(by);
    if (blocker == nullptr || by == task.id) return;
    auto& list = blocker->dependents;
    if (std::find(list.begin(), list.end(), task.id) != list.end()) return;
    list.push_back(task.id);
    ++task.blockers;
}

/// A calibration reads the banks it measures, and those that nobody has used yet hold nothing to measure.
void Scheduler::use_banks_of_calibration(Task& task)
{
    const auto& asked = task.command.sqe.u.calibrate;
    for (auto& [place, use] : banks_) {
        if (place.first != asked.core || (asked.bank != LC_CAL_EVERY_BANK && place.second != asked.bank)) continue;
        block(task, use.writer);
        use.readers.push_back(task.id);
    }
}

void Scheduler::use_bank(Task& task)
{
    if (task.command.opcode == LC_ADM_CALIBRATE) return use_banks_of_calibration(task);
    std::uint32_t core = 0, bank = 0;
    const auto opcode = task.command.opcode;
    if (opcode == LC_OP_MVM) {
        core = task.command.mvm().core;
        bank = task.command.mvm().bank;
    } else if (opcode == LC_OP_PROGRAM_WEIGHTS || opcode == LC_OP_VERIFY_WEIGHTS) {
        core = task.command.program().core;
        bank = task.command.program().bank;
    } else {
        return;
    }
    auto& use = banks_[{core, bank}];
    block(task, use.writer);
    if (opcode == LC_OP_PROGRAM_WEIGHTS) {
        for (const auto reader : use.readers) block(task, reader);
        use.writer = task.id;
        use.readers.clear();
    } else {
        auto& readers = use.readers;
        readers.erase(std::remove_if(readers.begin(), readers.end(), [this](TaskId id) { return find(id) == nullptr; }),
                      readers.end());
        readers.push_back(task.id);
    }
}

void Scheduler::add_blockers(Task& task)
{
    const auto& sqe = task.command.sqe;
    const bool fence = task.command.opcode == LC_OP_FENCE || (sqe.flags & LC_SQE_FENCE) != 0;
    if (fence || (task.is_record() && sqe.wait_mask != 0)) {
        for (const auto& [id, other] : tasks_) {
            if (id == task.id || other.is_record() != task.is_record()) continue;
            if (!task.is_record() && other.sq != task.sq) continue;
            const bool by_mask = task.is_record() && other.engine != kNoEngine &&
                                 (sqe.wait_mask >> engines_[other.engine].kind & 1) != 0;
            if (fence || by_mask) block(task, id);
        }
    }
    use_bank(task);
}

TaskId Scheduler::dispatch(Task task)
{
    task.id = next_id_++;
    task.issued = owner_.now();
    const auto id = task.id;
    if (task.is_record()) ++records_;
    auto& stored = tasks_.emplace(id, std::move(task)).first->second;
    add_blockers(stored);
    if (stored.engine == kNoEngine) {
        if (stored.blockers == 0) finish(id);
        return id;
    }
    engines_[stored.engine].waiting.push_back(id);
    try_start(stored.engine);
    return id;
}

void Scheduler::try_start(std::uint32_t index)
{
    auto& queue = engines_[index];
    while (!queue.waiting.empty() && queue.running < queue.slots) {
        auto* task = find(queue.waiting.front());
        if (task == nullptr) {  // aborted while it waited
            queue.waiting.pop_front();
            continue;
        }
        if (task->blockers > 0) return;
        queue.waiting.pop_front();
        const auto now = owner_.now();
        const auto stood = now - std::max(task->issued, queue.idle_since);
        if (queue.running == 0 && stood > 0 && task->blocked_by != Wait::none) {
            queue.waits[to_string(task->blocked_by)] += stood;
        }
        ++queue.running;
        ++queue.commands;
        task->started = now;
        task->running = task->holds_engine = true;
        if (!guarded(*task, &Engine::start)) owner_.finish_soon(task->id);
    }
}

bool Scheduler::guarded(Task& task, void (Engine::*call)(Task&))
{
    try {
        (engines_[task.engine].engine->*call)(task);
        return true;
    } catch (const std::out_of_range& failure) {
        task.fail(LC_SC_ADDRESS, LC_FAIL(LC_FAIL_SELF, 0));
        owner_.internal_error(task, failure.what());
    } catch (const std::invalid_argument& failure) {
        task.fail(LC_SC_INVALID_FIELD, LC_FAIL(LC_FAIL_SELF, 0));
        owner_.internal_error(task, failure.what());
    } catch (const std::exception& failure) {
        task.fail(LC_SC_INTERNAL, LC_FAIL(LC_FAIL_SELF, 0));
        owner_.internal_error(task, failure.what());
    }
    return false;
}

void Scheduler::release_engine(TaskId id)
{
    auto* task = find(id);
    if (task == nullptr || !task->holds_engine) return;
    task->holds_engine = false;
    auto& queue = engines_[task->engine];
    --queue.running;
    const auto now = owner_.now();
    queue.busy += now - task->started - task->stood;
    queue.idle_since = now;
    try_start(task->engine);
}

void Scheduler::step(TaskId id)
{
    auto* task = find(id);
    if (task == nullptr || !task->running) return;
    if (!guarded(*task, &Engine::step)) owner_.finish_soon(id);
}

void Scheduler::unblock_dependents(const Task& task)
{
    const auto cause = wait_for(task.command.opcode);
    for (const auto id : task.dependents) {
        auto* dependent = find(id);
        if (dependent == nullptr || dependent->blockers == 0) continue;
        dependent->blocked_by = cause;
        if (--dependent->blockers > 0) continue;
        if (dependent->engine == kNoEngine) {
            finish(id);
        } else {
            try_start(dependent->engine);
        }
    }
}

void Scheduler::finish(TaskId id)
{
    auto* task = find(id);
    if (task == nullptr) return;
    if (task->engine != kNoEngine && task->running) guarded(*task, &Engine::finish);
    release_engine(id);
    auto done = std::move(*find(id));
    tasks_.erase(id);
    if (done.is_record()) --records_;
    owner_.task_finished(done);
    unblock_dependents(done);
}

void Scheduler::abort_task(TaskId id)
{
    auto* task = find(id);
    if (task == nullptr || task->aborting) return;
    if (task->running) {
        task->aborting = engines_[task->engine].engine->abort(*task);
        return;
    }
    task->fail(LC_SC_ABORTED, LC_FAIL(LC_FAIL_SELF, 0));
    const auto engine = task->engine;
    finish(id);
    if (engine != kNoEngine) try_start(engine);
}

bool Scheduler::abort(std::uint16_t sq, std::uint16_t cid)
{
    for (const auto& [id, task] : tasks_) {
        if (task.is_record() || task.sq != sq || task.cid != cid) continue;
        abort_task(id);
        return true;
    }
    return false;
}

void Scheduler::drop(const std::function<bool(const Task&)>& which)
{
    std::vector<TaskId> gone;
    for (const auto& [id, task] : tasks_) {
        if (which(task)) gone.push_back(id);
    }
    // All of them leave the table before anything is unblocked, so that none of them can start on the way out.
    std::vector<Task> dropped;
    for (const auto id : gone) {
        dropped.push_back(std::move(tasks_[id]));
        tasks_.erase(id);
        if (dropped.back().is_record()) --records_;
    }
    for (auto& task : dropped) {
        if (!task.running) continue;
        auto& queue = engines_[task.engine];
        guarded(task, &Engine::drop);
        if (!task.holds_engine) continue;
        --queue.running;
        queue.busy += owner_.now() - task.started;
        queue.idle_since = owner_.now();
    }
    for (const auto& task : dropped) unblock_dependents(task);
    for (std::uint32_t i = 0; i < engines_.size(); ++i) try_start(i);
}

}  // namespace lightcard::control_chip
