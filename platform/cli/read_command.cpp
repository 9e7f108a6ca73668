// SPDX-License-Identifier: Apache-2.0
// `lightcard read`: lines of text from pictures, by a recogniser on a card.
#include <algorithm>
#include <ostream>

#include "lightcard/platform/cli/commands.h"
#include "lightcard/platform/cli/ctc.h"
#include "lightcard/platform/cli/files.h"
#include "lightcard/platform/cli/judge.h"
#include "lightcard/platform/cli/run_request.h"
#include "lightcard/platform/cli/session.h"
#include "lightcard/platform/compiler/float_executor.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::cli {

namespace {

struct Texts {
    std::vector<std::string> keys, wanted;
    std::size_t steps = 0, classes = 0;
};

Status read_texts(const std::string& keys, const std::string& wanted, Texts& texts)
{
    auto lines = read_lines(keys);
    if (!lines) return lines.error();
    texts.keys = std::move(*lines);
    if (wanted.empty()) return {};
    auto known = read_lines(wanted);
    if (!known) return known.error();
    texts.wanted = std::move(*known);
    return {};
}

Status check_output(const compiler::Graph& graph, Texts& texts)
{
    const auto& shape = graph.nodes[static_cast<std::size_t>(graph.outputs[0])].shape;
    if (shape.size() != 3 || shape[0] != 1)
        return Error{"the network's output is " + compiler::describe(shape), "", "[1, steps, classes]"};
    texts.steps = static_cast<std::size_t>(shape[1]);
    texts.classes = static_cast<std::size_t>(shape[2]);
    const std::size_t keys = texts.keys.size();
    if (texts.classes == keys + 1 || texts.classes == keys + 2) return {};
    return Error{std::to_string(keys) + " keys for " + std::to_string(texts.classes) + " classes", "--keys",
                 "one for each class but the first, and the last if that is the blank"};
}

/// "12 of 60"
std::string count(std::size_t part, std::size_t all)
{
    return std::to_string(part) + " of " + std::to_string(all);
}

int read(const Console& console, const RunRequest& request, Texts texts)
{
    Progress progress(console, request.progress || console.terminal);
    Prepared prepared;
    if (const auto failure = prepare(request, progress, prepared))
        return fail(console, failure->status, failure->error);
    if (const auto good = check_output(prepared.graph, texts); !good) return fail(console, kNetwork, good.error());
    const auto session = run_session(request, prepared, nullptr, progress);
    if (!session) return fail(console, kCard, session.error());
    const auto outputs = real_outputs(prepared, session->outputs);
    if (!outputs) return fail(console, kCard, outputs.error());
    const std::size_t size = texts.steps * texts.classes;
    std::size_t exact = 0, exact_fp32 = 0, same = 0;
    for (std::size_t i = 0; i < prepared.inputs.count; ++i) {
        progress.update("comparing", i, prepared.inputs.count);
        const auto text = ctc_text(outputs->values.data() + i * size, texts.steps, texts.classes, texts.keys);
        const bool known = i < texts.wanted.size();
        exact += known && text == texts.wanted[i];
        std::string note;
        if (known && text != texts.wanted[i]) note = "    is: " + texts.wanted[i];
        if (request.compare_float) {
            const auto real = compiler::run_float(prepared.graph, prepared.inputs.image(i));
            if (!real) return fail(console, kNetwork, real.error());
            const auto fp32 = ctc_text((*real)[0].data(), texts.steps, texts.classes, texts.keys);
            exact_fp32 += known && fp32 == texts.wanted[i];
            same += fp32 == text;
            if (fp32 != text) note += "    fp32: " + fp32;
        }
        progress.clear();
        console.out << text << note << '\n';
    }
    const std::size_t lines = prepared.inputs.count, known = std::min(lines, texts.wanted.size());
    console.out << '\n';
    if (known > 0) console.out << "exact: " << count(exact, known) << " lines on the card";
    if (known > 0 && request.compare_float) console.out << ", " << count(exact_fp32, known) << " in fp32";
    if (known > 0) console.out << '\n';
    if (request.compare_float) console.out << "same text as fp32: " << count(same, lines) << '\n';
    for (const auto& note : prepared.notes) console.out << note << '\n';
    const auto accuracy = judge(request, prepared, *outputs, progress);
    if (!accuracy) return fail(console, kNetwork, accuracy.error());
    for (const auto& agreement : accuracy->agreements)
        if (agreement.reference == "int8" && agreement.differing > 0)
            return fail(
                console, kCheckFailed,
                {std::to_string(agreement.differing) + " outputs differ from the int8 reference", "--check", ""});
    return kOk;
}

}  // namespace

int read_command(const Console& console, const Arguments& arguments)
{
    const auto parsed = parse_reading(console, arguments);
    if (parsed.exit) return *parsed.exit;
    Texts texts;
    if (const auto good = read_texts(parsed.keys, parsed.texts, texts); !good)
        return fail(console, kUsage, good.error());
    return read(console, parsed.request, std::move(texts));
}

}  // namespace lightcard::cli
