// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/judge.h"

#include "lightcard/platform/compiler/float_executor.h"
#include "lightcard/platform/compiler/int8_reference.h"
#include "lightcard/platform/compiler/quant_tensor.h"

namespace lightcard::cli {

namespace {

const compiler::QuantTensor& first_output(const Prepared& prepared)
{
    return prepared.quantised.nodes[static_cast<std::size_t>(prepared.quantised.outputs[0])].out;
}

void append(report::Outputs& outputs, const std::vector<float>& values)
{
    outputs.classes = values.size();
    outputs.values.insert(outputs.values.end(), values.begin(), values.end());
    ++outputs.images;
}

Result<report::Outputs> float_outputs(const Prepared& prepared, Progress& progress)
{
    report::Outputs outputs;
    for (std::size_t i = 0; i < prepared.inputs.count; ++i) {
        progress.update("fp32 reference", i, prepared.inputs.count);
        const auto result = compiler::run_float(prepared.graph, prepared.inputs.image(i));
        if (!result) return result.error();
        append(outputs, (*result)[0]);
    }
    return outputs;
}

Result<report::Outputs> int8_outputs(const Prepared& prepared, Progress& progress)
{
    report::Outputs outputs;
    const std::size_t bytes = prepared.codes.size() / prepared.inputs.count;
    for (std::size_t i = 0; i < prepared.inputs.count; ++i) {
        progress.update("int8 reference", i, prepared.inputs.count);
        const auto result = compiler::run_int8(prepared.quantised, prepared.codes.data() + i * bytes);
        if (!result) return result.error();
        append(outputs, compiler::dequantise(first_output(prepared), (*result)[0]));
    }
    return outputs;
}

}  // namespace

Result<report::Outputs> real_outputs(const Prepared& prepared, const std::vector<std::uint8_t>& bytes)
{
    const auto& tensor = first_output(prepared);
    const std::size_t size = compiler::byte_count(tensor);
    report::Outputs outputs;
    for (std::size_t i = 0; i < prepared.inputs.count; ++i) {
        const auto values = compiler::from_bytes(tensor, bytes.data() + i * size, size);
        if (!values) return values.error();
        append(outputs, compiler::dequantise(tensor, *values));
    }
    return outputs;
}

Result<report::Accuracy> judge(const RunRequest& request, const Prepared& prepared, const report::Outputs& card,
                               Progress& progress)
{
    report::Accuracy accuracy;
    accuracy.labelled = prepared.labels.size();
    accuracy.top1 = report::correct(card, prepared.labels, 1);
    accuracy.top5 = report::correct(card, prepared.labels, 5);
    if (request.compare_float) {
        const auto outputs = float_outputs(prepared, progress);
        if (!outputs) return outputs.error();
        accuracy.agreements.push_back(report::compare(card, *outputs, "fp32"));
        if (accuracy.labelled > 0) accuracy.reference_top1 = report::correct(*outputs, prepared.labels, 1);
    }
    if (request.check) {
        const auto outputs = int8_outputs(prepared, progress);
        if (!outputs) return outputs.error();
        accuracy.agreements.push_back(report::compare(card, *outputs, "int8"));
    }
    return accuracy;
}

}  // namespace lightcard::cli
