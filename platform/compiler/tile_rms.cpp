// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/tile_rms.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lightcard/platform/compiler/block_scale.h"
#include "lightcard/platform/compiler/int8_reference.h"

namespace lightcard::compiler {

namespace {

/// Sums of squares of one mvm node, over positions and samples.
class Accumulators {
public:
    Accumulators(const QuantNode& node, const QuantTensor& from, std::size_t tile_rows)
        : node_(node),
          from_(from),
          tile_rows_(tile_rows),
          outputs_(static_cast<std::size_t>(node.out.channels)),
          rows_(node.weights.size() / outputs_),
          tiles_((rows_ + tile_rows - 1) / tile_rows),
          column_(outputs_, 0),
          tile_(std::max<std::size_t>(1, node.block.planes.size()) * tiles_ * outputs_, 0),
          codes_(tile_.size(), 0)
    {
    }

    void add(const std::vector<std::int32_t>& codes, int positions)
    {
        const std::int64_t all = std::int64_t{node_.out.height} * node_.out.width;
        const std::int64_t taken = std::min<std::int64_t>(all, positions);
        for (std::int64_t p = 0; p < taken; ++p) {
            const std::int64_t at = p * all / taken;
            add_position(codes, at / node_.out.width, at % node_.out.width);
        }
        count_ += static_cast<double>(taken);
    }

    void finish(QuantNode& node) const
    {
        const auto rms = [&](std::vector<double> sums) {
            for (double& sum : sums) sum = std::sqrt(sum / count_);
            return sums;
        };
        node.column_rms = rms(column_);
        node.tile_rms = rms(tile_);
        node.tile_codes = codes_;
    }

private:
    void add_position(const std::vector<std::int32_t>& codes, std::int64_t y, std::int64_t x)
    {
        const std::size_t per_group = outputs_ / static_cast<std::size_t>(node_.group);
        std::vector<std::vector<std::int32_t>> patches;
        for (int group = 0; group < node_.group; ++group) {
            gather(codes, y, x, group);
            patches.push_back(patch_);
        }
        for (std::size_t o = 0; o < outputs_; ++o) add_output(o, patches[o / per_group]);
        if (!node_.block.empty()) add_scaled(patches, per_group);
    }

    /// Sums of the codes and weights that reach the light in block floating point: what replaces tile_ then.
    void add_scaled(const std::vector<std::vector<std::int32_t>>& patches, std::size_t per_group)
    {
        for (std::size_t group = 0; group < patches.size(); group += node_.block.groups) {
            const std::size_t last = std::min<std::size_t>(patches.size(), group + node_.block.groups);
            for (std::size_t tile = 0; tile < tiles_; ++tile) add_block(patches, group, last, tile, per_group);
        }
    }

    void add_block(const std::vector<std::vector<std::int32_t>>& patches, std::size_t group, std::size_t last,
                   std::size_t tile, std::size_t per_group)
    {
        const std::size_t first = tile * tile_rows_, rows = std::min(rows_, first + tile_rows_) - first;
        std::vector<std::int32_t> block;
        for (std::size_t g = group; g < last; ++g)
            block.insert(block.end(), patches[g].begin() + static_cast<std::ptrdiff_t>(first),
                         patches[g].begin() + static_cast<std::ptrdiff_t>(first + rows));
        scale_codes(block, node_.block.full);
        const double bright = sum_of(block.begin(), block.end());
        for (std::size_t slice = 0; slice < node_.block.planes.size(); ++slice)
            for (std::size_t o = group * per_group; o < last * per_group; ++o) {
                const std::int8_t* weights = node_.block.planes[slice].data() + o * rows_ + first;
                const std::int32_t* codes = block.data() + (o / per_group - group) * rows;
                std::int64_t sum = 0;
                for (std::size_t k = 0; k < rows; ++k) sum += codes[k] * weights[k];
                const std::size_t at = (slice * tiles_ + tile) * outputs_ + o;
                tile_[at] += static_cast<double>(sum) * static_cast<double>(sum);
                codes_[at] = std::max(codes_[at], bright);
            }
    }

    /// The flattened kernel's inputs, order (kh, kw, c of the group); zeros outside.
    void gather(const std::vector<std::int32_t>& codes, std::int64_t y, std::int64_t x, int group)
    {
        const Window& w = node_.window;
        const std::int64_t depth = from_.channels / node_.group;
        patch_.assign(rows_, 0);
        auto to = patch_.begin();
        for (int kh = 0; kh < w.kernel_h; ++kh)
            for (int kw = 0; kw < w.kernel_w; ++kw, to += depth) {
                const std::int64_t row = y * w.stride_h - w.pad_top + kh * w.dilation_h;
                const std::int64_t col = x * w.stride_w - w.pad_left + kw * w.dilation_w;
                if (row < 0 || row >= from_.height || col < 0 || col >= from_.width) continue;
                std::copy_n(codes.begin() + (row * from_.width + col) * from_.channels + group * depth, depth, to);
            }
    }

    void add_output(std::size_t o, const std::vector<std::int32_t>& patch)
    {
        const std::int8_t* weights = node_.weights.data() + o * rows_;
        double whole = 0;
        for (std::size_t tile = 0; tile < tiles_; ++tile) {
            const std::size_t end = std::min(rows_, (tile + 1) * tile_rows_);
            std::int64_t sum = 0;
            for (std::size_t k = tile * tile_rows_; k < end; ++k) sum += patch[k] * weights[k];
            const auto real = static_cast<double>(sum);
            if (node_.block.empty()) {
                const auto first = patch.begin() + static_cast<std::ptrdiff_t>(tile * tile_rows_);
                const double bright = sum_of(first, patch.begin() + static_cast<std::ptrdiff_t>(end));
                tile_[tile * outputs_ + o] += real * real;
                codes_[tile * outputs_ + o] = std::max(codes_[tile * outputs_ + o], bright);
            }
            whole += real;
        }
        column_[o] += whole * whole;
    }

    template <class At>
    static double sum_of(At first, At last)
    {
        return static_cast<double>(std::accumulate(first, last, std::int64_t{0}));
    }

    const QuantNode& node_;
    const QuantTensor& from_;
    std::size_t tile_rows_, outputs_, rows_, tiles_;
    std::vector<double> column_, tile_, codes_;
    std::vector<std::int32_t> patch_;
    double count_ = 0;
};

}  // namespace

Status measure_rms(QuantGraph& graph, const std::vector<std::vector<std::uint8_t>>& samples, int positions)
{
    std::vector<std::pair<std::size_t, Accumulators>> layers;
    const auto source = [&](std::size_t i) { return static_cast<std::size_t>(graph.nodes[i].inputs[0]); };
    for (std::size_t i = 0; i < graph.nodes.size(); ++i)
        if (graph.nodes[i].op == QuantOp::mvm)
            layers.emplace_back(i, Accumulators(graph.nodes[i], graph.nodes[source(i)].out, graph.tile_rows));
    for (const auto& sample : samples) {
        const auto values = run_int8_trace(graph, sample.data());
        if (!values) return values.error();
        for (auto& [i, layer] : layers) layer.add((*values)[source(i)].codes, positions);
    }
    for (const auto& [i, layer] : layers) layer.finish(graph.nodes[i]);
    return {};
}

}  // namespace lightcard::compiler
