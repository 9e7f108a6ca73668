// SPDX-License-Identifier: Apache-2.0
/// Are two sets of samples drawn from the same distribution? Mean, variance, skewness, kurtosis of every column and the
/// covariance of every pair, as plain averages with their Monte-Carlo standard errors.
///
/// Columns are standardised by the mean m and deviation s of both sets together, u = (y - m) / s. Then the averages of
/// u, u^2, u^3, u^4 agree if and only if mean, variance, skewness and kurtosis do, and each is an average of
/// independent symbols. Pooled over the columns (one figure a symbol, so what columns have in common is in the error)
/// each must agree within 3 standard errors; single columns and pairs, of which there are hundreds, within 4.5.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

namespace lightcard::photonic_core {

struct Samples {
    std::uint32_t count = 0, cols = 0;
    std::vector<std::int32_t> y;  ///< [count][cols]
};

class EquivalenceTest {
public:
    /// `affinity`: [cols][cols] how alike two columns are expected to err; weighs the pooled covariance.
    EquivalenceTest(const Samples& a, const Samples& b, std::vector<double> affinity)
        : cols_(a.cols), affinity_(std::move(affinity)), sets_{&a, &b}
    {
        standardise();
        const char* names[] = {"mean", "variance", "skewness", "kurtosis"};
        for (int power = 1; power <= 4; ++power) {
            compare(std::string(names[power - 1]) + ", all columns", 3.0, [&](const double* u) {
                double sum = 0;
                for (std::uint32_t c = 0; c < cols_; ++c) sum += std::pow(u[c], power);
                return sum;
            });
            for (std::uint32_t c = 0; c < cols_; ++c)
                compare(std::string(names[power - 1]) + " of column " + std::to_string(c), 4.5,
                        [&](const double* u) { return std::pow(u[c], power); });
        }
        compare_pairs();
    }

    bool same() const { return differences_.empty(); }
    const std::string& differences() const { return differences_; }
    double largest_pooled() const { return largest_pooled_; }  ///< in standard errors

private:
    void standardise()
    {
        for (std::uint32_t c = 0; c < cols_; ++c) {
            double sum = 0, square = 0, count = 0;
            for (const Samples* set : sets_)
                for (std::uint32_t i = 0; i < set->count; ++i) sum += at(*set, i, c), count += 1;
            const double mean = sum / count;
            for (const Samples* set : sets_)
                for (std::uint32_t i = 0; i < set->count; ++i) square += std::pow(at(*set, i, c) - mean, 2);
            const double deviation = square > 0 ? std::sqrt(square / count) : 1;
            for (int s = 0; s < 2; ++s) {
                u_[s].resize(std::size_t{sets_[s]->count} * cols_);
                for (std::uint32_t i = 0; i < sets_[s]->count; ++i)
                    u_[s][std::size_t{i} * cols_ + c] = (at(*sets_[s], i, c) - mean) / deviation;
            }
        }
    }

    void compare_pairs()
    {
        compare("covariance, all pairs", 3.0, [&](const double* u) {
            double sum = 0, squares = 0;
            for (std::uint32_t c = 0; c < cols_; ++c) sum += u[c], squares += u[c] * u[c];
            return sum * sum - squares;
        });
        compare("covariance, alike pairs", 3.0, [&](const double* u) {
            double sum = 0;
            for (std::uint32_t a = 0; a < cols_; ++a)
                for (std::uint32_t b = 0; b < a; ++b) sum += affinity_[std::size_t{a} * cols_ + b] * u[a] * u[b];
            return sum;
        });
        for (std::uint32_t a = 0; a < cols_; ++a)
            for (std::uint32_t b = 0; b < a; ++b)
                compare("covariance of columns " + std::to_string(a) + " and " + std::to_string(b), 4.5,
                        [&](const double* u) { return u[a] * u[b]; });
    }

    static double at(const Samples& set, std::uint32_t i, std::uint32_t c)
    {
        return set.y[std::size_t{i} * set.cols + c];
    }

    template <class Figure>
    void compare(const std::string& name, double limit, const Figure& figure)
    {
        double mean[2], variance = 0;
        for (int s = 0; s < 2; ++s) {
            const double count = sets_[s]->count;
            double sum = 0, square = 0;
            for (std::uint32_t i = 0; i < sets_[s]->count; ++i) {
                const double value = figure(u_[s].data() + std::size_t{i} * cols_);
                sum += value, square += value * value;
            }
            mean[s] = sum / count;
            variance += (square / count - mean[s] * mean[s]) / (count - 1);
        }
        const double difference = mean[0] - mean[1];
        if (std::abs(difference) < 1e-9) return;
        const double errors = variance > 0 ? std::abs(difference) / std::sqrt(variance) : 1e9;
        if (limit == 3.0) largest_pooled_ = std::max(largest_pooled_, errors);
        if (errors <= limit) return;
        std::ostringstream line;
        line << name << ": " << mean[0] << " and " << mean[1] << ", " << errors << " standard errors\n";
        differences_ += line.str();
    }

    std::uint32_t cols_;
    std::vector<double> affinity_;
    const Samples* sets_[2];
    std::vector<double> u_[2];  ///< [count][cols]
    std::string differences_;
    double largest_pooled_ = 0;
};

}  // namespace lightcard::photonic_core
