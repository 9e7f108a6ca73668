// SPDX-License-Identifier: Apache-2.0
/// Where accuracy goes: the error that each product of a network adds, by kind, and what to change about it.
#pragma once

#include <string>
#include <vector>

#include "lightcard/model/card/config.h"
#include "lightcard/platform/report/run_summary.h"

namespace lightcard::report {

struct Report;

/// One product. Variances, relative to the mean square of the layer's own sums (quantisation: of its outputs).
struct LayerLoss {
    std::string name;
    double quantisation = 0;  ///< int8 against fp32 on equal inputs, where that was measured
    double weights = 0;       ///< levels, programming, drift, retention, wear and reading of the cells
    double noise = 0;         ///< light, receivers and converters, with their curves and crosstalk
    double clipping = 0;      ///< counted; without noise from the share of clipped samples, for normal sums
    double total() const { return quantisation + weights + noise + clipping; }
};

/// Every product that lost something, the worst first.
std::vector<LayerLoss> layer_losses(const Report& report);

/// Which layers lose most, to what, and a setting to try; empty while the card follows fp32, or nothing was compared.
std::string loss_sentence(const Report& report, const std::vector<LayerLoss>& losses);
/// That setting as arguments of `lightcard run`; empty as above.
std::vector<std::string> repair_arguments(const Report& report, const std::vector<LayerLoss>& losses);

/// Relative variance that normally distributed samples lose to a converter that clips the share `clipped` of them.
double clipping_variance(double clipped);

}  // namespace lightcard::report
