// SPDX-License-Identifier: Apache-2.0
/// The tasks in flight, a few dozen of them, in order of issue. Entries hold what many tasks are searched by, so that a
/// search does not touch the tasks; tasks keep their memory when they end, and lie where they lie until then. An id
/// says where its task lies, so that finding one takes no search.
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
        Task* task = nullptr;
        std::uint32_t engine_bit = 0;  ///< 1 << kind of its engine; 0: it has none
        std::uint16_t sq = 0;
        bool record = false;
    };

    /// A task as new, outside of the table until add().
    Task& spare()
    {
        if (free_.empty()) {
            free_.push_back(places_.size());
            places_.push_back({0, std::make_unique<Task>()});
        }
        auto& task = *places_[free_.back()].task;
        task.renew();
        return task;
    }

    /// The last spare(): it gets its id, which is above every one before.
    void add(Task& task, std::uint32_t engine_bit)
    {
        const auto place = free_.back();
        free_.pop_back();
        task.id = ++sequence_ << kPlaceBits | place;
        places_[place].id = task.id;
        entries_.push_back({task.id, &task, engine_bit, task.sq, task.is_record()});
    }

    Task* find(TaskId id) const
    {
        const auto place = place_of(id);
        return id != 0 && place < places_.size() && places_[place].id == id ? places_[place].task.get() : nullptr;
    }

    /// Out of the table; it lives until recycle().
    void take(Task& task)
    {
        places_[place_of(task.id)].id = 0;
        entries_.erase(std::lower_bound(entries_.begin(), entries_.end(), task.id,
                                        [](const Entry& entry, TaskId wanted) { return entry.id < wanted; }));
    }
    void recycle(const Task& task) { free_.push_back(place_of(task.id)); }

    bool empty() const { return entries_.empty(); }
    std::vector<Entry>::const_iterator begin() const { return entries_.begin(); }
    std::vector<Entry>::const_iterator end() const { return entries_.end(); }

private:
    static constexpr std::uint32_t kPlaceBits = 20;  ///< more places than the queues' windows can fill
    static std::size_t place_of(TaskId id) { return id & ((1u << kPlaceBits) - 1); }

    struct Place {
        TaskId id;  ///< of the task in the table that lies here; 0 = none
        std::unique_ptr<Task> task;
    };
    std::vector<Entry> entries_;
    std::vector<Place> places_;
    std::vector<std::size_t> free_;
    std::uint64_t sequence_ = 0;
};

}  // namespace lightcard::control_chip
