// SPDX-License-Identifier: Apache-2.0
/// A language model with a key-value cache, as `lightcard generate` runs it: one token a step, a context of fixed size.
///
/// Inputs, in this order: integers [1, 1], the token; integers [1], its position; real numbers [.., context], a mask
/// that is added to the scores, 0 or a large negative number; caches [.., context - 1, ..]. Outputs: logits of the
/// vocabulary, then the caches [.., context, ..], whose last position is the new one. Positions that are not filled yet
/// are masked, so that one program serves every step. Exporters leave token count and cache length open: dimensions T,
/// P and TP.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lightcard/model/card/config.h"
#include "lightcard/platform/cli/console.h"
#include "lightcard/platform/cli/dimensions.h"
#include "lightcard/platform/compiler/graph.h"
#include "lightcard/platform/driver/program.h"
#include "lightcard/platform/driver/state_runner.h"

namespace lightcard::cli {

struct DecoderRequest {
    std::string model;
    std::uint32_t context = 128;
    std::uint32_t calibration_tokens = 100;  ///< drawn by the fp32 network at temperature 1
    std::uint64_t seed = 1;                  ///< of drawing them
    Dimensions dimensions;                   ///< beside T, P and TP
    CardConfig config;
};

/// One cache: an input, the output that continues it, and where its positions lie, in elements.
struct Cache {
    std::size_t input = 0, output = 0;
    std::size_t rows = 1, width = 1;  ///< of one position: rows pieces of width elements
};

struct DecoderNetwork {
    compiler::Graph graph;
    compiler::QuantGraph quantised;
    driver::Program program;
    std::vector<Cache> caches;
    std::uint32_t context = 0;
    std::size_t vocabulary = 0;

    /// Kept tensors of the program.
    std::vector<driver::KeptTensor> kept() const;
};

/// What the network has seen so far: all inputs of a step, in the host's order.
class DecoderState {
public:
    explicit DecoderState(const DecoderNetwork& network);
    /// Input values of the step that puts `token` at the next position.
    std::vector<float> step(int token) const;
    /// Takes over the new position from a step's outputs, [cache][element].
    void advance(const std::vector<std::vector<float>>& cache_outputs);
    /// A position further, where somebody else keeps the caches.
    void skip() { ++position_; }
    std::uint32_t position() const { return position_; }

private:
    const DecoderNetwork* network_;
    std::vector<std::vector<float>> caches_;
    std::uint32_t position_ = 0;
};

/// Reads, calibrates on tokens that the fp32 network draws, quantises, lowers.
Result<DecoderNetwork> prepare_decoder(const DecoderRequest& request, Progress& progress);

/// Index of the largest value.
int best_token(const std::vector<float>& logits);

}  // namespace lightcard::cli
