// SPDX-License-Identifier: Apache-2.0
/// Which engine computes a product of fixed weights: the photonic cores, from phase-change memory, or the digital MAC
/// engine. Grouped convolutions go where time x energy is less at equal accuracy; a layer can be told. Free of SystemC.
///
/// Accuracy: a column that uses r of N rows carries a signal of variance ~ r under a noise that does not know r, so it
/// takes N / r conversions of every sample to reach the signal-to-noise ratio of a full column. That is what the cells
/// are charged with; integers are exact.
#pragma once

#include <cstdint>

#include "lightcard/model/card/config.h"
#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"
#include "lightcard/platform/compiler/layer_settings.h"
#include "lightcard/platform/compiler/network_shape.h"

namespace lightcard::compiler {

/// Of one inference; weights in place.
struct EngineCost {
    double seconds = 0, joules = 0;
    double product() const { return seconds * joules; }
};
struct ProductCosts {
    EngineCost pcm, digital;
    std::uint64_t conversions = 1;  ///< of every sample, that `pcm` is charged with
};
ProductCosts costs_of(const ProductShape& product, const CardConfig& card);

/// What run.depthwise makes of a product; without groups and with computed operands it decides nothing (pcm).
Engine engine_of(const ProductShape& product, const CardConfig& card);

/// Sets QuantNode::digital of every product: what `layers` says, else engine_of(). What moved is a note of the graph.
/// Error: a name that is no product, with the nearest.
Status choose_engines(QuantGraph& graph, const CardConfig& card, const LayerSettings& layers = {});

}  // namespace lightcard::compiler
