// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/run_request.h"

#include <sstream>

#include "lightcard/model/common/suggest.h"
#include "lightcard/model/common/units.h"
#include "lightcard/model/control_chip/lightcard_abi.h"
#include "lightcard/platform/cli/dimensions.h"
#include "lightcard/platform/cli/layer_options.h"

namespace lightcard::cli {

namespace {

constexpr std::uint64_t kMostImages = 1u << 20;  ///< a batch

constexpr HelpText kHelp = {
    "run", "--model NET.onnx --inputs FILE... [OPTIONS]",
    "Runs a network on a modelled card: imports the ONNX file, calibrates and quantises it to int8, plans its tiles, "
    "sends\n"
    "it through the card's queues, and reports accuracy, latency, utilisation, energy, wear and what limits the run.\n"
    "\n"
    "Inputs are idx files (MNIST; .gz too), NumPy arrays (.npy), raw arrays (.f32, .u8, .s8, .bin; of whole images), "
    "PNG\n"
    "and JPEG pictures, or directories of any of these, taken in order of name. Pictures are scaled to cover the "
    "network's input and cropped in the middle. The network sees\n"
    "(value * input-scale - mean) / std; pictures and idx bytes are 0..255 before that.\n",
    "  lightcard run --model lenet.onnx --inputs t10k-images-idx3-ubyte.gz --labels t10k-labels-idx1-ubyte.gz \\\n"
    "      --input-scale 1/255 --count 500\n"
    "  lightcard run --model mobilenet.onnx --inputs cat.png bird.png --input-scale 1/127.5 --mean 1 \\\n"
    "      --fidelity ideal --check --report report.json --trace trace.json\n"};

constexpr HelpText kReadHelp = {
    "read", "--keys FILE --model NET.onnx --inputs FILE... [OPTIONS]",
    "Reads lines of text from pictures with a recogniser whose output is [1, steps, classes] (CTC): the likeliest "
    "class of\n"
    "each step, repeats once, class 0 is nothing, class n is line n of the keys, the class after the last key is a "
    "blank.\n"
    "Takes the options of `lightcard run`.\n",
    "  lightcard read --model ch_PP-OCRv4_rec_infer.onnx --dim p2o.DynamicDimension.1=320 --card lc128-library \\\n"
    "      --inputs lines_u8_60x48x320x3.bin.gz --input-layout nhwc --input-scale 1/127.5 --mean 1 \\\n"
    "      --texts lines.txt --keys ppocr_keys_v1.txt\n"};

constexpr HelpText kCalibrateHelp = {
    "calibrate", "--model NET.onnx --inputs FILE... [-o FILE] [OPTIONS]",
    "Measures on sample inputs what activations a network has and what its products reach in the card's converters, "
    "and\n"
    "writes both to a file that `lightcard run --calibration` takes instead of samples. Settings by layer that are "
    "given\n"
    "here are kept in it, and `run` follows them.\n",
    "  lightcard calibrate --model lenet.onnx --inputs train-images-idx3-ubyte.gz --input-scale 1/255 --count 64 \\\n"
    "      --method mse -o lenet.cal.json\n"
    "  lightcard run --calibration lenet.cal.json --model lenet.onnx --inputs t10k-images-idx3-ubyte.gz \\\n"
    "      --input-scale 1/255\n"};

/// What every command with a network takes.
void add_model(po::options_description& options, const char* what, const char* inputs)
{
    options.add_options()("model", po::value<std::string>()->value_name("FILE"), what)(
        "inputs", po::value<std::vector<std::string>>()->multitoken()->value_name("FILE..."), inputs)(
        "random-weights", po::value<Natural>()->value_name("SEED"),
        "replace the network's weights by seeded random ones: for time and power of a topology")(
        "dim", po::value<std::vector<std::string>>()->composing()->value_name("NAME=VALUE"),
        "size of a dimension that the file leaves open (default 1); repeatable")(
        "input-scale", po::value<std::string>()->default_value("1")->value_name("X"), "factor on input values: 1/255")(
        "mean", po::value<std::string>()->default_value("0")->value_name("X,..."),
        "subtracted after scaling; one or one a channel")(
        "std", po::value<std::string>()->default_value("1")->value_name("X,..."),
        "divided by after that; one or one a channel")(
        "input-layout", po::value<std::string>()->default_value("nchw")->value_name("L"), "of raw files: nchw or nhwc")(
        "input-type", po::value<std::string>()->default_value("auto")->value_name("T"),
        "of raw files: u8, s8, f32 or auto (by the name, else u8)")(
        "resize", po::value<int>()->default_value(0)->value_name("PIXELS"),
        "pictures: shorter side before cropping (0: as little as covers)");
}

po::options_description network_options()
{
    po::options_description options("Network and data");
    add_model(options, "network, ONNX, or with --timing-only a workload (.yaml) (needed)", "images, in order (needed)");
    options.add_options()("labels", po::value<std::string>()->default_value("", "")->value_name("FILE"),
                          "class numbers: idx, a byte each (.u8, .bin), a number a line, or CSV with file names")(
        "classes", po::value<std::string>()->default_value("", "")->value_name("FILE"),
        "names of the classes, one a line: what the card sees in each input is printed")(
        "top", po::value<Natural>()->value_name("N"), "how many guesses an input (default with --classes: 5)")(
        "count", po::value<Natural>()->value_name("N"), "images to run (default: all)")(
        "calibrate", po::value<std::vector<std::string>>()->multitoken()->value_name("FILE..."),
        "images to take activation ranges from (default: the first inputs)")(
        "calibration-count", po::value<Natural>()->default_value({64})->value_name("N"), "how many of them")(
        "percentile", po::value<double>()->default_value(100, "100")->value_name("P"),
        "share of activations that the ranges hold, %")(
        "calibration", po::value<std::string>()->default_value("", "")->value_name("FILE"),
        "what `lightcard calibrate` wrote of this network: instead of samples");
    return options;
}

po::options_description run_options()
{
    po::options_description options("Run");
    options.add_options()("card", po::value<std::string>()->default_value("lc128")->value_name("CARD"),
                          "a shipped card, or a YAML file")("fidelity", po::value<std::string>()->value_name("F"),
                                                            "ideal (exact integers), quant (ideal with converter steps "
                                                            "and cell levels), stat (noise; the default) or device "
                                                            "(noise, cell by cell: slow)")(
        "seed", po::value<Natural>()->value_name("N"), "of every random draw (default 1)")(
        "batch", po::value<Natural>()->default_value({0}, "")->value_name("N"),
        "images one command buffer takes (default: 64, or what fits the scratchpad)")(
        "pcm-state", po::value<std::string>()->default_value("", "")->value_name("FILE"),
        "what the phase-change cells hold: read before the run if the file is there, written after it")(
        "age", po::value<std::string>()->value_name("TIME"),
        "time that passes between set-up and the first image: cells drift (1 d)")(
        "compensate", po::value<std::string>()->value_name("KINDS"),
        "after that, calibrate the card: drift, columns, dacs, adcs (several with commas) or all")(
        "check", "with ideal: fail unless every output equals the int8 reference bit for bit")(
        "timing-only",
        "time and energy from shapes: no inputs are needed and no outputs computed; --count says how many images")(
        "no-cache", "compile anew, and keep nothing of it on disk ($XDG_CACHE_HOME/lightcard)")(
        "no-fp32", "do not run the fp32 reference (saves time)")(
        "repair", po::value<Natural>()->value_name("N"),
        "if accuracy is lost, run again with the settings that the report proposes, up to N times, and say what they "
        "gave")("plan", po::value<std::string>()->value_name("FILE"),
                "follow the plan that `lightcard plan --save` wrote; without a file, "
                "print the plan and stop")("threads", po::value<Natural>()->value_name("N"),
                                           "worker threads; never changes a result")(
        "attach", po::value<std::string>()->default_value("", "")->value_name("SOCKET"),
        "run on the card that `lightcard serve` serves there, of the same configuration")(
        "faults", po::value<std::string>()->default_value("", "")->value_name("SCENARIO"),
        "faults to put into the card: a shipped scenario, or a YAML file");
    return options;
}

po::options_description output_options()
{
    po::options_description options("Output");
    options.add_options()("report,o", po::value<std::string>()->default_value("", "")->value_name("FILE"),
                          "JSON report; - is standard output, instead of the text")(
        "json", po::value<std::string>()->value_name("FILE"), "the same as --report")(
        "html", po::value<std::string>()->default_value("", "")->value_name("FILE"),
        "the report as one page with plots, for a browser")(
        "trace", po::value<std::string>()->default_value("", "")->value_name("FILE"), "timeline for ui.perfetto.dev")(
        "outputs", po::value<std::string>()->default_value("", "")->value_name("FILE"),
        "the network's outputs as raw f32, [image][class]")(
        "save-program", po::value<std::string>()->default_value("", "")->value_name("FILE"),
        "the compiled network, for lightcard-smi in a guest (docs/program-format.md)")(
        "save-codes", po::value<std::string>()->default_value("", "")->value_name("FILE"),
        "the inputs as the card takes them, one image after another")(
        "save-output-codes", po::value<std::string>()->default_value("", "")->value_name("FILE"),
        "the first output as the card writes it, one image after another")("quiet", "no text report")(
        "progress", "show progress even if standard error is no terminal");
    return options;
}

Error unknown_choice(const char* option, const std::string& value, const std::vector<std::string>& choices)
{
    return {std::string("--") + option + " cannot be '" + value + "'", "", did_you_mean(value, choices)};
}

/// Fidelity, seed and threads are parameters of the card like any other.
Status add_run_overrides(const Parsed& parsed, std::vector<Override>& overrides)
{
    if (parsed.has("fidelity")) {
        const auto fidelity = parsed.get<std::string>("fidelity");
        if (fidelity != "ideal" && fidelity != "quant" && fidelity != "stat" && fidelity != "device")
            return unknown_choice("fidelity", fidelity, {"ideal", "quant", "stat", "device"});
        overrides.emplace_back("run.fidelity", fidelity == "quant" ? "ideal" : fidelity);
        overrides.emplace_back("run.quant", fidelity == "quant" ? "on" : "off");
    }
    if (parsed.has("timing-only")) overrides.emplace_back("run.fidelity", "timing");
    if (parsed.has("age")) overrides.emplace_back("run.ageing", "live");
    if (parsed.has("seed")) overrides.emplace_back("run.seed", std::to_string(parsed.number("seed")));
    if (parsed.has("threads")) overrides.emplace_back("host.threads", std::to_string(parsed.number("threads")));
    if (!parsed.get<std::string>("trace").empty()) overrides.emplace_back("host.trace", "on");
    return {};
}

Status read_preprocess(const Parsed& parsed, Preprocess& preprocess)
{
    const auto scale = parse_ratio(parsed.get<std::string>("input-scale"));
    if (!scale) return Error{"--input-scale: " + scale.error().what, "", scale.error().hint};
    const auto mean = parse_list(parsed.get<std::string>("mean"));
    if (!mean) return Error{"--mean: " + mean.error().what, "", mean.error().hint};
    const auto deviation = parse_list(parsed.get<std::string>("std"));
    if (!deviation) return Error{"--std: " + deviation.error().what, "", deviation.error().hint};
    for (const double value : *deviation)
        if (value == 0) return Error{"--std: 0 divides nothing", "", ""};
    preprocess = {*scale, *mean, *deviation};
    return {};
}

Status read_input_options(const Parsed& parsed, InputOptions& options)
{
    const auto layout = parsed.get<std::string>("input-layout");
    if (layout != "nchw" && layout != "nhwc") return unknown_choice("input-layout", layout, {"nchw", "nhwc"});
    options.layout = layout == "nchw" ? Layout::nchw : Layout::nhwc;
    const auto type = parsed.get<std::string>("input-type");
    const std::pair<const char*, Element> types[] = {
        {"auto", Element::by_name}, {"u8", Element::u8}, {"s8", Element::s8}, {"f32", Element::f32}};
    bool known = false;
    for (const auto& [name, element] : types) {
        if (type != name) continue;
        options.element = element;
        known = true;
    }
    if (!known) return unknown_choice("input-type", type, {"auto", "u8", "s8", "f32"});
    options.resize_shorter = parsed.get<int>("resize");
    if (options.resize_shorter < 0 || options.resize_shorter > 16384)
        return Error{"--resize must be 0 to 16384", "", ""};
    if (parsed.has("count")) {
        options.limit = parsed.number("count");
        if (options.limit == 0) return Error{"--count must be at least 1", "", ""};
    }
    return read_preprocess(parsed, options.preprocess);
}

/// "columns,adcs" as bits of CALIBRATE.
Result<std::uint32_t> calibration_kinds(const std::string& text)
{
    const std::pair<const char*, std::uint32_t> known[] = {{"drift", LC_CAL_DRIFT},
                                                           {"columns", LC_CAL_COLUMNS},
                                                           {"dacs", LC_CAL_DACS},
                                                           {"adcs", LC_CAL_ADCS},
                                                           {"all", LC_CAL_DACS | LC_CAL_ADCS | LC_CAL_COLUMNS}};
    std::uint32_t kinds = 0;
    std::istringstream words(text);
    for (std::string word; std::getline(words, word, ',');) {
        std::uint32_t bits = 0;
        for (const auto& [name, value] : known)
            if (word == name) bits = value;
        if (bits == 0) return unknown_choice("compensate", word, {"drift", "columns", "dacs", "adcs", "all"});
        kinds |= bits;
    }
    if (kinds == 0) return unknown_choice("compensate", text, {"drift", "columns", "dacs", "adcs", "all"});
    return kinds;
}

Status read_percentile(const Parsed& parsed, compiler::CalibrationOptions& options)
{
    options.percentile = parsed.get<double>("percentile");
    if (!(options.percentile > 0 && options.percentile <= 100))
        return Error{"--percentile must be above 0 and at most 100", "", ""};
    if (options.percentile < 100) options.method = compiler::CalibrationMethod::percentile;
    return {};
}

/// What every command with a network takes.
Status fill_model(const Parsed& parsed, RunRequest& request)
{
    if (!parsed.has("model")) return Error{"--model is needed", "", "an ONNX file"};
    request.model = parsed.get<std::string>("model");
    request.inputs = parsed.all("inputs");
    if (parsed.has("random-weights")) request.random_weights = parsed.number("random-weights");
    const auto dimensions = parse_dimensions(parsed.all("dim"));
    if (!dimensions) return dimensions.error();
    request.dimensions = *dimensions;
    if (auto good = read_input_options(parsed, request.input_options); !good) return good;
    return read_layer_options(parsed, request.layers);
}

Status fill(const Parsed& parsed, RunRequest& request)
{
    if (auto good = fill_model(parsed, request); !good) return good;
    if (parsed.has("plan")) request.plan_file = parsed.get<std::string>("plan");
    request.plan_only = request.plan_file == "-";
    if (request.plan_only) request.plan_file.clear();
    request.attach = parsed.get<std::string>("attach");
    if (parsed.has("timing-only"))
        for (const char* data : {"save-program", "fidelity", "check", "labels", "classes", "outputs", "save-codes",
                                 "save-output-codes", "pcm-state", "compensate", "attach", "top"})
            if (parsed.has(data) && !parsed.values[data].defaulted())
                return Error{std::string("--") + data + " needs data, and --timing-only has none", "", ""};
    for (const char* books : {"report", "json", "html", "trace"})
        if (!request.attach.empty() && parsed.has(books) && !parsed.get<std::string>(books).empty())
            return Error{std::string("--") + books + " does not go with --attach", "",
                         "a served card keeps its own books: lightcard ctl"};
    request.timing_only = parsed.has("timing-only");
    if (request.inputs.empty() && !request.timing_only)
        return Error{"--inputs is needed", "", "idx, raw or picture files; or --timing-only"};
    request.labels = parsed.get<std::string>("labels");
    request.classes = parsed.get<std::string>("classes");
    request.top = parsed.has("top") ? parsed.number("top") : request.classes.empty() ? 0 : 5;
    request.calibration = parsed.all("calibrate");
    request.calibration_count = parsed.number("calibration-count");
    if (request.calibration_count == 0) return Error{"--calibration-count must be at least 1", "", ""};
    if (auto good = read_percentile(parsed, request.calibration_options); !good) return good;
    request.calibration_file = parsed.get<std::string>("calibration");
    if (!request.calibration_file.empty() &&
        (!request.calibration.empty() || request.calibration_options.percentile < 100))
        return Error{"--calibration brings its ranges: --calibrate and --percentile do not go with it", "", ""};
    if (parsed.number("batch") > kMostImages)
        return Error{"--batch must be 1 to " + std::to_string(kMostImages), "", ""};
    request.batch = static_cast<std::uint32_t>(parsed.number("batch"));
    request.compare_float = !parsed.has("no-fp32") && !request.timing_only;
    if (parsed.has("repair")) {
        request.repair = parsed.number("repair");
        if (request.repair > 16) return Error{"--repair must be 0 to 16", "", ""};
        if (!request.compare_float || !request.attach.empty())
            return Error{
                "--repair compares with fp32 on a card in this process: --no-fp32 and --attach do not go with it", "",
                ""};
    }
    request.check = parsed.has("check");
    request.cache = !parsed.has("no-cache");
    request.pcm_state = parsed.get<std::string>("pcm-state");
    if (parsed.has("compensate")) {
        const auto kinds = calibration_kinds(parsed.get<std::string>("compensate"));
        if (!kinds) return kinds.error();
        request.compensate = *kinds;
    }
    if (parsed.has("age")) {
        const auto age = parse_real(parsed.get<std::string>("age"), Dimension::time);
        if (!age) return Error{"--age: " + age.error().what, "", age.error().hint};
        if (!(*age >= 0 && *age <= 3.2e9)) return Error{"--age must be 0 s to 100 years", "", ""};
        request.age = *age;
    }
    request.report = parsed.has("json") ? parsed.get<std::string>("json") : parsed.get<std::string>("report");
    request.html = parsed.get<std::string>("html");
    request.trace = parsed.get<std::string>("trace");
    request.outputs = parsed.get<std::string>("outputs");
    request.save_program = parsed.get<std::string>("save-program");
    request.save_codes = parsed.get<std::string>("save-codes");
    request.save_output_codes = parsed.get<std::string>("save-output-codes");
    request.quiet = parsed.has("quiet");
    request.progress = parsed.has("progress");
    return {};
}

Status read_card(const Parsed& parsed, RunRequest& request)
{
    auto overrides = overrides_of(parsed);
    if (!overrides) return overrides.error();
    if (auto good = add_run_overrides(parsed, *overrides); !good) return good;
    auto config = load_card(parsed.get<std::string>("card"), *overrides);
    if (!config) return config.error();
    request.config = std::move(*config);
    const auto& run = request.config.run;
    if (const auto faults = parsed.get<std::string>("faults"); !faults.empty()) {
        if (!request.attach.empty())
            return Error{"--faults needs a card in this process", "", "give it to `lightcard serve`"};
        auto scenario = load_faults(faults, request.config);
        if (!scenario) return scenario.error();
        request.scenario = std::move(*scenario);
    }
    if (run.fidelity == Fidelity::timing && !request.timing_only)
        return Error{"run.fidelity: timing has no data to run", "", "--timing-only"};
    if (request.check && (run.fidelity != Fidelity::ideal || run.quant))
        return Error{"--check compares bit for bit and needs --fidelity ideal", "", ""};
    return {};
}

po::options_description all_run_options()
{
    po::options_description all;
    all.add(network_options()).add(run_options()).add(layer_options()).add(card_options()).add(output_options());
    return all;
}

/// The exit code if something is wrong.
std::optional<int> fill_run(const Console& console, const Parsed& parsed, RunRequest& request)
{
    auto good = fill(parsed, request);
    if (good) good = read_card(parsed, request);
    if (good) return std::nullopt;
    return fail(console, kUsage, good.error());
}

}  // namespace

ParsedRequest parse_run_request(const Console& console, const Arguments& arguments)
{
    const auto parsed = parse(console, kHelp, all_run_options(), po::options_description(), std::nullopt, arguments);
    ParsedRequest result{parsed.exit, {}};
    if (!result.exit) result.exit = fill_run(console, parsed, result.request);
    return result;
}

ParsedReading parse_reading(const Console& console, const Arguments& arguments)
{
    po::options_description text("Text");
    text.add_options()("keys", po::value<std::string>()->value_name("FILE"), "characters, one a line (needed)")(
        "texts", po::value<std::string>()->default_value("", "")->value_name("FILE"),
        "what the lines say, one a line: exact matches are counted, of the card and of fp32");
    po::options_description visible;
    visible.add(text).add(all_run_options());
    const auto parsed = parse(console, kReadHelp, visible, po::options_description(), std::nullopt, arguments);
    ParsedReading result{parsed.exit, {}, {}, {}};
    if (result.exit) return result;
    if (!parsed.has("keys")) {
        result.exit = fail(console, kUsage, {"--keys is needed", "", "characters, one a line"});
        return result;
    }
    result.keys = parsed.get<std::string>("keys");
    result.texts = parsed.get<std::string>("texts");
    result.exit = fill_run(console, parsed, result.request);
    return result;
}

ParsedCalibration parse_calibration(const Console& console, const Arguments& arguments)
{
    po::options_description network("Network and samples");
    add_model(network, "network, ONNX (needed)", "sample images (needed)");
    network.add_options()("count", po::value<Natural>()->value_name("N"), "samples to take (default: all)")(
        "method", po::value<std::string>()->default_value("min-max")->value_name("M"),
        "min-max: ranges hold all that was seen; percentile: that share; mse: least square error of the codes")(
        "percentile", po::value<double>()->default_value(99.99, "99.99")->value_name("P"),
        "with percentile: share of activations that the ranges hold, %")(
        "output,o", po::value<std::string>()->default_value("-")->value_name("FILE"),
        "the calibration, JSON (default: standard output)")("progress",
                                                            "show progress even if standard error is no terminal");
    po::options_description card("Card");
    card.add_options()("card", po::value<std::string>()->default_value("lc128")->value_name("CARD"),
                       "a shipped card, or a YAML file: its tiles and numerics set the converter ranges");
    po::options_description visible;
    visible.add(network).add(card).add(layer_options()).add(card_options());
    const auto parsed = parse(console, kCalibrateHelp, visible, po::options_description(), std::nullopt, arguments);
    ParsedCalibration result;
    result.exit = parsed.exit;
    if (result.exit) return result;
    const auto fill_all = [&]() -> Status {
        RunRequest& request = result.request;
        if (auto good = fill_model(parsed, request); !good) return good;
        if (request.inputs.empty()) return Error{"--inputs is needed", "", "idx, raw or picture files"};
        const auto method = compiler::to_calibration_method(parsed.get<std::string>("method"));
        if (!method) return Error{"--method: " + method.error().what, "", method.error().hint};
        if (auto good = read_percentile(parsed, request.calibration_options); !good) return good;
        request.calibration_options.method = *method;
        result.output = parsed.get<std::string>("output");
        request.progress = parsed.has("progress");
        const auto overrides = overrides_of(parsed);
        if (!overrides) return overrides.error();
        auto config = load_card(parsed.get<std::string>("card"), *overrides);
        if (!config) return config.error();
        request.config = std::move(*config);
        return {};
    };
    if (const auto good = fill_all(); !good) result.exit = fail(console, kUsage, good.error());
    return result;
}

}  // namespace lightcard::cli
