// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/calibrate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "lightcard/model/common/suggest.h"
#include "lightcard/platform/compiler/float_executor.h"

namespace lightcard::compiler {

namespace {

/// |value| over [0, limit); the limit doubles, merging pairs of bins, whenever a value lies beyond it.
class Histogram {
public:
    void add(double magnitude)
    {
        ++count_;
        if (magnitude == 0) {
            ++zeros_;
            return;
        }
        if (limit_ == 0) limit_ = magnitude * 2;
        while (magnitude >= limit_) widen();
        ++bins_[static_cast<std::size_t>(magnitude / limit_ * kBins)];
    }

    /// The limit of |value| whose codes, `levels` of them from 0 up, have the least mean square error.
    double least_error(double levels) const
    {
        std::size_t last = 0;
        for (std::size_t bin = 0; bin < kBins; ++bin)
            if (bins_[bin] > 0) last = bin;
        const double width = limit_ / kBins, most = width * static_cast<double>(last + 1);
        double best = most, least = std::numeric_limits<double>::infinity();
        for (int step = kSteps; step > kSteps / 20; --step) {
            const double limit = most * step / kSteps;
            const double error = error_of(limit, levels, last);
            if (error >= least) continue;
            least = error;
            best = limit;
        }
        return limit_ == 0 ? 0 : best;
    }

    /// Upper edge of the bin in which the percentile lies.
    double percentile(double percent) const
    {
        const auto wanted = static_cast<std::uint64_t>(std::ceil(static_cast<double>(count_) * percent / 100));
        std::uint64_t seen = zeros_;
        if (seen >= wanted) return 0;
        for (std::size_t bin = 0; bin < kBins; ++bin) {
            seen += bins_[bin];
            if (seen >= wanted) return limit_ * static_cast<double>(bin + 1) / kBins;
        }
        return limit_;
    }

private:
    static constexpr std::size_t kBins = 1 << 14;
    static constexpr int kSteps = 200;  ///< limits that are tried, down to a twentieth of the largest value

    /// Sum of squares that values up to bin `last` lose: a step's variance below the limit, the excess above it.
    double error_of(double limit, double levels, std::size_t last) const
    {
        const double width = limit_ / kBins, rounding = limit / levels * (limit / levels) / 12;
        double error = 0;
        for (std::size_t bin = 0; bin <= last; ++bin) {
            if (bins_[bin] == 0) continue;
            const double excess = (static_cast<double>(bin) + 0.5) * width - limit;
            error += static_cast<double>(bins_[bin]) * (excess > 0 ? excess * excess : rounding);
        }
        return error;
    }

    void widen()
    {
        for (std::size_t i = 0; i < kBins / 2; ++i) bins_[i] = bins_[2 * i] + bins_[2 * i + 1];
        std::fill(bins_.begin() + kBins / 2, bins_.end(), 0);
        limit_ *= 2;
    }

    std::array<std::uint64_t, kBins> bins_{};
    std::uint64_t count_ = 0, zeros_ = 0;
    double limit_ = 0;
};

class Calibrator {
public:
    Calibrator(const Graph& graph, const CalibrationOptions& options)
        : graph_(graph), options_(options), ranges_(graph.nodes.size())
    {
        const bool cuts = options.method == CalibrationMethod::mse ||
                          (options.method == CalibrationMethod::percentile && options.percentile < 100);
        if (cuts) histograms_.resize(graph.nodes.size());
    }

    Status add(const std::vector<float>& sample, std::size_t number)
    {
        const auto values = run_float_trace(graph_, sample.data());
        if (!values) return values.error();
        for (std::size_t i = 0; i < values->size(); ++i) {
            for (float v : (*values)[i]) {
                if (!std::isfinite(v))
                    return Error{"calibration sample " + std::to_string(number) + " gives a value that is not finite",
                                 describe(graph_.nodes[i]), ""};
                include(i, v, number == 0 && &v == (*values)[i].data());
            }
            add_to_mean(i, (*values)[i]);
        }
        ++samples_;
        return {};
    }

    std::vector<Range> finish()
    {
        for (Range& range : ranges_)
            for (double& mean : range.mean) mean /= samples_;
        for (std::size_t i = 0; i < histograms_.size(); ++i) {
            const double levels = ranges_[i].low >= 0 ? 255 : 127;
            const double most = options_.method == CalibrationMethod::mse
                                    ? histograms_[i].least_error(levels)
                                    : histograms_[i].percentile(options_.percentile);
            if (most == 0) continue;
            ranges_[i].low = std::max(ranges_[i].low, -most);
            ranges_[i].high = std::min(ranges_[i].high, most);
        }
        return std::move(ranges_);
    }

private:
    void include(std::size_t node, double v, bool first)
    {
        Range& range = ranges_[node];
        if (first) range.low = range.high = v;
        range.low = std::min(range.low, v);
        range.high = std::max(range.high, v);
        if (!histograms_.empty()) histograms_[node].add(std::fabs(v));
    }

    void add_to_mean(std::size_t node, const std::vector<float>& values)
    {
        const Shape& shape = graph_.nodes[node].shape;
        if (values.empty() || shape.size() < 2) return;
        if (shape.size() != 2 && shape.size() != 4) return add_to_last_mean(node, values);
        const auto channels = static_cast<std::size_t>(shape[1]);
        const std::size_t plane = values.size() / channels;
        std::vector<double>& mean = ranges_[node].mean;
        mean.resize(channels);
        for (std::size_t c = 0; c < channels; ++c) {
            double sum = 0;
            for (std::size_t i = c * plane; i < (c + 1) * plane; ++i) sum += values[i];
            mean[c] += sum / static_cast<double>(plane);
        }
    }

    /// Sequences: of the last dimension.
    void add_to_last_mean(std::size_t node, const std::vector<float>& values)
    {
        const auto channels = static_cast<std::size_t>(graph_.nodes[node].shape.back());
        std::vector<double>& mean = ranges_[node].mean;
        mean.resize(channels);
        const double positions = static_cast<double>(values.size() / channels);
        for (std::size_t i = 0; i < values.size(); ++i)
            mean[i % channels] += static_cast<double>(values[i]) / positions;
    }

    const Graph& graph_;
    CalibrationOptions options_;
    double samples_ = 0;
    std::vector<Range> ranges_;
    std::vector<Histogram> histograms_;
};

}  // namespace

const char* to_string(CalibrationMethod method)
{
    switch (method) {
        case CalibrationMethod::percentile:
            return "percentile";
        case CalibrationMethod::mse:
            return "mse";
        case CalibrationMethod::min_max:
            break;
    }
    return "min-max";
}

Result<CalibrationMethod> to_calibration_method(const std::string& text)
{
    for (const auto method : {CalibrationMethod::min_max, CalibrationMethod::percentile, CalibrationMethod::mse})
        if (text == to_string(method)) return method;
    return Error{"no calibration method '" + text + "'", "", did_you_mean(text, {"min-max", "percentile", "mse"})};
}

Result<std::vector<Range>> calibrate(const Graph& graph, const std::vector<std::vector<float>>& samples,
                                     const CalibrationOptions& options)
{
    if (samples.empty()) return Error{"calibration needs at least one sample input", graph.name, ""};
    if (!(options.percentile > 0 && options.percentile <= 100))
        return Error{"the calibration percentile is out of range", "", "above 0 to 100"};
    std::size_t size = 0;
    for (const int input : graph.inputs)
        size += static_cast<std::size_t>(element_count(graph.nodes[static_cast<std::size_t>(input)].shape));
    Calibrator calibrator(graph, options);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        if (samples[i].size() != size)
            return Error{
                "calibration sample " + std::to_string(i) + " has " + std::to_string(samples[i].size()) + " values",
                graph.name, std::to_string(size) + " values"};
        const Status added = calibrator.add(samples[i], i);
        if (!added) return added.error();
    }
    return calibrator.finish();
}

}  // namespace lightcard::compiler
