// SPDX-License-Identifier: Apache-2.0
/// Tasks in flight, what they wait for, and the engines' queues.
///
/// Every engine serves its queue in order of issue. A task starts when it is at the head, its engine has a free slot
/// and its blockers are done. Blockers come from three places: fences (queue), wait masks (command buffer) and banks:
/// an MVM waits for the last PROGRAM issued on its bank, a PROGRAM for the MVMs issued on it before. They always point
/// to tasks issued earlier, so there is no cycle to dead-lock on.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lightcard/model/control_chip/task_table.h"

namespace lightcard::control_chip {

/// An engine as the scheduler sees it. start() takes over a task and calls back through the chip's timeline.
class Engine {
public:
    virtual ~Engine() = default;
    virtual void start(Task& task) = 0;
    /// Goes on with a running task (Due::step).
    virtual void step(Task&) {}
    /// The task completes: last effects. Called once, also for tasks whose status is a failure.
    virtual void finish(Task&) {}
    /// Stop a running task; true if its new end has been put on the timeline, false if it will run to its end.
    virtual bool abort(Task&) { return false; }
    /// A reset takes the task away while it runs.
    virtual void drop(Task&) {}
};

/// Time that commands stood at the head of a queue, by cause. Causes are a few literals.
class WaitTimes {
public:
    void add(const char* why, Picoseconds time)
    {
        for (auto& [name, sum] : times_) {
            if (name != why) continue;
            sum += time;
            return;
        }
        for (auto& [name, sum] : times_) {  // the same cause as another file writes it
            if (std::strcmp(name, why) != 0) continue;
            sum += time;
            return;
        }
        times_.emplace_back(why, time);
    }
    std::map<std::string, Picoseconds> by_name() const
    {
        auto all = loaded_;
        for (const auto& [name, sum] : times_) all[name] += sum;
        return all;
    }

    template <class Archive>
    void visit(Archive& archive)
    {
        loaded_ = by_name();
        times_.clear();
        archive.field("by_cause", loaded_);
    }

private:
    std::vector<std::pair<const char*, Picoseconds>> times_;
    std::map<std::string, Picoseconds> loaded_;  ///< from an archive
};

class Scheduler {
public:
    static constexpr std::uint32_t kNoEngine = 0xffffffffu;

    struct EngineQueue {
        std::string name;
        std::uint32_t kind = 0;  ///< LC_ENGINE_*
        std::uint32_t slots = 1;
        Engine* engine = nullptr;
        std::deque<TaskId> waiting;
        std::uint32_t running = 0;
        Picoseconds idle_since = 0;
        // Counters.
        Picoseconds busy = 0;
        std::uint64_t commands = 0, items = 0;
        WaitTimes waits;

        template <class Archive>
        void visit(Archive& archive)
        {
            archive.field("busy", busy);
            archive.field("commands", commands);
            archive.field("items", items);
            archive.field("waits", waits);
            archive.field("idle_since", idle_since);
        }
    };

    /// What the scheduler asks of the chip around it. An exception in an engine fails the one task it worked on.
    class Owner {
    public:
        virtual ~Owner() = default;
        virtual Picoseconds now() const = 0;
        /// The task is over (its status tells how) and already out of the table.
        virtual void task_finished(Task& task) = 0;
        /// finish(id) is to be called as soon as the current work has unwound.
        virtual void finish_soon(TaskId id) = 0;
        virtual void internal_error(const Task& task, const char* text) = 0;
    };
    explicit Scheduler(Owner& owner) : owner_(owner) {}

    std::uint32_t add_engine(std::string name, std::uint32_t kind, std::uint32_t slots, Engine& engine);
    EngineQueue& engine(std::uint32_t index) { return engines_[index]; }
    const std::vector<EngineQueue>& engines() const { return engines_; }
    std::vector<EngineQueue>& engines() { return engines_; }

    /// A task to fill in and dispatch() before anything else.
    Task& new_task() { return tasks_.spare(); }
    /// Takes a new task with its decoded command. `engine` kNoEngine: it has nothing to execute (NOP, FENCE) and ends
    /// when its blockers do.
    void dispatch(Task& task);

    void release_engine(TaskId id);
    void step(TaskId id);
    void finish(TaskId id);
    /// Aborts a task of a queue. False: no such task. A running one may still run to its end.
    bool abort(std::uint16_t sq, std::uint16_t cid);
    void abort_task(TaskId id);
    /// Takes away every task that `which` selects, without completion; running ones are dropped by their engine.
    void drop(const std::function<bool(const Task&)>& which);

    bool idle() const { return tasks_.empty(); }
    std::size_t records_in_flight() const { return records_; }
    std::size_t in_flight(std::uint16_t sq) const;
    Task* find(TaskId id) { return tasks_.find(id); }
    const TaskTable& tasks() const { return tasks_; }

private:
    /// Sees every task that has been issued on a bank.
    struct BankUse {
        TaskId writer = 0;
        std::vector<TaskId> readers;
    };
    void block(Task& task, TaskId by);
    void block_by(Task& task, Task& blocker);
    void add_blockers(Task& task);
    BankUse& bank_use(std::uint32_t core, std::uint32_t bank);
    void use_bank(Task& task);
    void use_banks_of_calibration(Task& task);
    void try_start(std::uint32_t engine);
    /// Calls into an engine; what it throws becomes the task's status. False if it threw.
    bool guarded(Task& task, void (Engine::*call)(Task&));
    void unblock_dependents(const Task& task);

    Owner& owner_;
    std::vector<EngineQueue> engines_;
    TaskTable tasks_;
    std::vector<std::vector<BankUse>> banks_;  ///< [core][bank], as far as they have been used
    std::size_t records_ = 0;
};

}  // namespace lightcard::control_chip
