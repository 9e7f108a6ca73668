// SPDX-License-Identifier: Apache-2.0
// Sweep files: reading, and which command every point is.
#include "lightcard/platform/cli/sweep.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <nlohmann/json.hpp>

#include "lightcard/model/card/yaml_reader.h"
#include "lightcard/model/common/suggest.h"
#include "lightcard/platform/cli/inputs.h"

namespace lightcard::cli {

namespace {

using yaml::Node;

/// A reader of one map: what has been asked for is known, everything else is refused.
class Map {
public:
    Map(const Node& node, const std::string& file, const std::string& path) : node_(node), file_(file), path_(path) {}

    Status check(const std::vector<std::string>& known) const
    {
        if (node_.kind != Node::Kind::map) return error(node_.line, "is " + describe(node_.kind) + ", not a map");
        for (const auto& entry : node_.entries)
            if (std::find(known.begin(), known.end(), entry.key) == known.end())
                return Error{"unknown key '" + entry.key + "'", place(entry.line), did_you_mean(entry.key, known)};
        return {};
    }
    const Node* find(const std::string& key) const
    {
        const auto* entry = node_.find(key);
        return entry == nullptr ? nullptr : &entry->value;
    }
    /// Text of a scalar; `missing` where the key is not there.
    Result<std::string> text(const std::string& key, std::optional<std::string> missing = std::nullopt) const
    {
        const Node* value = find(key);
        if (value == nullptr) {
            if (missing) return *missing;
            return error(node_.line, "needs '" + key + "'");
        }
        if (value->kind != Node::Kind::scalar) return error(value->line, "'" + key + "' must be text");
        return value->text;
    }
    Error error(int line, const std::string& what) const { return {what, place(line), ""}; }
    std::string place(int line) const { return file_ + ":" + std::to_string(line) + ": " + path_; }
    int line() const { return node_.line; }

private:
    static std::string describe(Node::Kind kind) { return yaml::describe(kind); }

    const Node& node_;
    const std::string &file_, path_;
};

Result<std::vector<std::string>> texts(const Map& map, const std::string& key)
{
    std::vector<std::string> all;
    const Node* list = map.find(key);
    if (list == nullptr) return all;
    if (list->kind != Node::Kind::sequence) return map.error(list->line, "'" + key + "' must be a list");
    for (const auto& entry : list->entries) {
        if (entry.value.kind != Node::Kind::scalar)
            return map.error(entry.value.line, "'" + key + "' must be a list of texts");
        all.push_back(entry.value.text);
    }
    return all;
}

/// {run.seed: 3, card.core.n: 64}
Result<std::vector<Override>> overrides(const Map& map, const std::string& key)
{
    std::vector<Override> all;
    const Node* node = map.find(key);
    if (node == nullptr || node->kind == Node::Kind::null) return all;
    if (node->kind != Node::Kind::map)
        return map.error(node->line, "'" + key + "' must be a map from parameters to values");
    for (const auto& entry : node->entries) {
        if (entry.value.kind != Node::Kind::scalar)
            return map.error(entry.line, "'" + entry.key + "' must have one value");
        all.emplace_back(entry.key, entry.value.text);
    }
    return all;
}

/// The leading number of "4 dB"; nothing if there is none.
std::optional<double> number_in(const std::string& text)
{
    const std::string first = text.substr(0, text.find(' '));
    const auto value = parse_ratio(!first.empty() && first.back() == '%' ? first.substr(0, first.size() - 1) : first);
    return value ? std::optional<double>(*value) : std::nullopt;
}

Result<SweepAxis> parameter_axis(const Map& map, SweepAxis axis)
{
    if (auto good = map.check({"label", "parameter", "values", "logarithmic"}); !good) return good.error();
    const auto parameter = map.text("parameter");
    if (!parameter) return parameter.error();
    const auto values = texts(map, "values");
    if (!values) return values.error();
    for (const auto& value : *values) axis.cases.push_back({value, {{*parameter, value}}, number_in(value), {}});
    return axis;
}

Result<SweepAxis> case_axis(const Map& map, SweepAxis axis, const std::string& file, const std::string& path)
{
    if (auto good = map.check({"label", "cases", "logarithmic"}); !good) return good.error();
    const Node* list = map.find("cases");
    if (list == nullptr) return map.error(map.line(), "needs 'parameter' and 'values', or 'cases'");
    if (list->kind != Node::Kind::sequence) return map.error(list->line, "'cases' must be a list");
    for (const auto& entry : list->entries) {
        const Map one(entry.value, file, path);
        if (auto good = one.check({"label", "set", "value", "with"}); !good) return good.error();
        const auto label = one.text("label"), value = one.text("value", "");
        if (!label) return label.error();
        if (!value) return value.error();
        const auto set = overrides(one, "set");
        if (!set) return set.error();
        const auto with = overrides(one, "with");
        if (!with) return with.error();
        axis.cases.push_back({*label, *set, number_in(*value), *with});
    }
    return axis;
}

Result<SweepAxis> read_axis(const Node& node, const std::string& file, const std::string& path)
{
    const Map map(node, file, path);
    if (node.kind != Node::Kind::map) return map.error(node.line, "an axis must be a map");
    const auto label = map.text("label"), logarithmic = map.text("logarithmic", "off");
    if (!label) return label.error();
    if (!logarithmic) return logarithmic.error();
    if (*logarithmic != "on" && *logarithmic != "off") return map.error(node.line, "'logarithmic' must be on or off");
    SweepAxis axis;
    axis.label = *label;
    axis.logarithmic = *logarithmic == "on";
    auto read = map.find("parameter") != nullptr ? parameter_axis(map, axis) : case_axis(map, axis, file, path);
    if (read && read->cases.empty()) return map.error(node.line, "axis '" + axis.label + "' has no points");
    if (read && axis.logarithmic)
        for (const auto& one : read->cases)
            if (!one.value || !(*one.value > 0))
                return map.error(node.line, "'" + one.label + "' has no place on a logarithmic axis");
    return read;
}

Result<SweepFigure> read_figure(const Node& node, const std::string& file, const std::string& path)
{
    const Map map(node, file, path);
    if (auto good = map.check({"label", "path", "unit", "scale"}); !good) return good.error();
    const auto label = map.text("label"), where = map.text("path"), unit = map.text("unit", ""),
               scale = map.text("scale", "1");
    for (const auto* part : {&label, &where, &unit, &scale})
        if (!*part) return part->error();
    const auto factor = parse_ratio(*scale);
    if (!factor) return map.error(node.line, "'scale' must be a number, as 100 or 1/1000");
    return SweepFigure{*label, *where, *unit, *factor};
}

/// `take` every item of a list that has `least` to `most` of them.
Status each_of(const Map& map, const std::string& key, std::size_t least, std::size_t most,
               const std::function<Status(const Node&, const std::string&)>& take)
{
    const Node* list = map.find(key);
    const std::size_t count = list == nullptr || list->kind != Node::Kind::sequence ? 0 : list->entries.size();
    if (count < least || count > most)
        return map.error(list == nullptr ? map.line() : list->line,
                         "'" + key + "' must be a list of " + std::to_string(least) + " to " + std::to_string(most));
    for (std::size_t i = 0; i < count; ++i)
        if (auto good = take(list->entries[i].value, key + "[" + std::to_string(i) + "]"); !good) return good;
    return {};
}

/// What the sweep sets itself.
Status check_arguments(const Map& map, const Sweep& sweep)
{
    for (const auto& argument : sweep.arguments)
        for (const char* own : {"--json", "--report", "-o", "--set"})
            if (argument == own || argument.rfind(std::string(own) + "=", 0) == 0)
                return map.error(map.find("arguments")->line, std::string(own) + " belongs to the sweep");
    return {};
}

/// $NAME by what a case of the point gives it; any other text as it is.
std::string filled_in(const std::string& value, const std::vector<const SweepCase*>& cases)
{
    if (value.empty() || value.front() != '$') return value;
    for (const SweepCase* one : cases)
        for (const auto& [name, text] : one->with)
            if (value.compare(1, std::string::npos, name) == 0) return text;
    return value;
}

/// Every $NAME of a `set` has a meaning at every point.
Status check_names(const Sweep& sweep, const std::string& file)
{
    for (std::size_t point = 0; point < sweep.points(); ++point)
        for (const std::string& word : sweep.command(point))
            if (const auto at = word.find("=$"); at != std::string::npos)
                return Error{"nothing gives '" + word.substr(at + 1) + "' a value", file + ": " + word.substr(0, at),
                             "'with' of a case of the other axis"};
    return {};
}

constexpr std::uint32_t kMostSeeds = 100;
constexpr std::size_t kMostAxes = 2, kMostFigures = 16;
constexpr const char* kSchema = "lightcard/sweep/1";

}  // namespace

bool SweepAxis::numeric() const
{
    return std::all_of(cases.begin(), cases.end(), [](const SweepCase& one) { return one.value.has_value(); });
}

std::size_t Sweep::points() const
{
    std::size_t count = 1;
    for (const auto& axis : axes) count *= axis.cases.size();
    return count;
}

std::vector<const SweepCase*> Sweep::at(std::size_t point) const
{
    std::vector<const SweepCase*> cases(axes.size());
    for (std::size_t i = axes.size(); i-- > 0; point /= axes[i].cases.size())
        cases[i] = &axes[i].cases[point % axes[i].cases.size()];
    return cases;
}

std::vector<std::string> Sweep::command(std::size_t point, std::uint32_t seed) const
{
    std::vector<std::string> words = {"run"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const auto cases = at(point);
    const auto add = [&](const std::vector<Override>& all) {
        for (const auto& [path, value] : all) {
            words.emplace_back("--set");
            words.push_back(path + "=" + filled_in(value, cases));
        }
    };
    add(set);
    for (const SweepCase* one : cases) add(one->set);
    if (seeds > 1) add({{"run.seed", std::to_string(seed + 1)}});
    return words;
}

SweepResult combine_seeds(const std::vector<SweepResult>& runs)
{
    const auto failed = std::find_if(runs.begin(), runs.end(), [](const SweepResult& run) { return run.status != 0; });
    if (failed != runs.end()) return *failed;
    SweepResult point = runs.front();
    if (runs.size() == 1) return point;
    point.errors.resize(point.figures.size());
    for (std::size_t f = 0; f < point.figures.size(); ++f) {
        double sum = 0, squares = 0;
        bool all = true;
        for (const auto& run : runs) {
            all = all && run.figures[f].has_value();
            sum += run.figures[f].value_or(0);
        }
        point.figures[f] = std::nullopt;
        if (!all) continue;
        const double count = static_cast<double>(runs.size()), mean = sum / count;
        for (const auto& run : runs) squares += (*run.figures[f] - mean) * (*run.figures[f] - mean);
        point.figures[f] = mean;
        point.errors[f] = std::sqrt(squares / (count - 1) / count);
    }
    return point;
}

Result<Sweep> parse_sweep(const std::string& text, const std::string& file)
{
    const auto root = yaml::read(text, file);
    if (!root) return root.error();
    const std::string top = "sweep";
    const Map map(*root, file, top);
    if (auto good = map.check({"schema", "title", "note", "arguments", "set", "seeds", "axes", "figures"}); !good)
        return good.error();
    const auto schema = map.text("schema"), title = map.text("title"), note = map.text("note", "");
    for (const auto* part : {&schema, &title, &note})
        if (!*part) return part->error();
    if (*schema != kSchema) return Error{"unknown schema '" + *schema + "'", map.place(root->line), kSchema};
    Sweep sweep;
    sweep.title = *title;
    sweep.note = *note;
    const auto arguments = texts(map, "arguments");
    if (!arguments) return arguments.error();
    sweep.arguments = *arguments;
    if (auto good = check_arguments(map, sweep); !good) return good.error();
    const auto set = overrides(map, "set");
    if (!set) return set.error();
    sweep.set = *set;
    const auto seeds = map.text("seeds", "1");
    if (!seeds) return seeds.error();
    const auto count = parse_ratio(*seeds);
    if (!count || !(*count >= 1 && *count <= kMostSeeds) || *count != std::floor(*count))
        return map.error(map.find("seeds")->line, "'seeds' must be 1 to " + std::to_string(kMostSeeds));
    sweep.seeds = static_cast<std::uint32_t>(*count);
    auto good = each_of(map, "axes", 1, kMostAxes, [&](const Node& node, const std::string& path) -> Status {
        auto axis = read_axis(node, file, path);
        if (!axis) return axis.error();
        sweep.axes.push_back(std::move(*axis));
        return {};
    });
    if (!good) return good.error();
    good = each_of(map, "figures", 1, kMostFigures, [&](const Node& node, const std::string& path) -> Status {
        auto figure = read_figure(node, file, path);
        if (!figure) return figure.error();
        sweep.figures.push_back(std::move(*figure));
        return {};
    });
    if (!good) return good.error();
    if (sweep.runs() > kMostSweepPoints)
        return map.error(root->line,
                         std::to_string(sweep.runs()) + " points, at most " + std::to_string(kMostSweepPoints));
    if (auto known = check_names(sweep, file); !known) return known.error();
    return sweep;
}

Result<SweepResult> read_point(const Sweep& sweep, const std::string& json)
{
    const auto report = nlohmann::json::parse(json, nullptr, false);
    if (report.is_discarded()) return Error{"the report of a point is no JSON", "", ""};
    SweepResult result;
    if (const auto card = report.find("card"); card != report.end())
        result.config_hash = card->value("config_hash", "");
    for (const auto& figure : sweep.figures) {
        std::string pointer = "/" + figure.path;
        std::replace(pointer.begin(), pointer.end(), '.', '/');
        const nlohmann::json::json_pointer where(pointer);
        const bool there = report.contains(where) && report.at(where).is_number();
        result.figures.push_back(there ? std::optional<double>(report.at(where).get<double>() * figure.scale)
                                       : std::nullopt);
    }
    return result;
}

}  // namespace lightcard::cli
