// SPDX-License-Identifier: Apache-2.0
/// A plan as a file: what each product of a network does on a card. `lightcard plan` saves it and compares two;
/// `lightcard run --plan` follows it. JSON, schema lightcard/saved-plan/1.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "lightcard/model/card/config.h"
#include "lightcard/model/common/result.h"
#include "lightcard/platform/cli/network_plan.h"
#include "lightcard/platform/compiler/layer_settings.h"
#include "lightcard/platform/driver/program.h"

namespace lightcard::cli {

struct PlannedLayer {
    std::string name, engine;  ///< "pcm", "digital"
    std::string numerics;      ///< "int8", "abfp"; of pcm
    std::uint32_t passes = 1;  ///< of pcm
    std::uint64_t tiles = 0, tile_vectors = 0;
    bool dynamic = false;  ///< two computed operands: no product that could be told
};

struct SavedPlan {
    std::string network, model_hash;  ///< hash: empty of a workload
    std::string card;
    std::uint32_t n = 0, cores = 0, banks = 0;
    std::uint64_t batch = 0;  ///< images a command buffer takes; 0: as run chooses
    std::vector<PlannedLayer> layers;
};

SavedPlan saved_plan(const NetworkPlan& plan, const CardConfig& config, const std::string& model_hash,
                     std::uint64_t batch);
std::string to_text(const SavedPlan& plan);
Result<SavedPlan> read_plan(const std::string& path);

/// Prints what differs, a line each, `-` of the first and `+` of the second. True: nothing does.
bool print_difference(std::ostream& out, const SavedPlan& first, const SavedPlan& second);

/// For a run: is the plan of this network and card, and what does it tell the products?
Status check_plan(const SavedPlan& plan, const std::string& path, const std::string& model_hash,
                  const CardConfig& config);
compiler::LayerSettings settings_of(const SavedPlan& plan);
/// Whether the program has the plan's tiles, product by product.
Status check_program(const SavedPlan& plan, const std::string& path, const driver::Program& program);

}  // namespace lightcard::cli
