// SPDX-License-Identifier: Apache-2.0
/// Precision by layer: what single products are told beside what the card's `run` block says for all. Free of SystemC.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "lightcard/model/common/run.h"

namespace lightcard::compiler {

enum class Engine : std::uint8_t { pcm, digital };

struct LayerSetting {
    std::optional<std::uint32_t> passes;  ///< conversions of every sample
    std::optional<Engine> engine;
    std::optional<Numerics> numerics;
    bool empty() const { return !passes && !engine && !numerics; }
};
using LayerSettings = std::map<std::string, LayerSetting>;  ///< by name of the product

}  // namespace lightcard::compiler
