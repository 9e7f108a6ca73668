// SPDX-License-Identifier: Apache-2.0
/// Vector unit and digital matrix engine: issue cost, then elements (or MACs) at a rate, as far as the scratchpad
/// keeps up; energy an element and a bit.
#pragma once

#include "lightcard/model/control_chip/engine_context.h"

namespace lightcard::control_chip {

class VectorUnit : public Engine {
public:
    explicit VectorUnit(EngineContext context);
    void start(Task& task) override;

private:
    EngineContext context_;
    AccountId account_;
    TrackId track_;
};

class DigitalMacEngine : public Engine {
public:
    explicit DigitalMacEngine(EngineContext context);
    void start(Task& task) override;

private:
    EngineContext context_;
    AccountId account_;
    TrackId track_;
};

}  // namespace lightcard::control_chip
