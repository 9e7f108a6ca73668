// SPDX-License-Identifier: Apache-2.0
/// What time and temperature do to a cell that nobody writes. Two processes, each with an activation energy of its own,
/// so that a bank's age is two numbers: seconds of structural relaxation (drift) and of crystallisation (loss of
/// retention), both as if it had lain at the temperature at which the data sheet gives them.
///
/// Speed by temperature: exp((E/k)(1/T_sheet - 1/T)), T in K (Arrhenius). Crystallisation: Johnson, Mehl, Avrami and
/// Kolmogorov, the amorphous part left is 2^-((t/t_half)^m), t_half from cell to cell log-normal. An amorphous cell is
/// the transparent one, so contrast falls with it. Sources of the figures: configs/cards/lc128.yaml.
#pragma once

#include "lightcard/model/pcm_memory/cell_moments.h"
#include "lightcard/model/pcm_memory/parameters.h"

namespace lightcard::pcm_memory {

struct Exposure {
    double drift = 0;      ///< s at reference_temperature
    double retention = 0;  ///< s at retention_temperature

    Exposure() = default;
    /// Seconds at the reference temperature, where nothing crystallises.
    Exposure(double seconds) : drift(seconds) {}
    Exposure(double drift_seconds, double retention_seconds) : drift(drift_seconds), retention(retention_seconds) {}

    Exposure operator+(const Exposure& other) const { return {drift + other.drift, retention + other.retention}; }
    /// What has come since `earlier`, never less than nothing.
    Exposure since(const Exposure& earlier) const
    {
        return {drift > earlier.drift ? drift - earlier.drift : 0,
                retention > earlier.retention ? retention - earlier.retention : 0};
    }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("drift", drift);
        archive.field("retention", retention);
    }
};

/// How much faster a process of `energy` eV runs at `temperature` than at `reference`, both C.
double arrhenius(double energy, double temperature, double reference);
/// `seconds` at `temperature` C.
Exposure expose(const Parameters& parameters, double seconds, double temperature);

/// Crystallisation of a bank: what each cell's contrast is multiplied by.
struct RetentionModel {
    double amount = 0;  ///< (t/t_half)^m of the typical cell; 0 = nothing that a weight could show
    double spread = 0;  ///< of ln t_half, times m
};
RetentionModel make_retention(const Parameters& parameters, const Exposure& exposure);
/// Of a cell with that standard normal draw.
double retention_factor(const RetentionModel& retention, double normal);
/// The same of `count` cells.
void retention_factors(const RetentionModel& retention, const float* normals, std::size_t count, double* factors);
/// Of the factor less 1, over cells.
Moments retention_moments(const RetentionModel& retention);

}  // namespace lightcard::pcm_memory
