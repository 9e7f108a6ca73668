// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/inputs.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "lightcard/platform/cli/files.h"
#include "lightcard/platform/cli/picture.h"

namespace lightcard::cli {

namespace {

std::string describe(const InputShape& shape)
{
    return std::to_string(shape.channels) + "x" + std::to_string(shape.height) + "x" + std::to_string(shape.width);
}

double of_channel(const std::vector<double>& values, int channel)
{
    return values[values.size() == 1 ? 0 : static_cast<std::size_t>(channel)];
}

/// Appends one image, whose raw value of (channel, position) `raw` gives.
template <class Raw>
void append(Inputs& inputs, const InputOptions& options, Raw raw)
{
    const auto& shape = options.shape;
    const int plane = shape.height * shape.width;
    for (int c = 0; c < shape.channels; ++c) {
        const double mean = of_channel(options.preprocess.mean, c),
                     deviation = of_channel(options.preprocess.deviation, c);
        for (int p = 0; p < plane; ++p)
            inputs.values.push_back(static_cast<float>((raw(c, p) * options.preprocess.scale - mean) / deviation));
    }
    ++inputs.count;
}

/// Appends images of an array in either layout until the limit.
template <class At>
void append_all(Inputs& inputs, const InputOptions& options, std::size_t count, At at)
{
    const auto& shape = options.shape;
    const auto plane = static_cast<std::size_t>(shape.height) * shape.width;
    for (std::size_t i = 0; i < count && inputs.count < options.limit; ++i)
        append(inputs, options, [&](int c, int p) {
            const std::size_t in_image =
                options.layout == Layout::nchw
                    ? static_cast<std::size_t>(c) * plane + static_cast<std::size_t>(p)
                    : static_cast<std::size_t>(p) * shape.channels + static_cast<std::size_t>(c);
            return static_cast<double>(at(i * shape.elements() + in_image));
        });
}

/// An array without a first dimension of images is one image.
Status add_array(Inputs& inputs, const InputOptions& options, Result<IdxArray> array, const std::string& path)
{
    if (!array) return array.error();
    if (array->values.size() == options.shape.elements()) array->shape.insert(array->shape.begin(), 1);
    if (array->shape.empty()) return Error{"a single value", path, ""};
    std::size_t elements = 1;
    for (std::size_t d = 1; d < array->shape.size(); ++d) elements *= array->shape[d];
    if (elements != options.shape.elements()) {
        std::string found;
        for (std::size_t d = 1; d < array->shape.size(); ++d)
            found += (d > 1 ? "x" : "") + std::to_string(array->shape[d]);
        return Error{"images are " + found + ", the network takes " + describe(options.shape), path, ""};
    }
    append_all(inputs, options, array->shape[0], [&](std::size_t i) { return array->values[i]; });
    return {};
}

/// ".f32" of "x.f32" and of "x.f32.gz".
std::string raw_extension(const std::string& path)
{
    auto name = std::filesystem::path(path);
    if (name.extension() == ".gz") name = name.stem();
    return name.extension().string();
}

Element element_of(const std::string& path, Element wanted)
{
    if (wanted != Element::by_name) return wanted;
    const auto extension = raw_extension(path);
    if (extension == ".f32") return Element::f32;
    return extension == ".s8" || extension == ".i8" ? Element::s8 : Element::u8;
}

Status add_raw(Inputs& inputs, const InputOptions& options, const Bytes& bytes, const std::string& path)
{
    const Element element = element_of(path, options.element);
    const std::size_t item = options.shape.elements() * (element == Element::f32 ? 4 : 1);
    if (bytes.empty() || bytes.size() % item != 0)
        return Error{"has " + std::to_string(bytes.size()) + " bytes, not a multiple of the " + std::to_string(item) +
                         " of one image of " + describe(options.shape),
                     path, "--input-type says what the elements are: u8, s8 or f32"};
    append_all(inputs, options, bytes.size() / item, [&](std::size_t i) -> float {
        if (element == Element::u8) return bytes[i];
        if (element == Element::s8) return static_cast<std::int8_t>(bytes[i]);
        float value = 0;
        std::memcpy(&value, &bytes[4 * i], sizeof value);
        return value;
    });
    return {};
}

Status add_picture(Inputs& inputs, const InputOptions& options, const Bytes& bytes, const std::string& path)
{
    const auto& shape = options.shape;
    if (shape.channels != 1 && shape.channels != 3)
        return Error{"a picture has 1 or 3 channels, the network takes " + describe(shape), path, ""};
    const auto decoded = decode_picture(bytes, path);
    if (!decoded) return decoded.error();
    const auto picture =
        with_channels(fit_picture(*decoded, shape.width, shape.height, options.resize_shorter), shape.channels);
    append(inputs, options, [&](int c, int p) { return picture.at(p / shape.width, p % shape.width, c); });
    inputs.names.push_back(path);
    return {};
}

bool is_raw_name(const std::string& path)
{
    static constexpr const char* raw[] = {".f32", ".u8", ".s8", ".i8", ".bin", ".raw"};
    const auto extension = raw_extension(path);
    return std::any_of(std::begin(raw), std::end(raw), [&](const char* known) { return extension == known; });
}

/// What a directory is searched for: labels, licences and the like may lie beside the images.
bool is_input_name(const std::string& path)
{
    static constexpr const char* known[] = {".png", ".jpg", ".jpeg", ".npy", ".idx", ".PNG", ".JPG", ".JPEG"};
    const auto extension = raw_extension(path);
    return is_raw_name(path) ||
           std::any_of(std::begin(known), std::end(known), [&](const char* name) { return extension == name; });
}

/// The inputs in a directory, by extension, in order of name.
Result<std::vector<std::string>> expand_directories(const std::vector<std::string>& files)
{
    namespace fs = std::filesystem;
    std::vector<std::string> out;
    for (const auto& path : files) {
        std::error_code code;
        if (!fs::is_directory(path, code)) {
            out.push_back(path);
            continue;
        }
        std::vector<std::string> inside;
        for (fs::directory_iterator it(path, code), end; !code && it != end; it.increment(code))
            if (it->is_regular_file(code) && is_input_name(it->path().string())) inside.push_back(it->path().string());
        if (code) return Error{"cannot be listed: " + code.message(), path, ""};
        if (inside.empty())
            return Error{"the directory has no inputs", path,
                         "files that end in .png .jpg .jpeg .npy .idx .f32 .u8 .s8 .bin"};
        std::sort(inside.begin(), inside.end());
        out.insert(out.end(), inside.begin(), inside.end());
    }
    return out;
}

}  // namespace

Result<Inputs> read_inputs(const std::vector<std::string>& files, const InputOptions& options)
{
    Inputs inputs;
    const auto listed = expand_directories(files);
    if (!listed) return listed.error();
    for (const auto& path : *listed) {
        if (inputs.count >= options.limit) break;
        const auto bytes = read_file(path);
        if (!bytes) return bytes.error();
        Status added;
        if (is_raw_name(path) || options.element != Element::by_name)
            added = add_raw(inputs, options, *bytes, path);
        else if (looks_like_picture(*bytes))
            added = add_picture(inputs, options, *bytes, path);
        else if (looks_like_idx(*bytes))
            added = add_array(inputs, options, parse_idx(*bytes, path, options.limit - inputs.count), path);
        else if (looks_like_npy(*bytes))
            added = add_array(inputs, options, parse_npy(*bytes, path, options.limit - inputs.count), path);
        else
            added = Error{"not a format that is known", path, "idx (also .gz), .npy, raw .f32 .u8 .s8 .bin, PNG, JPEG"};
        if (!added) return added.error();
    }
    if (inputs.count == 0) return Error{"no images in the inputs", "", ""};
    if (inputs.names.size() != inputs.count) inputs.names.clear();
    return inputs;
}

Result<double> parse_ratio(const std::string& text)
{
    std::istringstream in(text);
    double top = 0, bottom = 1;
    char slash = 0;
    in >> top;
    bool good = !in.fail();
    if (good && !in.eof()) good = static_cast<bool>(in >> slash >> bottom) && slash == '/' && in.peek() == EOF;
    if (!good || bottom == 0 || !std::isfinite(top / bottom))
        return Error{"'" + text + "' is not a number", "", "0.5 or 1/255"};
    return top / bottom;
}

Result<std::vector<double>> parse_list(const std::string& text)
{
    std::vector<double> values;
    std::istringstream in(text);
    for (std::string item; std::getline(in, item, ',');) {
        const auto value = parse_ratio(item);
        if (!value) return value.error();
        values.push_back(*value);
    }
    if (values.empty()) return Error{"'" + text + "' is not a list of numbers", "", "0.485,0.456,0.406"};
    return values;
}

}  // namespace lightcard::cli
