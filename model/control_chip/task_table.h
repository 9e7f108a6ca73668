// SPDX-License-Identifier: Apache-2.0
/// The tasks in flight, a few dozen of them, in order of issue. Entries hold what many tasks are searched by, so that a
/// search does not touch the tasks; tasks keep their memory when they end, and lie where they lie until then.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "lightcard/model/control_chip/task.h"

namespace lightcard::control_chip {

class TaskTable {
public:
    struct Entry {
        TaskId id = 0;
        std::uint32_t engine_bit = 0;  ///< 1 << kind of its engine; 0: it has none
        std::uint16_t sq = 0;
        bool record = false;
        std::unique_ptr<Task> task;
    };

    /// `task.id` is above every one before.
    Task& add(Task&& task, std::uint32_t engine_bit)
    {
        Entry entry;
        if (!spare_.empty()) {
            entry.task = std::move(spare_.back());
            spare_.pop_back();
        } else {
            entry.task = std::make_unique<Task>();
        }
        auto dependents = std::move(entry.task->dependents);
        dependents.clear();
        *entry.task = std::move(task);
        entry.task->dependents = std::move(dependents);
        entry.id = entry.task->id;
        entry.engine_bit = engine_bit;
        entry.sq = entry.task->sq;
        entry.record = entry.task->is_record();
        entries_.push_back(std::move(entry));
        return *entries_.back().task;
    }

    Task* find(TaskId id) const
    {
        const auto found = position(id);
        return found == entries_.end() || found->id != id ? nullptr : found->task.get();
    }

    /// Out of the table; give it back with recycle(). Null: no such task.
    std::unique_ptr<Task> take(TaskId id)
    {
        const auto found = position(id);
        if (found == entries_.end() || found->id != id) return nullptr;
        auto task = std::move(entries_[static_cast<std::size_t>(found - entries_.begin())].task);
        entries_.erase(found);
        return task;
    }
    void recycle(std::unique_ptr<Task> task) { spare_.push_back(std::move(task)); }

    bool empty() const { return entries_.empty(); }
    std::vector<Entry>::const_iterator begin() const { return entries_.begin(); }
    std::vector<Entry>::const_iterator end() const { return entries_.end(); }

private:
    std::vector<Entry>::const_iterator position(TaskId id) const
    {
        return std::lower_bound(entries_.begin(), entries_.end(), id,
                                [](const Entry& entry, TaskId wanted) { return entry.id < wanted; });
    }

    std::vector<Entry> entries_;
    std::vector<std::unique_ptr<Task>> spare_;
};

}  // namespace lightcard::control_chip
