// SPDX-License-Identifier: Apache-2.0
/// What every block of a card is given: the card's clock, its books and its voice. Free of SystemC.
#pragma once

#include "lightcard/model/common/activity.h"
#include "lightcard/model/common/card_events.h"
#include "lightcard/model/common/diagnostics.h"
#include "lightcard/model/common/energy.h"
#include "lightcard/model/common/faults.h"
#include "lightcard/model/common/run.h"
#include "lightcard/model/common/telemetry.h"
#include "lightcard/model/common/time.h"

namespace lightcard {

class WorkerPool;

class Services {
public:
    virtual ~Services() = default;
    /// Card time now. Blocks never ask the simulator.
    virtual Picoseconds now() const = 0;
    /// Card time as far as the simulator has come: now(), but while the chip looks ahead. Whoever schedules a SystemC
    /// event counts from here.
    virtual Picoseconds simulated() const = 0;
    /// Moves now() on to `when` without the simulator. False, and nothing moves: something else may happen before, or
    /// somebody may look (docs/adr/0002-time.md).
    virtual bool look_ahead(Picoseconds when) = 0;
    /// What look_ahead() has found out holds until another process may have run (begin_look), or a block schedules an
    /// event (event_at).
    virtual void begin_look() = 0;
    virtual void event_at(Picoseconds when) = 0;
    /// The ageing clock, in s: card time plus what Card::age() has added.
    virtual double ageing_clock() const = 0;
    /// The part of it that has been added, in s.
    virtual double added_age() const = 0;
    /// Physical age of what was programmed when the ageing clock read `since`, in s, as run.ageing has it.
    virtual double age_of(double since) const = 0;

    Ledger ledger;
    ActivityStream activity;
    Diagnostics diagnostics;
    CardEvents events;
    Telemetry telemetry;
    Faults faults;
    RunConfig run;
    std::string simd = "auto";      ///< HostConfig::simd
    WorkerPool* workers = nullptr;  ///< null = compute on the kernel thread
};

}  // namespace lightcard
