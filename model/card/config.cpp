// SPDX-License-Identifier: Apache-2.0
// A card is its built-in defaults, then its parents from the oldest to the youngest, then --set.
#include "lightcard/model/card/config.h"

#include <algorithm>
#include <exception>

#include "lightcard/model/card/config_check.h"
#include "lightcard/model/card/config_echo.h"
#include "lightcard/model/card/config_fields.h"
#include "lightcard/model/card/config_files.h"
#include "lightcard/model/card/yaml_reader.h"
#include "lightcard/model/common/suggest.h"

namespace lightcard {

namespace {

using config::Field;
using config::Origin;
using yaml::Entry;
using yaml::Node;

constexpr int kMinor = 0;  // of schema lightcard/card/1
constexpr std::size_t kMostParents = 8;

class Loader {
public:
    Status load_file(const std::string& path);
    Status load_text(const std::string& text, const std::string& path);
    Status apply_override(const Override& override);
    Status check();
    CardConfig take();

private:
    Status read_layer(const std::string& path, const Node& root);
    Status load_parent(const std::string& path, const Entry& extends);
    Status load_devices(const std::string& path, const Entry& devices);
    Status load_device(const std::string& path);
    Status apply_group(const std::string& file, const std::string& group, const Node& node);
    Status apply_field(const std::string& file, const Field& field, const Entry& entry);
    Status apply_details(const std::string& file, const Field& field, const Entry& entry, Origin& origin);
    Origin& origin_of(const Field& field)
    {
        return origins_[static_cast<std::size_t>(&field - config::fields().begin())];
    }
    void keep_range_if_inside(const Field& field, Origin& origin);

    CardConfig config_;
    std::vector<Origin> origins_ = config::built_in_origins();
    int order_ = 0;
    std::vector<std::string> chain_;  ///< files being read, youngest first
};

std::string place(const std::string& file, int line)
{
    return file + ":" + std::to_string(line);
}

Error error_at(const std::string& where, const std::string& path, std::string what, std::string hint)
{
    return {std::move(what), path.empty() ? where : where + ": " + path, std::move(hint)};
}

Error error_at(const std::string& where, const std::string& path, const Error& error)
{
    return error_at(where, path, error.what, error.hint);
}

Error wrong_kind(const std::string& where, const std::string& path, const char* expected, Node::Kind kind)
{
    return error_at(where, path, std::string("expected ") + expected + ", found " + yaml::describe(kind), "");
}

/// "lightcard/card/1" or "lightcard/card/1.2"; the minor version, or -1. `prefix` has the major version.
int minor_of_schema(const std::string& text, const std::string& prefix)
{
    if (text == prefix) return 0;
    const bool dotted = text.size() > prefix.size() + 1 && text.size() < prefix.size() + 6 &&
                        text.compare(0, prefix.size() + 1, prefix + ".") == 0;
    if (!dotted) return -1;
    int minor = 0;
    for (const char c : text.substr(prefix.size() + 1)) {
        if (c < '0' || c > '9') return -1;
        minor = minor * 10 + (c - '0');
    }
    return minor;
}

/// `kind`: "card" or "device".
Status check_schema(const std::string& path, const Node& root, const std::string& kind)
{
    const std::string schema_name = "lightcard/" + kind + "/1";
    const std::string known = "schema: " + schema_name;
    if (root.kind != Node::Kind::map)
        return error_at(place(path, root.line), "", "not a " + kind + " file", "starts with '" + known + "'");
    const Entry* schema = root.find("schema");
    if (!schema) return error_at(place(path, 1), "schema", "missing", "a " + kind + " starts with '" + known + "'");
    const std::string where = place(path, schema->line);
    const int minor = minor_of_schema(schema->value.text, schema_name);
    if (minor < 0) return error_at(where, "schema", "unknown schema '" + schema->value.text + "'", "'" + known + "'");
    if (minor > kMinor) {
        return error_at(where, "schema", "schema '" + schema->value.text + "' is newer than this program",
                        "reads up to " + schema_name + "." + std::to_string(kMinor));
    }
    return {};
}

Status check_keys(const std::string& path, const Node& map, const std::string& group,
                  const std::vector<std::string>& keys)
{
    for (const Entry& entry : map.entries) {
        if (std::find(keys.begin(), keys.end(), entry.key) != keys.end()) continue;
        const std::string near = nearest_name(entry.key, keys);
        return error_at(place(path, entry.line), group + entry.key, "unknown key",
                        near.empty() ? config::suggest_path(entry.key) : "did you mean '" + near + "'?");
    }
    return {};
}

Status Loader::load_file(const std::string& path)
{
    const std::string canonical = config::canonical_path(path);
    if (std::find(chain_.begin(), chain_.end(), canonical) != chain_.end()) {
        return Error{"a card cannot extend itself", path, "each card has one chain of parents"};
    }
    chain_.push_back(canonical);
    if (chain_.size() > kMostParents + 1)
        return Error{"too many parents", path, "at most " + std::to_string(kMostParents)};
    const Result<std::string> bytes = config::read_file(path, yaml::kMaxBytes);
    if (!bytes) return bytes.error();
    return load_text(*bytes, path);
}

Status Loader::load_text(const std::string& text, const std::string& path)
{
    const Result<Node> root = yaml::read(text, path);
    if (!root) return root.error();
    return read_layer(path, *root);
}

Status Loader::read_layer(const std::string& path, const Node& root)
{
    if (Status status = check_schema(path, root, "card"); !status) return status;
    if (Status status = check_keys(path, root, "", {"schema", "extends", "card", "devices", "run", "host"}); !status)
        return status;
    if (const Entry* extends = root.find("extends")) {
        if (Status status = load_parent(path, *extends); !status) return status;
    }
    if (const Entry* devices = root.find("devices")) {
        if (Status status = load_devices(path, *devices); !status) return status;
    }
    for (const char* group : {"card", "run", "host"}) {
        const Entry* entry = root.find(group);
        if (!entry) continue;
        if (Status status = apply_group(path, group, entry->value); !status) return status;
    }
    const Entry* card = root.find("card");
    if (!card || !card->value.find("name")) {  // a child is not its parent
        (void)config::set_field(*config::find_field("card.name"), config_, config::stem_of(path));
    }
    return {};
}

Status Loader::load_parent(const std::string& path, const Entry& extends)
{
    const std::string where = place(path, extends.line);
    if (extends.value.kind != Node::Kind::scalar) {
        return wrong_kind(where, "extends", "the name or path of one card", extends.value.kind);
    }
    const Result<std::string> parent = config::find_card(extends.value.text, config::directory_of(path));
    if (!parent) return error_at(where, "extends", parent.error());
    Status status = load_file(*parent);
    const bool chain_broken = !status && status.error().where == *parent;  // no line of its own: say who asked
    return chain_broken
               ? Status(error_at(where, "extends", "'" + *parent + "': " + status.error().what, status.error().hint))
               : status;
}

Status Loader::load_devices(const std::string& path, const Entry& devices)
{
    const std::string where = place(path, devices.line);
    if (devices.value.kind == Node::Kind::null) return {};
    if (devices.value.kind != Node::Kind::sequence)
        return wrong_kind(where, "devices", "a list of device names or paths", devices.value.kind);
    for (const Entry& entry : devices.value.entries) {
        if (entry.value.kind != Node::Kind::scalar)
            return wrong_kind(place(path, entry.value.line), "devices", "the name or path of a device",
                              entry.value.kind);
        const Result<std::string> device = config::find_device(entry.value.text, config::directory_of(path));
        if (!device) return error_at(place(path, entry.value.line), "devices", device.error());
        if (Status status = load_device(*device); !status) return status;
    }
    return {};
}

/// A device has the parameters of one part, with their evidence; it is no card: no name, no cores, no run.
Status Loader::load_device(const std::string& path)
{
    const Result<std::string> bytes = config::read_file(path, yaml::kMaxBytes);
    if (!bytes) return bytes.error();
    const Result<Node> root = yaml::read(*bytes, path);
    if (!root) return root.error();
    if (Status status = check_schema(path, *root, "device"); !status) return status;
    if (Status status = check_keys(path, *root, "", {"schema", "device", "card"}); !status) return status;
    if (const Entry* device = root->find("device")) {
        if (Status status = check_keys(path, device->value, "device.", {"kind", "note"}); !status) return status;
    }
    const Entry* card = root->find("card");
    if (!card) return error_at(place(path, 1), "card", "missing", "the parameters of the device");
    for (const Entry& group : card->value.entries) {
        if (group.value.kind != Node::Kind::map || config::find_field("card." + group.key))
            return error_at(place(path, group.line), "card." + group.key, "not a parameter of a device",
                            "core, converters, pcm, control, memory, link or power");
    }
    return apply_group(path, "card", card->value);
}

Status Loader::apply_group(const std::string& file, const std::string& group, const Node& node)
{
    if (node.kind == Node::Kind::null) return {};  // everything below is commented out
    if (node.kind != Node::Kind::map) return wrong_kind(place(file, node.line), group, "a map", node.kind);
    for (const Entry& entry : node.entries) {
        const std::string path = group + "." + entry.key;
        Status status;
        if (const Field* field = config::find_field(path)) {
            status = apply_field(file, *field, entry);
        } else if (config::is_group(path)) {
            status = apply_group(file, path, entry.value);
        } else {
            status = error_at(place(file, entry.line), path, "unknown key", config::suggest_path(path));
        }
        if (!status) return status;
    }
    return {};
}

Status Loader::apply_field(const std::string& file, const Field& field, const Entry& entry)
{
    const std::string where = place(file, entry.line);
    const Node* value = &entry.value;
    if (value->kind == Node::Kind::map) {
        const Entry* inner = value->find("value");
        if (!inner)
            return error_at(where, field.path, "has no 'value'",
                            "{value: ..., source: ..., grade: ..., range: [.., ..]}");
        value = &inner->value;
    }
    if (value->kind != Node::Kind::scalar) return wrong_kind(where, field.path, "a value", value->kind);
    if (Status status = config::set_field(field, config_, value->text); !status) {
        return error_at(place(file, value->line), field.path, status.error());
    }
    Origin& origin = origin_of(field);
    origin.place = where;
    origin.order = ++order_;
    if (config::needs_source(field))
        origin.source = "no source given in " + config::stem_of(file), origin.grade = "assumed";
    if (entry.value.kind == Node::Kind::map) {
        if (Status status = apply_details(file, field, entry, origin); !status) return status;
    }
    if (!entry.value.find("range")) keep_range_if_inside(field, origin);
    return {};
}

Status Loader::apply_details(const std::string& file, const Field& field, const Entry& entry, Origin& origin)
{
    const std::vector<std::string> keys = {"value", "source", "grade", "range"};
    const std::vector<std::string> grades = {"primary", "secondary", "computed", "assumed"};
    for (const Entry& detail : entry.value.entries) {
        const std::string where = place(file, detail.line);
        const std::string path = std::string(field.path) + "." + detail.key;
        if (std::find(keys.begin(), keys.end(), detail.key) == keys.end()) {
            return error_at(where, path, "unknown key", did_you_mean(detail.key, keys));
        }
        if (detail.key == "range") {
            const std::vector<Entry>& ends = detail.value.entries;
            const bool pair = detail.value.kind == Node::Kind::sequence && ends.size() == 2;
            if (!pair) return error_at(where, path, "expected a list of two values", "[smallest, largest]");
            const auto range = config::declared_range(field, config_, ends[0].value.text, ends[1].value.text);
            if (!range) return error_at(where, path, range.error());
            origin.range = *range;
        } else if (detail.value.kind != Node::Kind::scalar) {
            return wrong_kind(where, path, "text", detail.value.kind);
        }
    }
    const Entry* source = entry.value.find("source");
    const Entry* grade = entry.value.find("grade");
    if (!source != !grade) {
        return error_at(place(file, entry.line), field.path,
                        source ? "a source without a grade" : "a grade without a source",
                        "grades: " + join_choices(grades));
    }
    if (!source) return {};
    if (source->value.text.empty()) return error_at(place(file, source->line), field.path, "the source is empty", "");
    if (std::find(grades.begin(), grades.end(), grade->value.text) == grades.end()) {
        return error_at(place(file, grade->line), std::string(field.path) + ".grade",
                        "'" + grade->value.text + "' is not a grade", did_you_mean(grade->value.text, grades));
    }
    origin.source = source->value.text;
    origin.grade = grade->value.text;
    return {};
}

/// A range belongs to the evidence of the value before; it stays only as long as it still tells something true.
void Loader::keep_range_if_inside(const Field& field, Origin& origin)
{
    const std::size_t gap = origin.range.find(" .. ");
    if (gap == std::string::npos) return;
    if (!config::declared_range(field, config_, origin.range.substr(0, gap), origin.range.substr(gap + 4)))
        origin.range.clear();
}

Status Loader::apply_override(const Override& override)
{
    const auto& [path, value] = override;
    const std::string where = "command line: --set " + path.substr(0, 128) + "=" + value.substr(0, 128);
    const Field* field = config::find_field(path);
    if (!field) {
        if (config::is_group(path))
            return Error{"this is a group, not a parameter", where, config::suggest_path(path + ".")};
        return Error{"unknown key", where, config::suggest_path(path)};
    }
    if (Status status = config::set_field(*field, config_, value); !status) return error_at(where, "", status.error());
    Origin& origin = origin_of(*field);
    origin.place = where;
    origin.order = ++order_;
    if (config::needs_source(*field)) origin.source = "command line", origin.grade = "assumed";
    keep_range_if_inside(*field, origin);
    return {};
}

Status Loader::check()
{
    const std::optional<config::Problem> problem = config::find_problem(config_);
    if (!problem) return {};
    const char* last = problem->paths.front();  // the parameter set last is the one to look at
    for (const char* path : problem->paths) {
        const int order = origin_of(*config::find_field(path)).order;
        if (order > origin_of(*config::find_field(last)).order) last = path;
    }
    return error_at(origin_of(*config::find_field(last)).place, last, problem->what, problem->hint);
}

CardConfig Loader::take()
{
    config::resolve(config_, origins_);
    return std::move(config_);
}

Result<CardConfig> finish(Loader& loader, const std::vector<Override>& overrides)
{
    for (const Override& override : overrides) {
        if (Status status = loader.apply_override(override); !status) return status.error();
    }
    if (Status status = loader.check(); !status) return status.error();
    return loader.take();
}

/// Runs `load` on a fresh loader; out of memory or a file system that fails half-way is an error like others.
template <class Load>
Result<CardConfig> guarded(const std::string& file, const std::vector<Override>& overrides, Load load)
{
    try {
        Loader loader;
        if (Status status = load(loader); !status) return status.error();
        return finish(loader, overrides);
    } catch (const std::exception& e) {
        return Error{std::string("cannot be read: ") + e.what(), file, ""};
    }
}

}  // namespace

Result<CardConfig> load_card(const std::string& file, const std::vector<Override>& overrides)
{
    return guarded(file, overrides, [&](Loader& loader) -> Status {
        const Result<std::string> path = config::find_card(file, "");
        return path ? loader.load_file(*path) : Status(path.error());
    });
}

Result<CardConfig> parse_card(const std::string& text, const std::string& place, const std::vector<Override>& overrides)
{
    return guarded(place, overrides, [&](Loader& loader) { return loader.load_text(text, place); });
}

CardConfig default_card()
{
    CardConfig card;
    config::resolve(card, config::built_in_origins());
    return card;
}

}  // namespace lightcard
