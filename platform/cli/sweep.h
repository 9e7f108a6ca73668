// SPDX-License-Identifier: Apache-2.0
/// Parameter sweeps: a YAML file names what `lightcard run` gets, axes of overrides and the figures to keep; every
/// point is a run in a process of its own. Free of SystemC but for the process that runs.
///
///     schema: lightcard/sweep/1
///     title: Accuracy over analog gain
///     arguments: [--model, lenet.onnx, --inputs, t2k.gz]      # of lightcard run, but --set and --json
///     set: {run.numerics: abfp}                               # for every point
///     seeds: 5                                                # every point with so many values of run.seed, from 1
///     axes:                                                   # first: along the plot; second: a line each
///       - {label: analog gain, parameter: run.analog_gain, values: [1, 2, 4, 8]}
///       - label: noise
///         cases:
///           - {label: all, set: {}}
///           - {label: converters alone, set: {run.fidelity: ideal, run.quant: on}}
///     # A case may also hold `value` (its place on the axis) and `with: {sigma: 1 %}`: then $sigma in a `set` is 1 %.
///     figures:                                                # where they stand in the JSON report
///       - {label: top-1, path: accuracy.top1_share, unit: "%", scale: 100}
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "lightcard/model/card/config.h"
#include "lightcard/model/common/result.h"

namespace lightcard::cli {

/// One stop on an axis.
struct SweepCase {
    std::string label;
    std::vector<Override> set;
    std::optional<double> value;  ///< of a parameter's axis, if it is a number
    std::vector<Override> with;   ///< what $NAME stands for in every `set` of the sweep
};

struct SweepAxis {
    std::string label;
    bool logarithmic = false;
    std::vector<SweepCase> cases;
    /// Every case has a number: a curve; else bars.
    bool numeric() const;
};

struct SweepFigure {
    std::string label, path, unit;
    double scale = 1;
};

struct Sweep {
    std::string title, note;
    std::vector<std::string> arguments;
    std::vector<Override> set;
    std::uint32_t seeds = 1;      ///< runs a point; with several figures are means, with their standard errors
    std::vector<SweepAxis> axes;  ///< 1 or 2
    std::vector<SweepFigure> figures;

    std::size_t points() const;
    /// Seeds of point 0, then of point 1, ...
    std::size_t runs() const { return points() * seeds; }
    /// Case of each axis at a point; the last axis runs fastest.
    std::vector<const SweepCase*> at(std::size_t point) const;
    /// Everything that `lightcard` gets to run a point, but for the report's name.
    std::vector<std::string> command(std::size_t point, std::uint32_t seed = 0) const;
};

constexpr std::size_t kMostSweepPoints = 4096;

/// Error: with file, line and the nearest valid key. Parameters of the card are checked when a point runs.
Result<Sweep> parse_sweep(const std::string& text, const std::string& file);

/// What a point gave.
struct SweepResult {
    int status = 0;                              ///< exit status of lightcard run
    std::string message;                         ///< its first line of complaint
    std::vector<std::optional<double>> figures;  ///< as Sweep::figures; nothing where the report has none
    std::vector<std::optional<double>> errors;   ///< their standard errors over seeds; empty with one seed
    std::string config_hash;
};

/// Figures of a JSON report.
Result<SweepResult> read_point(const Sweep& sweep, const std::string& json);

/// A point from its runs: means and standard errors; the first that failed, if one did.
SweepResult combine_seeds(const std::vector<SweepResult>& runs);

void write_sweep_csv(std::ostream& out, const Sweep& sweep, const std::vector<SweepResult>& results);
void write_sweep_json(std::ostream& out, const Sweep& sweep, const std::vector<SweepResult>& results);
/// Self-contained: plots as SVG, the table below, the sweep's own text.
void write_sweep_html(std::ostream& out, const Sweep& sweep, const std::vector<SweepResult>& results);
void write_sweep_text(std::ostream& out, const Sweep& sweep, const std::vector<SweepResult>& results);

}  // namespace lightcard::cli
