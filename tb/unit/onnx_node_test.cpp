// SPDX-License-Identifier: Apache-2.0
/// ONNX's own tests of its operators (Debian package libonnx-testdata), through importer and fp32 executor: every test
/// whose operators are all supported must pass, but for those excluded below with a reason. Built a second time with
/// LIGHTCARD_NODE_TESTS_ON_CARD, what maps runs on the SystemC card instead of the record machine.
#define ONNX_ML 1
#define ONNX_NAMESPACE onnx
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <set>

#include "lightcard/platform/compiler/float_executor.h"
#include "lightcard/platform/compiler/int8_reference.h"
#include "lightcard/platform/compiler/lower.h"
#include "lightcard/platform/compiler/onnx_import.h"
#include "lightcard/platform/compiler/onnx_reader.h"
#include "lightcard/platform/compiler/quantise.h"
#ifdef LIGHTCARD_NODE_TESTS_ON_CARD
#include "lightcard/platform/driver/program_runner.h"
#include "lightcard/tb/card/rig.h"
#endif
#include "lightcard/tb/unit/record_machine.h"

namespace lightcard::compiler {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = "/usr/share/libonnx-testdata/data";
constexpr double kRelative = 1e-3, kAbsolute = 1e-7;  // the tolerances of ONNX's own test runner
constexpr std::int64_t kMaxElements = 1 << 24;

/// Inputs that the importer takes as constants only; the test's data is put into the model as such.
const std::map<std::string, std::set<int>> kParameters = {{"Reshape", {1}},
                                                          {"Slice", {1, 2, 3, 4}},
                                                          {"Pad", {1, 2, 3}},
                                                          {"Clip", {1, 2}},
                                                          {"Expand", {1}},
                                                          {"Squeeze", {1}},
                                                          {"Unsqueeze", {1}},
                                                          {"Split", {1}},
                                                          {"ConstantOfShape", {0}},
                                                          {"Resize", {1, 2, 3}},
                                                          {"ReduceMean", {1}},
                                                          {"BatchNormalization", {1, 2, 3, 4}},
                                                          {"Dropout", {1, 2}},
                                                          {"QuantizeLinear", {1, 2}},
                                                          {"DequantizeLinear", {1, 2}}};

/// Weights, which the card takes as constants only.
const std::map<std::string, std::set<int>> kWeights = {
    {"Conv", {1, 2}}, {"Gemm", {1, 2}}, {"LayerNormalization", {1, 2}}};

struct Exclusion {
    const char *pattern, *reason;  ///< part of the test's name
};
constexpr Exclusion kExcluded[] = {
    {"convtranspose_1d", "a transposed window over one dimension"},
    {"BFLOAT16", "bfloat16, which this release of the tests stores as 16-bit integers"},
    {"3d_default", "windows over three dimensions"},
    {"convtranspose_3d", "windows over three dimensions"},
    {"Conv3d", "windows over three dimensions"},
    {"MaxPool3d", "windows over three dimensions"},
    {"AvgPool3d", "windows over three dimensions"},
    {"conv3d", "windows over three dimensions"},
    {"maxpool_with_argmax", "indices as a second output"},
    {"training_dropout", "training"},
    {"dropout_random", "training"},
    {"training_mode", "training"},
    {"STRING", "strings"},
    {"identity_sequence", "sequences"},
    {"identity_opt", "optional values"},
    {"resize_tf_crop_and_resize", "a region of interest"},
};

std::string read(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool all_supported(const onnx::GraphProto& graph, const std::set<std::string>& known)
{
    return std::all_of(graph.node().begin(), graph.node().end(), [&](const onnx::NodeProto& node) {
        return (node.domain().empty() || node.domain() == "ai.onnx") && known.count(node.op_type()) > 0;
    });
}

bool is_parameter(const onnx::GraphProto& graph, const std::string& name,
                  const std::map<std::string, std::set<int>>& parameters = kParameters)
{
    for (const auto& node : graph.node()) {
        const auto slots = parameters.find(node.op_type());
        if (slots == parameters.end()) continue;
        for (int i = 0; i < node.input_size(); ++i)
            if (node.input(i) == name && slots->second.count(i) > 0) return true;
    }
    return false;
}

/// "" if the values agree, else where they do not.
std::string difference(const Tensor& expected, const Tensor& got)
{
    if (expected.integer != got.integer) return "its type differs";
    if (expected.shape != got.shape) return "shape " + describe(got.shape) + ", not " + describe(expected.shape);
    if (expected.ints != got.ints) return "integers differ";
    for (std::size_t i = 0; i < expected.real.size(); ++i) {
        const auto want = static_cast<double>(expected.real[i]), have = static_cast<double>(got.real[i]);
        const bool same = want == have || (std::isnan(want) && std::isnan(have));
        if (!same && !(std::fabs(want - have) <= kAbsolute + kRelative * std::fabs(want)))
            return "value " + std::to_string(i) + " is " + std::to_string(have) + ", not " + std::to_string(want);
    }
    return "";
}

Result<Tensor> tensor_of(const fs::path& path)
{
    onnx::TensorProto proto;
    if (!proto.ParseFromString(read(path))) return Error{"no tensor", path.string(), ""};
    return decode_tensor(proto, kMaxElements);
}

/// One data set of one test: "" or what went wrong.
std::string run(onnx::ModelProto model, const fs::path& data)
{
    std::vector<Tensor> inputs;
    std::set<std::string> weights;
    for (const auto& tensor : model.graph().initializer()) weights.insert(tensor.name());
    int file = 0;
    for (const auto& input : model.graph().input()) {
        if (weights.count(input.name())) continue;
        const fs::path path = data / ("input_" + std::to_string(file++) + ".pb");
        if (is_parameter(model.graph(), input.name())) {
            auto* constant = model.mutable_graph()->add_initializer();
            constant->ParseFromString(read(path));
            constant->set_name(input.name());
            continue;
        }
        auto tensor = tensor_of(path);
        if (!tensor) return tensor.error().message();
        inputs.push_back(std::move(*tensor));
    }
    ImportOptions options;
    options.bind_batch = false;
    for (const bool fold : {false, true}) {
        options.fold = fold;
        const std::string bytes = model.SerializeAsString();
        const auto graph = import_onnx(bytes.data(), bytes.size(), options);
        if (!graph) return graph.error().message();
        const auto outputs = run_float(*graph, inputs);
        if (!outputs) return outputs.error().message();
        for (std::size_t i = 0; i < outputs->size(); ++i) {
            const auto expected = tensor_of(data / ("output_" + std::to_string(i) + ".pb"));
            if (!expected) return expected.error().message();
            const std::string wrong = difference(*expected, (*outputs)[i]);
            if (!wrong.empty()) return "output " + std::to_string(i) + ": " + wrong;
        }
    }
    return "";
}

struct Count {
    int passed = 0, excluded = 0, unsupported = 0;
};

const char* excluded(const std::string& name)
{
    for (const Exclusion& e : kExcluded)
        if (name.find(e.pattern) != std::string::npos) return e.reason;
    return nullptr;
}

[[maybe_unused]] void run_folder(const fs::path& folder, const std::set<std::string>& known, Count& count)
{
    std::vector<fs::path> tests;
    for (const auto& entry : fs::directory_iterator(folder))
        if (fs::exists(entry.path() / "model.onnx")) tests.push_back(entry.path());
    std::sort(tests.begin(), tests.end());
    for (const fs::path& test : tests) {
        onnx::ModelProto model;
        if (!model.ParseFromString(read(test / "model.onnx")) || !all_supported(model.graph(), known)) {
            ++count.unsupported;
            continue;
        }
        const std::string name = test.filename().string();
        const std::string wrong = run(model, test / "test_data_set_0");
        if (wrong.empty()) {
            ++count.passed;
        } else if (const char* reason = excluded(name)) {
            ++count.excluded;
            std::cout << "excluded: " << name << ": " << reason << '\n';
        } else {
            ADD_FAILURE() << name << ": " << wrong;
        }
    }
}

/// The model with its parameters and weights as constants, and its other inputs, one behind the other.
struct Prepared {
    Graph graph;
    std::vector<float> values;
    std::vector<Tensor> expected;
};

std::optional<Prepared> prepare(onnx::ModelProto model, const fs::path& data)
{
    Prepared prepared;
    int file = 0;
    std::set<std::string> weights;
    for (const auto& tensor : model.graph().initializer()) weights.insert(tensor.name());
    for (const auto& input : model.graph().input()) {
        if (weights.count(input.name())) continue;
        const fs::path path = data / ("input_" + std::to_string(file++) + ".pb");
        if (is_parameter(model.graph(), input.name()) || is_parameter(model.graph(), input.name(), kWeights)) {
            auto* constant = model.mutable_graph()->add_initializer();
            constant->ParseFromString(read(path));
            constant->set_name(input.name());
            continue;
        }
        const auto tensor = tensor_of(path);
        if (!tensor) return std::nullopt;
        prepared.values.insert(prepared.values.end(), tensor->real.begin(), tensor->real.end());
        for (const std::int64_t value : tensor->ints) prepared.values.push_back(static_cast<float>(value));
    }
    ImportOptions options;
    options.bind_batch = false;
    const std::string bytes = model.SerializeAsString();
    auto graph = import_onnx(bytes.data(), bytes.size(), options);
    if (!graph || graph->inputs.empty()) return std::nullopt;
    prepared.graph = std::move(*graph);
    for (std::size_t i = 0; i < prepared.graph.outputs.size(); ++i) {
        auto expected = tensor_of(data / ("output_" + std::to_string(i) + ".pb"));
        if (!expected || expected->integer) return std::nullopt;
        prepared.expected.push_back(std::move(*expected));
    }
    return prepared;
}

CardConfig card_for_nodes()
{
    CardConfig card;
#ifdef LIGHTCARD_NODE_TESTS_ON_CARD
    card = test::ideal_card();
#endif
    card.control.sram_bytes = 4 << 20;
    return card;
}

/// Runs programs: record by record on plain arrays, or through the queues of one card after another.
class Machine {
public:
#ifdef LIGHTCARD_NODE_TESTS_ON_CARD
    Machine() : rig_(card_for_nodes())
    {
        rig_.up();
    }

    void run(const driver::Program& program, std::vector<test::Bytes>& inputs, std::vector<test::Bytes>& outputs)
    {
        driver::ProgramRunner runner(*rig_.driver, program);
        test::must(runner.load());
        std::vector<const std::uint8_t*> in;
        std::vector<std::uint8_t*> out;
        for (const auto& input : inputs) in.push_back(input.data());
        for (auto& output : outputs) out.push_back(output.data());
        test::must(runner.run(in, out, 1));
        EXPECT_EQ(rig_.card.diagnostics().count(Severity::guest_error), 0u);
    }

private:
    test::Rig rig_;
#else
    void run(const driver::Program& program, std::vector<test::Bytes>& inputs, std::vector<test::Bytes>& outputs)
    {
        test::RecordMachine machine(card_for_nodes().control.sram_bytes, program);
        test::RecordMachine::Args args{};
        for (std::size_t i = 0; i < inputs.size(); ++i) args[i] = &inputs[i];
        for (std::size_t i = 0; i < outputs.size(); ++i) args[inputs.size() + i] = &outputs[i];
        for (const auto* records : {&program.setup, &program.commands})
            for (const lc_record& record : *records) machine.execute(record, args);
    }
#endif
};

/// Bytes of the program's outputs; empty where it could not be made.
std::vector<test::Bytes> run_program(Machine& machine, const QuantGraph& quant, test::Bytes input)
{
    const auto program = lower(quant, card_for_nodes(), {1});
    if (!program) return {};
    std::vector<test::Bytes> inputs, outputs;
    for (const auto& tensor : program->inputs) {
        inputs.emplace_back(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(tensor.bytes_per_image));
        input.erase(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(tensor.bytes_per_image));
    }
    for (const auto& tensor : program->outputs) outputs.emplace_back(tensor.bytes_per_image);
    machine.run(*program, inputs, outputs);
    return outputs;
}

constexpr double kInt8Error = 0.04;  ///< of the largest value of an output

/// Where 8 bits of an input cannot be enough.
constexpr Exclusion kInt8Excluded[] = {
    {"layer_normalization", "the reciprocal of a deviation as a second output, from a table of 256 codes"},
    {"softmax_large_number", "exponents of 10,000 and 10,001 in steps of 79"},
};

/// True if the test maps onto the card; what it gives then must be right.
bool maps(Machine& machine, const Prepared& prepared, const std::string& name)
{
    const auto quant = quantise(prepared.graph, {prepared.values});
    if (!quant) return false;
    const auto codes = quantise_input(*quant, prepared.values.data());
    const auto values = run_int8(*quant, codes.data());
    const auto bytes = run_program(machine, *quant, codes);
    if (!values || bytes.empty()) return false;
    for (std::size_t o = 0; o < values->size(); ++o) {
        const QuantTensor& tensor = quant->nodes[static_cast<std::size_t>(quant->outputs[o])].out;
        EXPECT_EQ(bytes[o], to_bytes(tensor, (*values)[o])) << name << ": the program differs from the int8 reference";
        const auto got = dequantise(tensor, (*values)[o]);
        const auto& want = prepared.expected[o].real;
        if (got.size() != want.size()) {
            ADD_FAILURE() << name << ": " << got.size() << " values, not " << want.size();
            return true;
        }
        double most = 0, worst = 0;
        for (std::size_t i = 0; i < want.size(); ++i) {
            most = std::max(most, std::fabs(static_cast<double>(want[i])));
            worst = std::max(worst, std::fabs(static_cast<double>(want[i]) - static_cast<double>(got[i])));
        }
        const auto* end = std::end(kInt8Excluded);
        const auto* reason = std::find_if(std::begin(kInt8Excluded), end, [&name](const Exclusion& e) {
            return name.find(e.pattern) != std::string::npos;
        });
        if (reason != end && worst > kInt8Error * most)
            std::cout << "not within " << kInt8Error << ": " << name << ", output " << o << ": " << reason->reason
                      << '\n';
        else
            EXPECT_LE(worst, kInt8Error * most) << name << ", output " << o;
    }
    return true;
}

/// The same tests through quantisation and lowering, as far as the card has their operators: int8 close to the expected
/// values, and the program's bytes those of the int8 reference.
void run_what_maps()
{
    if (!fs::exists(kRoot)) GTEST_SKIP() << kRoot << " is missing: install libonnx-testdata (scripts/setup)";
    const auto names = supported_operator_names();
    const std::set<std::string> known(names.begin(), names.end());
    Machine machine;
    int mapped = 0, others = 0;
    std::map<std::string, int> operators;
    for (const char* folder : {"node", "simple", "pytorch-converted", "pytorch-operator"}) {
        for (const auto& entry : fs::directory_iterator(kRoot / folder)) {
            onnx::ModelProto model;
            if (!model.ParseFromString(read(entry.path() / "model.onnx"))) continue;
            if (!all_supported(model.graph(), known) || excluded(entry.path().filename().string())) continue;
            const auto prepared = prepare(model, entry.path() / "test_data_set_0");
            if (!prepared || !maps(machine, *prepared, entry.path().filename().string())) {
                ++others;
                continue;
            }
            ++mapped;
            for (const auto& node : model.graph().node()) ++operators[node.op_type()];
        }
    }
    std::cout << "ONNX operator tests through the card: " << mapped << " map, " << others << " do not;";
    for (const auto& [name, count] : operators) std::cout << ' ' << name << ' ' << count;
    std::cout << '\n';
    EXPECT_GT(mapped, 200);
}

#ifdef LIGHTCARD_NODE_TESTS_ON_CARD
TEST(OnnxNodeTestsOnTheCard, WhereTheyMap)
{
    run_what_maps();
}
#else
TEST(OnnxNodeTests, ThroughLoweringWhereTheyMap)
{
    run_what_maps();
}

TEST(OnnxNodeTests, EverySupportedOperator)
{
    if (!fs::exists(kRoot)) GTEST_SKIP() << kRoot << " is missing: install libonnx-testdata (scripts/setup)";
    const auto names = supported_operator_names();
    const std::set<std::string> known(names.begin(), names.end());
    int passed = 0;
    for (const char* folder : {"node", "simple", "pytorch-converted", "pytorch-operator"}) {
        Count count;
        run_folder(kRoot / folder, known, count);
        std::cout << folder << ": " << count.passed << " passed, " << count.excluded << " excluded, "
                  << count.unsupported << " with operators that are not supported\n";
        passed += count.passed;
    }
    std::cout << "ONNX operator tests passed: " << passed << " (" << names.size() << " operators)\n";
    EXPECT_GT(passed, 300) << "the tests were not found where they are expected";
}
#endif

}  // namespace
}  // namespace lightcard::compiler
