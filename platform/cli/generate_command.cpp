// SPDX-License-Identifier: Apache-2.0
// `lightcard generate`: text from a language model on a card, token by token.
#include <cmath>
#include <iomanip>
#include <ostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "lightcard/model/card/card.h"
#include "lightcard/platform/cli/commands.h"
#include "lightcard/platform/cli/decoder_network.h"
#include "lightcard/platform/cli/tokenizer.h"
#include "lightcard/platform/compiler/float_executor.h"
#include "lightcard/platform/compiler/int8_reference.h"
#include "lightcard/platform/compiler/quant_tensor.h"
#include "lightcard/platform/driver/driver.h"
#include "lightcard/platform/host/in_process_host.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::cli {

namespace {

constexpr HelpText kHelp = {
    "generate", "--model NET.onnx --tokenizer FILE [OPTIONS]",
    "Continues a text with a language model on a modelled card: one token a step, always the likeliest one. The "
    "key-value\n"
    "cache stays in card DRAM. The model is a decoder for one token whose inputs are token, position, mask and caches, "
    "and\n"
    "whose outputs are logits and caches one position longer; dimensions named T, P and TP are 1, context - 1 and "
    "context.\n"
    "The tokenizer is a vocabulary file of the llama2.c form. Activation ranges come from a text that the fp32 "
    "network\n"
    "draws at random. Each token is compared with what fp32 makes of the same text before it.\n",
    "  lightcard generate --model stories260k_decode.onnx --tokenizer tok512.bin --card lc128-library --fidelity "
    "ideal\n"};

struct GenerateRequest {
    DecoderRequest network;
    std::string tokenizer, prompt, json;
    std::uint32_t tokens = 100;
    bool compare = true, check = false;
};

/// Where the card and fp32 disagree on the next token, after the same text.
struct Difference {
    std::uint32_t position = 0;
    int token = 0, fp32 = 0;
    double margin = 0;  ///< fp32's logit of its token above that of the card's
    double error = 0;   ///< rms difference of the logits
};

struct Generated {
    std::vector<int> prompt, tokens;
    std::string text;
    std::vector<Difference> differences;
    std::uint64_t steps = 0, compared = 0;
    Picoseconds busy = 0;  ///< of all steps, submission to completion
    double joules = 0;
};

double joules_of(const Ledger& ledger)
{
    double sum = 0;
    for (const auto& account : ledger.accounts())
        sum += static_cast<double>(account.count) * account.spec.joules_per_count;
    return sum;
}

/// One card with one network, a step at a time.
class Session {
public:
    Session(const GenerateRequest& request, const DecoderNetwork& network)
        : request_(request),
          network_(network),
          card_("card", request.network.config),
          host_("host", host::endpoint_of(card_)),
          fp32_(network),
          int8_(network)
    {
    }

    Status start()
    {
        if (auto up = host_.power_on(); !up) return up;
        auto driver = driver::Driver::bring_up(host_);
        if (!driver) return driver.error();
        driver_ = std::move(*driver);
        runner_ = std::make_unique<driver::StateRunner>(*driver_, network_.program, network_.kept());
        if (auto loaded = runner_->load(); !loaded) return loaded;
        before_ = joules_of(card_.ledger());
        return {};
    }

    /// The likeliest token after `token`.
    Result<int> step(int token, Generated& result)
    {
        const std::uint32_t position = int8_.position();
        const std::vector<float> values = int8_.step(token);
        std::vector<std::vector<std::uint8_t>> inputs, outputs;
        const float* next = values.data();
        for (const int i : network_.quantised.inputs) {
            const auto& tensor = network_.quantised.nodes[static_cast<std::size_t>(i)].out;
            inputs.push_back(compiler::quantise_values(tensor, next));
            next += compiler::element_count(tensor);
        }
        const auto time = runner_->step(inputs, position, outputs);
        if (!time) return time.error();
        ++result.steps;
        result.busy += time->completed - time->submitted;
        const auto logits = reals(0, outputs[0]);
        if (!logits) return logits.error();
        if (request_.check)
            if (auto same = check(values, outputs[0]); !same) return same.error();
        if (!request_.check) int8_.skip();
        const int best = best_token(*logits);
        if (request_.compare)
            if (auto compared = compare(token, *logits, best, position, result); !compared) return compared.error();
        return best;
    }

    void finish(Generated& result)
    {
        host_.drain();
        result.joules = joules_of(card_.ledger()) - before_;
    }

private:
    Result<std::vector<float>> reals(std::size_t output, const std::vector<std::uint8_t>& bytes) const
    {
        const auto& tensor = network_.quantised.nodes[static_cast<std::size_t>(network_.quantised.outputs[output])].out;
        const auto values = compiler::from_bytes(tensor, bytes.data(), bytes.size());
        if (!values) return values.error();
        return compiler::dequantise(tensor, *values);
    }

    /// The same step in the int8 reference, with a cache of its own: equal bytes.
    Status check(const std::vector<float>& values, const std::vector<std::uint8_t>& logits)
    {
        const auto& graph = network_.quantised;
        const auto outputs = compiler::run_int8(graph, compiler::quantise_input(graph, values.data()).data());
        if (!outputs) return outputs.error();
        std::vector<std::vector<float>> caches;
        for (std::size_t i = 0; i < outputs->size(); ++i) {
            const auto& tensor = graph.nodes[static_cast<std::size_t>(graph.outputs[i])].out;
            if (i > 0)
                caches.push_back(compiler::dequantise(tensor, (*outputs)[i]));
            else if (compiler::to_bytes(tensor, (*outputs)[0]) != logits)
                return Error{
                    "logits at position " + std::to_string(int8_.position()) + " differ from the int8 reference",
                    "--check", ""};
        }
        int8_.advance(caches);
        return {};
    }

    Status compare(int token, const std::vector<float>& logits, int best, std::uint32_t position, Generated& result)
    {
        auto outputs = compiler::run_float(network_.graph, fp32_.step(token).data());
        if (!outputs) return outputs.error();
        fp32_.advance({outputs->begin() + 1, outputs->end()});
        const auto& want = (*outputs)[0];
        ++result.compared;
        const int other = best_token(want);
        if (other == best) return {};
        double squares = 0;
        for (std::size_t i = 0; i < want.size(); ++i)
            squares += std::pow(static_cast<double>(want[i]) - static_cast<double>(logits[i]), 2);
        const auto at = [&want](int i) { return static_cast<double>(want[static_cast<std::size_t>(i)]); };
        result.differences.push_back(
            {position, best, other, at(other) - at(best), std::sqrt(squares / static_cast<double>(want.size()))});
        return {};
    }

    const GenerateRequest& request_;
    const DecoderNetwork& network_;
    Card card_;
    host::InProcessHost host_;
    std::unique_ptr<driver::Driver> driver_;
    std::unique_ptr<driver::StateRunner> runner_;
    DecoderState fp32_, int8_;
    double before_ = 0;
};

Result<Generated> generate(const GenerateRequest& request, const DecoderNetwork& network, const Tokenizer& tokenizer,
                           Progress& progress)
{
    Generated result;
    result.prompt = tokenizer.encode(request.prompt);
    const std::size_t room = network.context - std::size_t{1};
    if (result.prompt.size() > room)
        return Error{"the prompt has " + std::to_string(result.prompt.size()) + " tokens", "--prompt",
                     "at most " + std::to_string(room) + ", or a larger --context"};
    Session session(request, network);
    if (auto up = session.start(); !up) return up.error();
    const std::size_t steps = std::min(room, result.prompt.size() - 1 + request.tokens);
    int token = result.prompt[0];
    for (std::size_t i = 0; i < steps; ++i) {
        progress.update("generating", i, steps);
        const auto next = session.step(token, result);
        if (!next) return next.error();
        const bool given = i + 1 < result.prompt.size();
        const int chosen = given ? result.prompt[i + 1] : *next;
        if (!given && (chosen == Tokenizer::kBegin || chosen == Tokenizer::kEnd)) break;
        if (!given) result.tokens.push_back(chosen);
        result.text += tokenizer.decode(token, chosen);
        token = chosen;
    }
    session.finish(result);
    return result;
}

void print(std::ostream& out, const GenerateRequest& request, const Generated& g, const Tokenizer& tokenizer)
{
    out << g.text << "\n\n";
    const auto steps = static_cast<double>(std::max<std::uint64_t>(1, g.steps));
    const double seconds = static_cast<double>(g.busy) * 1e-12 / steps;
    out << g.tokens.size() << " tokens after a prompt of " << g.prompt.size() << " on " << request.network.config.name
        << ": " << report::seconds_text(seconds) << " and " << report::si(g.joules / steps, "J")
        << " a token (wall plug of the card, idle time of the host included)\n";
    if (!request.compare) return;
    out << "fp32 after the same text: the same token in " << g.compared - g.differences.size() << " of " << g.compared
        << " steps\n";
    for (const auto& d : g.differences) {
        std::ostringstream line;
        line << "  position " << d.position << ": '" << tokenizer.decode(0, d.token) << "' for '"
             << tokenizer.decode(0, d.fp32) << "', fp32's logits are " << std::setprecision(3) << d.margin
             << " apart, the card's are off by " << d.error << " rms";
        out << line.str() << '\n';
    }
}

Status write_json(const Console& console, const GenerateRequest& request, const Generated& g)
{
    if (request.json.empty()) return {};
    const auto steps = static_cast<double>(std::max<std::uint64_t>(1, g.steps));
    nlohmann::ordered_json json = {{"schema", "lightcard/generated/1"},
                                   {"card", request.network.config.name},
                                   {"prompt", g.prompt},
                                   {"tokens", g.tokens},
                                   {"text", g.text},
                                   {"seconds_per_token", static_cast<double>(g.busy) * 1e-12 / steps},
                                   {"joules_per_token", g.joules / steps},
                                   {"compared", g.compared},
                                   {"differences", nlohmann::ordered_json::array()}};
    for (const auto& d : g.differences)
        json["differences"].push_back({{"position", d.position},
                                       {"token", d.token},
                                       {"fp32_token", d.fp32},
                                       {"margin", d.margin},
                                       {"rms_error", d.error}});
    using Handler = nlohmann::ordered_json::error_handler_t;
    return write_output(console, request.json,
                        [&](std::ostream& out) { out << json.dump(1, ' ', false, Handler::replace) << '\n'; });
}

Status fill(const Parsed& parsed, GenerateRequest& request)
{
    for (const char* needed : {"model", "tokenizer"})
        if (!parsed.has(needed)) return Error{std::string("--") + needed + " is needed", "", ""};
    request.network.model = parsed.get<std::string>("model");
    request.tokenizer = parsed.get<std::string>("tokenizer");
    request.prompt = parsed.get<std::string>("prompt");
    request.json = parsed.get<std::string>("json");
    request.compare = !parsed.has("no-compare");
    request.check = parsed.has("check");
    const auto tokens = parsed.number("tokens"), context = parsed.number("context"),
               calibration = parsed.number("calibration-tokens");
    if (tokens < 1 || tokens > 100000) return Error{"--tokens must be 1 to 100,000", "", ""};
    if (context < 2 || context > 16384) return Error{"--context must be 2 to 16,384", "", ""};
    if (calibration < 1 || calibration > 16384) return Error{"--calibration-tokens must be 1 to 16,384", "", ""};
    request.tokens = static_cast<std::uint32_t>(tokens);
    request.network.context = static_cast<std::uint32_t>(context);
    request.network.calibration_tokens = static_cast<std::uint32_t>(calibration);
    auto dimensions = parse_dimensions(parsed.all("dim"));
    if (!dimensions) return dimensions.error();
    request.network.dimensions = std::move(*dimensions);
    auto overrides = overrides_of(parsed);
    if (!overrides) return overrides.error();
    if (parsed.has("fidelity")) overrides->emplace_back("run.fidelity", parsed.get<std::string>("fidelity"));
    if (parsed.has("seed")) {
        overrides->emplace_back("run.seed", std::to_string(parsed.number("seed")));
        request.network.seed = parsed.number("seed");
    }
    auto config = load_card(parsed.get<std::string>("card"), *overrides);
    if (!config) return config.error();
    request.network.config = std::move(*config);
    const auto& run = request.network.config.run;
    if (request.check && (run.fidelity != Fidelity::ideal || run.quant))
        return Error{"--check compares bit for bit and needs --fidelity ideal", "", ""};
    return {};
}

po::options_description options()
{
    po::options_description text("Model and text");
    text.add_options()("model", po::value<std::string>()->value_name("FILE"), "decoder, ONNX (needed)")(
        "tokenizer", po::value<std::string>()->value_name("FILE"), "its vocabulary (needed)")(
        "prompt", po::value<std::string>()->default_value("", "")->value_name("TEXT"), "what the text begins with")(
        "tokens", po::value<Natural>()->default_value({100})->value_name("N"), "tokens to generate")(
        "context", po::value<Natural>()->default_value({128})->value_name("N"),
        "positions that the program is made for")("calibration-tokens",
                                                  po::value<Natural>()->default_value({100})->value_name("N"),
                                                  "tokens of the text that activation ranges come from")(
        "dim", po::value<std::vector<std::string>>()->composing()->value_name("NAME=VALUE"),
        "size of a further dimension that the file leaves open; repeatable");
    po::options_description run("Run");
    run.add_options()("card", po::value<std::string>()->default_value("lc128")->value_name("CARD"), "card to run on")(
        "fidelity", po::value<std::string>()->value_name("F"), "ideal, stat or device")(
        "seed", po::value<Natural>()->value_name("N"), "of the card, and of the calibration text")(
        "check", "fidelity ideal: every step's logits equal the int8 reference")("no-compare",
                                                                                 "without the fp32 network beside it")(
        "json", po::value<std::string>()->default_value("", "")->value_name("FILE"),
        "tokens, figures and differences; - is standard output");
    text.add(run).add(card_options());
    return text;
}

}  // namespace

int generate_command(const Console& console, const Arguments& arguments)
{
    const auto parsed = parse(console, kHelp, options(), po::options_description(), std::nullopt, arguments);
    if (parsed.exit) return *parsed.exit;
    GenerateRequest request;
    if (const auto good = fill(parsed, request); !good) return fail(console, kUsage, good.error());
    const auto tokenizer = Tokenizer::read(request.tokenizer);
    if (!tokenizer) return fail(console, kUsage, tokenizer.error());
    Progress progress(console, console.terminal);
    const auto network = prepare_decoder(request.network, progress);
    if (!network) return fail(console, kNetwork, network.error());
    if (tokenizer->size() != network->vocabulary)
        return fail(console, kUsage,
                    {"a vocabulary of " + std::to_string(tokenizer->size()) + " tokens", request.tokenizer,
                     "the network has " + std::to_string(network->vocabulary)});
    const auto generated = generate(request, *network, *tokenizer, progress);
    if (!generated)
        return fail(console, generated.error().where == "--check" ? kCheckFailed : kCard, generated.error());
    progress.clear();
    if (const auto written = write_json(console, request, *generated); !written)
        return fail(console, kUsage, written.error());
    if (request.json != "-") print(console.out, request, *generated, *tokenizer);
    return kOk;
}

}  // namespace lightcard::cli
