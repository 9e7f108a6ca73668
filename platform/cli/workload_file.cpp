// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/workload_file.h"

#include <charconv>
#include <fstream>

#include "lightcard/model/card/yaml_reader.h"
#include "lightcard/model/common/suggest.h"

namespace lightcard::cli {

namespace {

using compiler::Baseline;
using compiler::NetworkShape;
using compiler::ProductShape;

constexpr const char* kSchema = "lightcard/workload/1";
constexpr std::uint64_t kMost = std::uint64_t{1} << 32;  ///< of one size; their product must stay below 2^63

class WorkloadReader {
public:
    explicit WorkloadReader(std::string path) : path_(std::move(path)) {}

    Result<NetworkShape> read(const yaml::Node& root)
    {
        if (root.kind != yaml::Node::Kind::map) return at(root.line, "not a map of keys", "schema: " + schema());
        Status good;
        bool versioned = false;
        for (const yaml::Entry& entry : root.entries) {
            if (entry.key == "schema") {
                versioned = true;
                if (entry.value.text != kSchema)
                    good = at(entry.line, "unknown schema '" + entry.value.text + "'", schema());
            } else if (entry.key == "products") {
                good = products(entry.value);
            } else if (entry.key == "baselines") {
                good = baselines(entry.value);
            } else {
                good = top(entry);
            }
            if (!good) return good.error();
        }
        if (!versioned) return at(1, "no schema", schema());
        if (result_.name.empty() || result_.source.empty()) return at(1, "a workload needs a name and a source", "");
        if (result_.products.empty()) return at(1, "a workload needs products", "");
        return std::move(result_);
    }

private:
    static std::string schema() { return kSchema; }

    Error at(int line, const std::string& what, const std::string& hint) const
    {
        return {what, path_ + ":" + std::to_string(line), hint};
    }

    Status text(const yaml::Entry& entry, std::string& out) const
    {
        if (entry.value.kind != yaml::Node::Kind::scalar || entry.value.text.empty())
            return at(entry.line, entry.key + " is " + yaml::describe(entry.value.kind), "text");
        out = entry.value.text;
        return {};
    }

    Status number(const yaml::Entry& entry, std::uint64_t least, std::uint64_t most, std::uint64_t& out) const
    {
        const std::string& digits = entry.value.text;
        const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), out);
        if (entry.value.kind != yaml::Node::Kind::scalar || parsed.ec != std::errc{} ||
            parsed.ptr != digits.data() + digits.size() || out < least || out > most)
            return at(entry.line, entry.key + " is '" + digits + "'",
                      "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
        return {};
    }

    Status top(const yaml::Entry& entry)
    {
        constexpr std::uint64_t kBytes = std::uint64_t{1} << 50;
        if (entry.key == "name") return text(entry, result_.name);
        if (entry.key == "source") return text(entry, result_.source);
        if (entry.key == "unit") return text(entry, result_.unit);
        if (entry.key == "requirement") return text(entry, result_.requirement);
        if (entry.key == "required_per_second") {
            std::uint64_t rate = 0;
            const Status good = number(entry, 1, kMost, rate);
            result_.required_per_second = static_cast<double>(rate);
            return good;
        }
        if (entry.key == "vector_elements") return number(entry, 0, kBytes, result_.vector_elements);
        if (entry.key == "activation_bytes") return number(entry, 0, kBytes, result_.activation_bytes);
        if (entry.key == "live_bytes") return number(entry, 0, kBytes, result_.live_bytes);
        if (entry.key == "input_bytes") return number(entry, 0, kBytes, result_.input_bytes);
        return at(entry.line, "unknown key '" + entry.key + "'",
                  did_you_mean(entry.key, {"schema", "name", "source", "unit", "products", "baselines", "requirement",
                                           "required_per_second", "vector_elements", "activation_bytes", "live_bytes",
                                           "input_bytes"}));
    }

    Status baselines(const yaml::Node& list)
    {
        if (list.kind != yaml::Node::Kind::sequence) return at(list.line, "baselines is no list", "");
        for (const yaml::Entry& item : list.entries) {
            Baseline baseline;
            std::uint64_t watts = 0, rate = 0;
            for (const yaml::Entry& entry : item.value.entries) {
                Status good;
                if (entry.key == "name")
                    good = text(entry, baseline.name);
                else if (entry.key == "source")
                    good = text(entry, baseline.source);
                else if (entry.key == "per_second")
                    good = number(entry, 1, kMost, rate);
                else if (entry.key == "watts")
                    good = number(entry, 1, kMost, watts);
                else
                    good = at(entry.line, "unknown key '" + entry.key + "'",
                              did_you_mean(entry.key, {"name", "source", "per_second", "watts"}));
                if (!good) return good;
            }
            if (baseline.name.empty() || baseline.source.empty() || rate == 0)
                return at(item.value.line, "a baseline needs name, source and per_second", "");
            baseline.per_second = static_cast<double>(rate);
            baseline.watts = static_cast<double>(watts);
            result_.baselines.push_back(std::move(baseline));
        }
        return {};
    }

    Status products(const yaml::Node& list)
    {
        if (list.kind != yaml::Node::Kind::sequence) return at(list.line, "products is no list", "");
        for (const yaml::Entry& item : list.entries)
            if (const Status good = product(item.value); !good) return good;
        return {};
    }

    Status product(const yaml::Node& map)
    {
        if (map.kind != yaml::Node::Kind::map)
            return at(map.line, "a product is no map", "{name, inputs, outputs, vectors}");
        ProductShape p;
        p.inputs = p.outputs = p.vectors = 0;
        for (const yaml::Entry& entry : map.entries) {
            Status good;
            if (entry.key == "name")
                good = text(entry, p.name);
            else if (std::uint64_t* value = field(p, entry.key))
                good = number(entry, 1, kMost, *value);
            else if (entry.key == "dynamic" && (entry.value.text == "true" || entry.value.text == "false"))
                p.dynamic = entry.value.text == "true";
            else
                good =
                    at(entry.line, "unknown key or value '" + entry.key + "'",
                       did_you_mean(entry.key, {"name", "inputs", "outputs", "vectors", "groups", "count", "dynamic"}));
            if (!good) return good;
        }
        if (p.name.empty() || p.inputs == 0 || p.outputs == 0 || p.vectors == 0)
            return at(map.line, "a product needs name, inputs, outputs and vectors", "");
        std::uint64_t sum = 1;
        for (std::uint64_t factor : {p.inputs, p.outputs, p.vectors, p.groups, p.count})
            if (__builtin_mul_overflow(sum, factor, &sum) || sum >> 56)
                return at(map.line, "product '" + p.name + "' is too large", "at most 2^56 multiplications");
        result_.products.push_back(std::move(p));
        return {};
    }

    static std::uint64_t* field(ProductShape& p, const std::string& key)
    {
        if (key == "inputs") return &p.inputs;
        if (key == "outputs") return &p.outputs;
        if (key == "vectors") return &p.vectors;
        if (key == "groups") return &p.groups;
        return key == "count" ? &p.count : nullptr;
    }

    std::string path_;
    NetworkShape result_;
};

}  // namespace

Result<NetworkShape> read_workload(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file) return Error{"cannot be read", path, ""};
    std::string text(yaml::kMaxBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    auto root = yaml::read(text, path);
    if (!root) return root.error();
    return WorkloadReader(path).read(*root);
}

}  // namespace lightcard::cli
