// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/faults.h"

#include <algorithm>

namespace lightcard {

void Faults::inject(const Fault& fault)
{
    const auto same = [&](const Active& active) {
        return active.fault.kind == fault.kind && active.fault.target == fault.target;
    };
    const auto before = std::find_if(active_.begin(), active_.end(), same);
    if (before != active_.end()) end(static_cast<std::size_t>(before - active_.begin()));
    active_.push_back({fault, now(), 0});
    note();
    ++begun_;
    if (hooks_.began) hooks_.began(fault);
}

void Faults::schedule(const Fault& fault, FaultStart start)
{
    waiting_.push_back({fault, start});
    note();
    catch_up();
}

namespace {

bool is_meant(const Fault& fault, FaultKind kind, std::uint64_t target)
{
    return fault.kind == kind && (target == Fault::kAnyTarget || fault.target == target);
}

}  // namespace

bool Faults::clear(FaultKind kind, std::uint64_t target)
{
    const auto waiting = waiting_.size();
    waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(),
                                  [&](const auto& w) { return is_meant(w.fault, kind, target); }),
                   waiting_.end());
    const bool any = waiting_.size() != waiting;
    return cure(kind, target) || any;
}

bool Faults::cure(FaultKind kind, std::uint64_t target)
{
    bool any = false;
    for (std::size_t i = active_.size(); i-- > 0;) {
        if (i >= active_.size() || !is_meant(active_[i].fault, kind, target)) continue;
        end(i);
        any = true;
    }
    note();
    return any;
}

void Faults::clear_all()
{
    waiting_.clear();
    while (!active_.empty()) end(active_.size() - 1);
    note();
}

void Faults::end(std::size_t index, bool used_up)
{
    const auto fault = active_[index].fault;
    active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(index));
    note();
    if (hooks_.ended) hooks_.ended(fault, used_up);
}

void Faults::begin_at(FaultStart::Kind what, std::uint64_t total)
{
    std::vector<Fault> due;
    for (std::size_t i = 0; i < waiting_.size();) {
        if (waiting_[i].start.kind != what || waiting_[i].start.at > total) {
            ++i;
            continue;
        }
        due.push_back(waiting_[i].fault);
        waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (const auto& fault : due) inject(fault);
}

void Faults::catch_up()
{
    if (quiet()) return;
    const auto time = now();
    begin_at(FaultStart::Kind::time, static_cast<std::uint64_t>(std::max<Picoseconds>(time, 0)));
    for (std::size_t i = active_.size(); i-- > 0;) {
        if (i >= active_.size()) continue;
        const auto& active = active_[i];
        if (active.fault.lasts > 0 && time - active.since >= active.fault.lasts) end(i);
    }
}

Faults::Active* Faults::look_up(FaultKind kind, std::uint64_t target)
{
    catch_up();
    const auto found = std::find_if(active_.begin(), active_.end(), [&](const Active& active) {
        return active.fault.kind == kind && (target == Fault::kAnyTarget || active.fault.concerns(target));
    });
    return found == active_.end() ? nullptr : &*found;
}

bool Faults::use(FaultKind kind, std::uint64_t target)
{
    auto* active = look_up(kind, target);
    if (active == nullptr) return false;
    ++active->struck;
    if (active->fault.count > 0 && active->struck >= active->fault.count)
        end(static_cast<std::size_t>(active - active_.data()), true);
    return true;
}

}  // namespace lightcard
