// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "lightcard/platform/cli/picture.h"

namespace lightcard::cli {

namespace {

/// Contribution of source pixels [first, first + weights.size()) to one target pixel; weights sum to 1.
struct Taps {
    int first = 0;
    std::vector<float> weights;
};

/// Triangle filter from `from` to `to` pixels; when shrinking it widens so that every source pixel counts.
std::vector<Taps> triangle_taps(int from, int to)
{
    const double scale = static_cast<double>(from) / to;
    const double radius = std::max(scale, 1.0);
    std::vector<Taps> taps(static_cast<std::size_t>(to));
    for (int i = 0; i < to; ++i) {
        const double centre = (i + 0.5) * scale;
        const int first = std::max(0, static_cast<int>(std::floor(centre - radius)));
        const int last = std::min(from, static_cast<int>(std::ceil(centre + radius)));
        double sum = 0;
        std::vector<double> weights;
        for (int j = first; j < last; ++j) {
            weights.push_back(std::max(0.0, 1 - std::fabs((j + 0.5 - centre) / radius)));
            sum += weights.back();
        }
        auto& tap = taps[static_cast<std::size_t>(i)];
        tap.first = first;
        for (const double weight : weights) tap.weights.push_back(static_cast<float>(weight / sum));
    }
    return taps;
}

Picture scale_width(const Picture& in, int width)
{
    const auto taps = triangle_taps(in.width, width);
    Picture out{width, in.height, in.channels, {}};
    out.values.reserve(static_cast<std::size_t>(width) * in.height * in.channels);
    for (int y = 0; y < in.height; ++y)
        for (const auto& tap : taps)
            for (int c = 0; c < in.channels; ++c) {
                float sum = 0;
                for (std::size_t k = 0; k < tap.weights.size(); ++k)
                    sum += tap.weights[k] * in.at(y, tap.first + static_cast<int>(k), c);
                out.values.push_back(sum);
            }
    return out;
}

Picture transposed(const Picture& in)
{
    Picture out{in.height, in.width, in.channels, {}};
    out.values.reserve(in.values.size());
    for (int x = 0; x < in.width; ++x)
        for (int y = 0; y < in.height; ++y)
            for (int c = 0; c < in.channels; ++c) out.values.push_back(in.at(y, x, c));
    return out;
}

Picture crop(const Picture& in, int width, int height)
{
    const int left = (in.width - width) / 2, top = (in.height - height) / 2;
    Picture out{width, height, in.channels, {}};
    out.values.reserve(static_cast<std::size_t>(width) * height * in.channels);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            for (int c = 0; c < in.channels; ++c) out.values.push_back(in.at(top + y, left + x, c));
    return out;
}

}  // namespace

Picture fit_picture(const Picture& picture, int width, int height, int shorter)
{
    const double cover =
        std::max(static_cast<double>(width) / picture.width, static_cast<double>(height) / picture.height);
    const double wanted = static_cast<double>(shorter) / std::min(picture.width, picture.height);
    const double scale = std::max(cover, wanted);
    const int scaled_width = std::max(width, static_cast<int>(std::lround(picture.width * scale)));
    const int scaled_height = std::max(height, static_cast<int>(std::lround(picture.height * scale)));
    if (scaled_width == picture.width && scaled_height == picture.height) return crop(picture, width, height);
    const auto scaled = transposed(scale_width(transposed(scale_width(picture, scaled_width)), scaled_height));
    return crop(scaled, width, height);
}

Picture with_channels(const Picture& picture, int channels)
{
    if (picture.channels == channels) return picture;
    Picture out{picture.width, picture.height, channels, {}};
    for (int y = 0; y < picture.height; ++y)
        for (int x = 0; x < picture.width; ++x) {
            const float grey = picture.channels == 1 ? picture.at(y, x, 0)
                                                     : 0.299f * picture.at(y, x, 0) + 0.587f * picture.at(y, x, 1) +
                                                           0.114f * picture.at(y, x, 2);
            out.values.insert(out.values.end(), static_cast<std::size_t>(channels), grey);
        }
    return out;
}

}  // namespace lightcard::cli
