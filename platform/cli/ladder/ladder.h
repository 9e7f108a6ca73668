// SPDX-License-Identifier: Apache-2.0
/// The validation ladder: figures that must come out, each with its source, its tolerance and the exact configuration.
/// Tolerances and configurations stand here before the first run and are not tuned after it. A row that is known not to
/// hold says so (`holds`), so that it is noticed when that changes.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "lightcard/model/card/config.h"
#include "lightcard/model/card/peak.h"
#include "lightcard/model/photonic_core/link_noise.h"

namespace lightcard::ladder {

enum class Kind {
    identity,     ///< arithmetic: exact
    consistency,  ///< with our own parameter sheet or closed form
    published,    ///< a figure that somebody else measured or announced
    fitted,       ///< agrees because parameters were chosen so
};
const char* name_of(Kind kind);

struct Row {
    std::string name;
    Kind kind = Kind::consistency;
    std::string source;
    std::string grade;  ///< primary | secondary | computed | assumed
    double expected = 0;
    double tolerance = 0;  ///< absolute
    std::string unit;
    std::string config;                          ///< card and what is changed
    std::string breaks;                          ///< the wrong parameter that must make this row fail
    std::function<double(bool broken)> measure;  ///< NaN when it cannot be computed
    bool holds = true;
    std::string remark;
    std::string needs;  ///< a file without which the row is skipped; empty: none
};

struct Outcome {
    Row row;
    double got = 0;
    bool skipped = false;  ///< Row::needs is not there
    bool within() const;
    /// Within tolerance exactly when the row says so; nothing is known of a skipped row.
    bool as_documented() const { return skipped || within() == row.holds; }
};

/// Every row, in the order of docs/validation.md.
std::vector<Row> rows();
Outcome evaluate(const Row& row, bool broken = false);

void write_text(std::ostream& out, const std::vector<Outcome>& outcomes);
void write_markdown(std::ostream& out, const std::vector<Outcome>& outcomes);
void write_json(std::ostream& out, const std::vector<Outcome>& outcomes);

// ---------------------------------------------------------------------- for the files that make rows

using Rows = std::vector<Row>;
void add_identities(Rows& rows);
void add_link(Rows& rows);
void add_power(Rows& rows);
void add_memory(Rows& rows);
void add_statistics(Rows& rows);
void add_published(Rows& rows);
void add_networks(
    Rows& rows);  ///< run `lightcard` (LIGHTCARD_COMMAND, else this program) on tb/data (LIGHTCARD_TEST_DATA)

/// A card by the text that a card file would have after its schema line, overrides, and one more that breaks it.
struct Setup {
    std::string text;
    std::vector<Override> set;
    Override breaking;

    Result<CardConfig> card(bool broken) const;
    std::string description() const;
    std::string breaking_text() const { return breaking.first.empty() ? "" : breaking.first + "=" + breaking.second; }
};
/// A computed row, to be given its config, its break and its measure.
Row row_of(const std::string& name, const std::string& source, double expected, double tolerance, const char* unit);
/// Fills config, breaks and measure from a setup and a figure of its card.
Row on_card(Row row, const Setup& setup, std::function<double(const CardConfig&)> figure);

/// The parameter sheet's way to count: partial sums written and read in 9 of 10 cases, card memory at its stated power.
PeakLoad sheet_load(const CardConfig& card);
/// Its workload: the rounded 0.0100 and 0.0489, and 0.159 for a routing cell.
photonic_core::Workload sheet_workload(const CardConfig& card);
/// The card with the row power that gives the receiver `snr` dB on `workload`; its hash is not refreshed.
CardConfig with_snr(CardConfig card, double snr, const photonic_core::Workload& workload);

}  // namespace lightcard::ladder
