// SPDX-License-Identifier: Apache-2.0
/// What a report needs beside the card's own ledger and counters: the workload, where set-up ended, how accurate
/// the outputs were, and the host that ran the model. Filled by whoever ran the card. Free of SystemC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lightcard/model/card/counters.h"
#include "lightcard/model/common/energy.h"

namespace lightcard::report {

/// The card at one moment, so that a phase can be told from what went before it.
struct Mark {
    Picoseconds now = 0;
    std::vector<std::uint64_t> counts;  ///< of each ledger account, in ledger order
    CardCounters counters;
};
Mark mark(const Ledger& ledger, const CardCounters& counters);

struct LayerInfo {
    std::string name, op;
    std::uint64_t macs = 0;                   ///< an image
    std::uint32_t tiles = 0;                  ///< weight tiles
    std::uint64_t tile_vectors = 0;           ///< tile-MVMs an image
    double acc_scale = 0;                     ///< real value of one accumulator step; 0 if not an MVM layer
    std::uint32_t groups = 1;                 ///< of a convolution
    bool digital = false;                     ///< a product on the digital MAC engine
    std::optional<double> quantisation = {};  ///< error variance / mean square of the output, int8 against fp32
};

/// Outputs of the card against one reference (fp32 or int8 executor).
struct Agreement {
    std::string reference;  ///< "fp32", "int8"
    std::uint64_t images = 0;
    std::uint64_t same_top1 = 0;
    double correlation = 0;  ///< Pearson, over every output of every image; 0 if either side is constant
    double rms_error = 0, max_error = 0;
    std::uint64_t differing = 0;  ///< outputs that are not equal bit for bit
};

struct Accuracy {
    std::uint64_t labelled = 0;  ///< images with a label
    std::uint64_t top1 = 0, top5 = 0;
    std::optional<std::uint64_t> reference_top1;  ///< of the fp32 reference, on the same labels
    std::vector<Agreement> agreements;
};

/// What the card says of one input: its largest outputs, the largest first.
struct Prediction {
    struct Guess {
        std::uint64_t index = 0;
        std::string name;  ///< of the class; empty if nobody gave names
        float value = 0;
    };
    std::string input;  ///< file name, or "image 3"
    std::vector<Guess> guesses;
};

/// The machine under the model: never part of the hash.
struct HostInfo {
    double wall_seconds = 0;
    std::uint32_t threads = 1;
    bool trace = false;
    std::string simd, machine, version;
};

struct RunSummary {
    std::string network;
    std::uint64_t images = 0;
    std::uint32_t batch = 1;
    std::vector<LayerInfo> layers;  ///< layers[i] is layer i + 1
    Mark setup_end;                 ///< after loading and one-off commands, before the first inference
    std::optional<Accuracy> accuracy;
    std::vector<Prediction> predictions;  ///< of the first inputs
    std::vector<std::string> plan;        ///< the planner's explanation
    std::uint64_t guest_errors = 0;       ///< complaints of the card about its driver
    std::vector<std::string> notes;
    HostInfo host;
    std::size_t trace_bins = 512;  ///< power trace is merged down to at most this many bins
};

}  // namespace lightcard::report
