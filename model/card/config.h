// SPDX-License-Identifier: Apache-2.0
/// Everything a card is built from: one plain struct a block, plus how it is run. Free of SystemC.
/// Read from YAML by load_card(); see docs/configuration.md for the file format.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lightcard/model/card_memory/parameters.h"
#include "lightcard/model/common/result.h"
#include "lightcard/model/common/run.h"
#include "lightcard/model/control_chip/parameters.h"
#include "lightcard/model/converters/parameters.h"
#include "lightcard/model/host_link/parameters.h"
#include "lightcard/model/pcm_memory/parameters.h"
#include "lightcard/model/photonic_core/parameters.h"
#include "lightcard/model/power/parameters.h"

namespace lightcard {

struct CardConfig {
    std::string name = "lc128";
    std::string note;  ///< which reading of the announcement this card is
    std::uint32_t cores = 1;
    photonic_core::Parameters core;
    converters::Parameters converters;
    pcm_memory::Parameters pcm;
    control_chip::Parameters control;
    card_memory::Parameters memory;
    host_link::Parameters link;
    power::Parameters power;
    RunConfig run;
    HostConfig host;

    /// One line of the resolved configuration, for `lightcard config` and the report.
    struct Entry {
        std::string path;    ///< "card.core.symbol_rate"
        std::string value;   ///< "13 GHz"
        std::string range;   ///< "1 GHz .. 100 GHz"
        std::string source;  ///< citation
        std::string grade;   ///< primary | secondary | computed | assumed
        std::string description;
    };
    std::vector<Entry> resolved;  ///< every parameter, in a fixed order
    std::string hash;             ///< of card, devices and run; 16 hex digits
};

using Override = std::pair<std::string, std::string>;  ///< --set path=value

/// `file`: a path, or the name of a shipped card ("lc128").
Result<CardConfig> load_card(const std::string& file, const std::vector<Override>& overrides = {});
/// The same from text; `place` stands for the file in errors. Parents are looked up by name or absolute path.
Result<CardConfig> parse_card(const std::string& text, const std::string& place,
                              const std::vector<Override>& overrides = {});
/// The reference card from its built-in defaults, without any file (tests).
CardConfig default_card();
/// Hard ranges and what must hold between parameters (load_card() has done this). The error's place is the path.
Status check_card(const CardConfig& card);
/// What is unusual but not refused, one sentence each.
std::vector<std::string> card_warnings(const CardConfig& card);
/// Recomputes `resolved` and `hash` after members were changed in code.
void refresh(CardConfig& card);
/// A card file without a parent; loading it gives the same values, sources and hash.
std::string to_yaml(const CardConfig& card);
/// Where shipped cards are looked for: $LIGHTCARD_CONFIGS, the source tree, the install prefix.
std::vector<std::string> config_directories();

}  // namespace lightcard
