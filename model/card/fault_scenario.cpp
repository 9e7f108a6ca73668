// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/card/fault_scenario.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "lightcard/model/card/config_files.h"
#include "lightcard/model/card/yaml_reader.h"
#include "lightcard/model/common/suggest.h"
#include "lightcard/model/common/units.h"
#include "lightcard/model/control_chip/fault_table.h"

namespace lightcard {

using control_chip::FaultSpec;
using control_chip::FaultTarget;
using control_chip::FaultValue;

namespace {

constexpr char kSchema[] = "lightcard/faults/1";
constexpr std::size_t kMostFaults = 256;
constexpr std::uint64_t kMostStrikes = 0xffff'ffff;

/// Where in a target a field goes.
struct Part {
    const char* name;
    unsigned shift;
    const char* choices;  ///< by number, "read|write"; null: a number
};
constexpr Part kBootError[] = {{"unit", 0, "rom|image|memory|laser|calibration"}};
constexpr Part kVector[] = {{"vector", 0, nullptr}};
constexpr Part kDirection[] = {{"direction", 0, "read|write"}};
constexpr Part kQueue[] = {{"queue", 0, nullptr}};
constexpr Part kCell[] = {{"core", 0, nullptr}, {"bank", 16, nullptr}, {"row", 32, nullptr}, {"column", 48, nullptr}};
constexpr Part kBank[] = {{"core", 0, nullptr}, {"bank", 16, nullptr}};
constexpr Part kLane[] = {{"core", 0, nullptr}, {"lane", 16, nullptr}};
constexpr Part kColumn[] = {{"core", 0, nullptr}, {"column", 48, nullptr}};
constexpr Part kCore[] = {{"core", 0, nullptr}};
constexpr Part kWidth[] = {{"lanes", 0, nullptr}};

Listing<Part> parts_of(FaultTarget target)
{
    switch (target) {
        case FaultTarget::none:
            return {};
        case FaultTarget::boot_error:
            return kBootError;
        case FaultTarget::vector:
            return kVector;
        case FaultTarget::direction:
            return kDirection;
        case FaultTarget::queue:
            return kQueue;
        case FaultTarget::cell:
            return kCell;
        case FaultTarget::bank:
            return kBank;
        case FaultTarget::lane:
            return kLane;
        case FaultTarget::column:
            return kColumn;
        case FaultTarget::core:
            return kCore;
        case FaultTarget::width:
            return kWidth;
    }
    return {};
}

const char* value_name(FaultValue value)
{
    switch (value) {
        case FaultValue::none:
            return nullptr;
        case FaultValue::time:
            return "time";
        case FaultValue::weight_code:
            return "level";
        case FaultValue::sum:
            return "offset";
        case FaultValue::millikelvin:
            return "kelvin";
        case FaultValue::generation:
            return "generation";
    }
    return nullptr;
}

struct Moment {
    const char* name;
    FaultStart::Kind kind;
};
constexpr Moment kMoments[] = {{"at", FaultStart::Kind::time},
                               {"after_commands", FaultStart::Kind::commands},
                               {"after_mvms", FaultStart::Kind::mvms},
                               {"after_programs", FaultStart::Kind::programs}};

std::vector<std::string> split(const std::string& text, char by)
{
    std::vector<std::string> words = {""};
    for (const char c : text) {
        if (c == by) {
            words.emplace_back();
        } else {
            words.back() += c;
        }
    }
    return words;
}

/// Fields by name, each to be taken once; what is left at the end is unknown.
class Taker {
public:
    explicit Taker(const FaultFields& fields) : fields_(fields), taken_(fields.size()) {}

    std::optional<std::string> take(const std::string& name)
    {
        asked_.push_back(name);
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            if (fields_[i].first != name) continue;
            taken_[i] = true;
            return fields_[i].second;
        }
        return std::nullopt;
    }
    Status rest_is_empty() const
    {
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            if (taken_[i]) continue;
            const auto& name = fields_[i].first;
            const bool twice = std::find(asked_.begin(), asked_.end(), name) != asked_.end();
            return Error{twice ? "is given twice" : "is not of this fault", name, did_you_mean(name, asked_)};
        }
        return {};
    }

private:
    const FaultFields& fields_;
    std::vector<bool> taken_;
    std::vector<std::string> asked_;
};

Error at(const std::string& name, const Error& error)
{
    return {error.what, name, error.hint};
}

Result<std::uint64_t> parse_count(const std::string& name, const std::string& text, std::uint64_t most)
{
    const auto number = parse_integer(text, Dimension::number);
    if (!number) return at(name, number.error());
    if (*number > most) return Error{"is too large", name, "at most " + std::to_string(most)};
    return *number;
}

/// Decimal number in units of `scale`, rounded.
Result<std::int64_t> parse_scaled(const std::string& name, const std::string& text, Dimension dimension, double scale)
{
    const auto number = parse_real(text, dimension);
    if (!number) return at(name, number.error());
    const double scaled = *number * scale;
    if (!(std::fabs(scaled) < 9.2e18)) return Error{"is too large", name, ""};
    return static_cast<std::int64_t>(std::llround(scaled));
}

Result<std::uint64_t> parse_part(const Part& part, const std::string& text)
{
    if (part.choices == nullptr) return parse_count(part.name, text, 0xffff);
    const auto names = split(part.choices, '|');
    const auto found = std::find(names.begin(), names.end(), text);
    if (found == names.end()) return Error{"cannot be '" + text + "'", part.name, did_you_mean(text, names)};
    return static_cast<std::uint64_t>(found - names.begin());
}

Result<std::uint64_t> parse_target(const FaultSpec& spec, Taker& taker, const control_chip::DecodeLimits& limits)
{
    if (spec.target == FaultTarget::none) return Fault::kAnyTarget;
    std::uint64_t target = spec.target == FaultTarget::width ? limits.link_width : 0;
    for (const auto& part : parts_of(spec.target)) {
        const auto text = taker.take(part.name);
        const bool has_default = std::string(part.name) == "core" || std::string(part.name) == "lanes";
        if (!text && has_default) continue;
        if (!text && spec.any_target) return Fault::kAnyTarget;
        if (!text) return Error{"is missing", part.name, std::string("fault ") + spec.name + " needs it"};
        if (spec.any_target && *text == "any") return Fault::kAnyTarget;
        const auto number = parse_part(part, *text);
        if (!number) return number.error();
        target = (part.shift == 0 && spec.target == FaultTarget::width ? 0 : target) | *number << part.shift;
    }
    return target;
}

Result<std::int64_t> parse_value(const FaultSpec& spec, Taker& taker)
{
    const char* name = value_name(spec.value);
    if (name == nullptr) return std::int64_t{0};
    const auto text = taker.take(name);
    if (!text) return Error{"is missing", name, std::string("fault ") + spec.name + " needs it"};
    switch (spec.value) {
        case FaultValue::time:
            return parse_scaled(name, *text, Dimension::time, 1e9);
        case FaultValue::millikelvin:
            return parse_scaled(name, *text, Dimension::number, 1e3);
        default: {
            const auto value = parse_scaled(name, *text, Dimension::number, 1);
            const auto exact = parse_real(*text, Dimension::number);
            if (value && exact && *exact != static_cast<double>(*value))
                return Error{"must be a whole number", name, ""};
            return value;
        }
    }
}

Result<FaultStart> parse_start(Taker& taker)
{
    FaultStart start;
    const char* given = nullptr;
    for (const auto& moment : kMoments) {
        const auto text = taker.take(moment.name);
        if (!text) continue;
        if (given != nullptr) return Error{"comes beside '" + std::string(given) + "'", moment.name, "one of them"};
        given = moment.name;
        start.kind = moment.kind;
        if (moment.kind == FaultStart::Kind::time) {
            const auto time = parse_time(*text);
            if (!time) return at(moment.name, time.error());
            start.at = static_cast<std::uint64_t>(*time);
        } else {
            const auto count = parse_count(moment.name, *text, 1ull << 62);
            if (!count) return count.error();
            start.at = *count;
        }
    }
    return start;
}

/// Name of the field that a problem of the fault table is about.
std::string field_of(const FaultSpec& spec, const control_chip::FaultProblem& problem)
{
    using Where = control_chip::FaultProblem::Where;
    if (problem.where == Where::value) return value_name(spec.value) != nullptr ? value_name(spec.value) : "value";
    for (const auto& part : parts_of(spec.target))
        if (problem.text.rfind(part.name, 0) == 0) return part.name;
    return "fault";
}

}  // namespace

control_chip::DecodeLimits fault_limits(const CardConfig& card)
{
    control_chip::DecodeLimits limits;
    limits.n = card.core.n;
    limits.cores = card.cores;
    limits.banks = card.pcm.banks;
    limits.lanes = card.core.lanes;
    limits.io_queues = card.control.io_queues;
    limits.msix_vectors = card.link.msix_vectors;
    limits.link_generation = card.link.generation;
    limits.link_width = card.link.width;
    return limits;
}

Result<ScheduledFault> parse_fault(const FaultFields& fields, const control_chip::DecodeLimits& limits)
{
    Taker taker(fields);
    const auto name = taker.take("fault");
    if (!name) return Error{"is missing", "fault", "for example interrupt_lost"};
    const auto* spec = control_chip::find_fault(*name);
    if (spec == nullptr)
        return Error{"no fault '" + *name + "'", "fault", did_you_mean(*name, control_chip::fault_names())};

    ScheduledFault scheduled;
    scheduled.fault.kind = spec->kind;
    const auto target = parse_target(*spec, taker, limits);
    if (!target) return target.error();
    scheduled.fault.target = *target;
    const auto value = parse_value(*spec, taker);
    if (!value) return value.error();
    scheduled.fault.value = *value;
    const auto start = parse_start(taker);
    if (!start) return start.error();
    scheduled.start = *start;
    if (const auto text = taker.take("for")) {
        const auto time = parse_time(*text);
        if (!time) return at("for", time.error());
        scheduled.fault.lasts = *time;
    }
    if (const auto text = taker.take("count")) {
        const auto count = parse_count("count", *text, kMostStrikes);
        if (!count) return count.error();
        scheduled.fault.count = static_cast<std::uint32_t>(*count);
    }
    if (auto rest = taker.rest_is_empty(); !rest) return rest.error();
    if (const auto problem = control_chip::check_fault(scheduled.fault, limits))
        return Error{problem->text, field_of(*spec, *problem), ""};
    return scheduled;
}

std::vector<std::string> describe_faults()
{
    std::vector<std::string> lines;
    for (const auto& spec : control_chip::fault_table()) {
        std::string line = spec.name;
        for (const auto& part : parts_of(spec.target)) line += std::string(" ") + part.name + "=";
        if (const char* value = value_name(spec.value)) line += std::string(" ") + value + "=";
        lines.push_back(line + ": " + spec.shows);
    }
    return lines;
}

std::string describe(const Fault& fault)
{
    const auto* spec = control_chip::find_fault(static_cast<std::uint32_t>(fault.kind));
    if (spec == nullptr) return "?";
    std::string text = spec->name;
    for (const auto& part : parts_of(spec->target)) {
        if (fault.target == Fault::kAnyTarget) {
            text += std::string(" ") + part.name + "=any";
            break;
        }
        const auto number = fault.target >> part.shift & 0xffff;
        text += std::string(" ") + part.name + "=" +
                (part.choices != nullptr ? split(part.choices, '|')[number] : std::to_string(number));
    }
    if (const char* value = value_name(spec->value))
        text += std::string(" ") + value + "=" + std::to_string(fault.value);
    if (spec->value == FaultValue::time) text += "ns";
    if (spec->value == FaultValue::millikelvin) text += "m";
    if (fault.count > 0) text += " count=" + std::to_string(fault.count);
    if (fault.lasts > 0) text += " for=" + format_time(fault.lasts);
    return text;
}

namespace {

Error place_error(const std::string& file, int line, const std::string& path, const Error& error)
{
    return {error.what, file + ":" + std::to_string(line) + ": " + path, error.hint};
}

Result<ScheduledFault> read_fault(const yaml::Node& node, const std::string& file, const std::string& path,
                                  const control_chip::DecodeLimits& limits)
{
    if (node.kind != yaml::Node::Kind::map)
        return place_error(file, node.line, path, {std::string("is ") + yaml::describe(node.kind), "", "a map"});
    FaultFields fields;
    for (const auto& entry : node.entries) {
        if (entry.value.kind != yaml::Node::Kind::scalar)
            return place_error(file, entry.line, path + "." + entry.key,
                               {std::string("is ") + yaml::describe(entry.value.kind), "", "a text or a number"});
        fields.emplace_back(entry.key, entry.value.text);
    }
    const auto fault = parse_fault(fields, limits);
    if (fault) return fault;
    int line = node.line;
    for (const auto& entry : node.entries)
        if (entry.key == fault.error().where) line = entry.line;
    return place_error(file, line, path + "." + fault.error().where, fault.error());
}

}  // namespace

Result<FaultScenario> parse_faults(const std::string& text, const std::string& place, const CardConfig& card)
{
    const auto root = yaml::read(text, place);
    if (!root) return root.error();
    if (root->kind != yaml::Node::Kind::map)
        return Error{"holds no faults", place, std::string("start with 'schema: ") + kSchema + "'"};
    FaultScenario scenario;
    scenario.name = config::stem_of(place);
    const auto limits = fault_limits(card);
    bool schema = false;
    for (const auto& entry : root->entries) {
        const bool is_text = entry.value.kind == yaml::Node::Kind::scalar;
        if (entry.key == "schema" && is_text) {
            if (entry.value.text != kSchema)
                return place_error(place, entry.line, "schema", {"is '" + entry.value.text + "'", "", kSchema});
            schema = true;
        } else if (entry.key == "note" && is_text) {
            scenario.note = entry.value.text;
        } else if (entry.key == "faults" && entry.value.kind == yaml::Node::Kind::sequence) {
            for (std::size_t i = 0; i < entry.value.entries.size(); ++i) {
                auto fault =
                    read_fault(entry.value.entries[i].value, place, "faults[" + std::to_string(i) + "]", limits);
                if (!fault) return fault.error();
                scenario.faults.push_back(*fault);
            }
        } else if (entry.key == "schema" || entry.key == "note" || entry.key == "faults") {
            return place_error(place, entry.line, entry.key,
                               {std::string("is ") + yaml::describe(entry.value.kind), "",
                                entry.key == "faults" ? "a list of faults" : "a text"});
        } else {
            return place_error(place, entry.line, entry.key,
                               {"unknown key", "", did_you_mean(entry.key, {"schema", "note", "faults"})});
        }
    }
    if (!schema) return Error{"has no schema", place, std::string("'schema: ") + kSchema + "'"};
    if (scenario.faults.empty()) return Error{"holds no faults", place, "a list under 'faults'"};
    if (scenario.faults.size() > kMostFaults)
        return Error{"holds too many faults", place, "at most " + std::to_string(kMostFaults)};
    return scenario;
}

Result<FaultScenario> load_faults(const std::string& file, const CardConfig& card)
{
    const auto path = config::find_faults(file);
    if (!path) return path.error();
    const auto text = config::read_file(*path, yaml::kMaxBytes);
    if (!text) return text.error();
    return parse_faults(*text, *path, card);
}

}  // namespace lightcard
