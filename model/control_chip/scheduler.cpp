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

std::size_t Scheduler::in_flight(std::uint16_t sq) const
{
    return static_cast<std::size_t>(
        std::count_if(tasks_.begin(), tasks_.end(), [sq](const auto& entry) { return entry.sq == sq; }));
}

void Scheduler::block(Task& task, TaskId by)
{
    auto* blocker = by == task.id ? nullptr : find(by);
    if (blocker != nullptr) block_by(task, *blocker);
}

/// A task is blocked at once when it is issued, so that it is the last of its blocker's dependents or none of them.
void Scheduler::block_by(Task& task, Task& blocker)
{
    auto& list = blocker.dependents;
    if (!list.empty() && list.back() == task.id) return;
    list.push_back(task.id);
    ++task.blockers;
}

/// A calibration reads the banks it measures, and those that nobody has used yet hold nothing to measure.
void Scheduler::use_banks_of_calibration(Task& task)
{
    const auto& asked = task.command.sqe.u.calibrate;
    if (asked.core >= banks_.size()) return;
    auto& banks = banks_[asked.core];
    for (std::uint32_t bank = 0; bank < banks.size(); ++bank) {
        auto& use = banks[bank];
        const bool used = use.writer != 0 || !use.readers.empty();
        if (!used || (asked.bank != LC_CAL_EVERY_BANK && bank != asked.bank)) continue;
        block(task, use.writer);
        use.readers.push_back(task.id);
    }
}

Scheduler::BankUse& Scheduler::bank_use(std::uint32_t core, std::uint32_t bank)
{
    if (core >= banks_.size()) banks_.resize(core + 1);
    auto& banks = banks_[core];
    if (bank >= banks.size()) banks.resize(bank + 1);
    return banks[bank];
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
    auto& use = bank_use(core, bank);
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
        const bool record = task.is_record();
        for (const auto& other : tasks_) {
            if (other.id == task.id || other.record != record) continue;
            if (!record && other.sq != task.sq) continue;
            if (fence || (record && (sqe.wait_mask & other.engine_bit) != 0)) block_by(task, *other.task);
        }
    }
    use_bank(task);
}

void Scheduler::dispatch(Task& task)
{
    task.issued = owner_.now();
    if (task.is_record()) ++records_;
    tasks_.add(task, task.engine == kNoEngine ? 0 : std::uint32_t{1} << engines_[task.engine].kind);
    add_blockers(task);
    if (task.engine == kNoEngine) {
        if (task.blockers == 0) finish(task.id);
        return;
    }
    engines_[task.engine].waiting.push_back(task.id);
    try_start(task.engine);
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
            queue.waits.add(to_string(task->blocked_by), stood);
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
    tasks_.take(*task);
    if (task->is_record()) --records_;
    owner_.task_finished(*task);
    unblock_dependents(*task);
    tasks_.recycle(*task);
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
    for (const auto& entry : tasks_) {
        if (entry.record || entry.sq != sq || entry.task->cid != cid) continue;
        abort_task(entry.id);
        return true;
    }
    return false;
}

void Scheduler::drop(const std::function<bool(const Task&)>& which)
{
    std::vector<Task*> dropped;
    for (const auto& entry : tasks_) {
        if (which(*entry.task)) dropped.push_back(entry.task);
    }
    // All of them leave the table before anything is unblocked, so that none of them can start on the way out.
    for (auto* task : dropped) {
        tasks_.take(*task);
        if (task->is_record()) --records_;
    }
    for (auto* gone : dropped) {
        auto& task = *gone;
        if (!task.running) continue;
        auto& queue = engines_[task.engine];
        guarded(task, &Engine::drop);
        if (!task.holds_engine) continue;
        --queue.running;
        queue.busy += owner_.now() - task.started;
        queue.idle_since = owner_.now();
    }
    for (const auto* task : dropped) unblock_dependents(*task);
    for (const auto* task : dropped) tasks_.recycle(*task);
    for (std::uint32_t i = 0; i < engines_.size(); ++i) try_start(i);
}

}  // namespace lightcard::control_chip
