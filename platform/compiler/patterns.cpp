// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/patterns.h"

#include <cmath>
#include <optional>

namespace lightcard::compiler {

namespace {

bool near(double a, double b)
{
    return std::fabs(a - b) <= 1e-3 * std::fabs(b);
}

/// A product as its factors: `terms` and one number.
struct Factors {
    double number = 1;
    std::vector<int> terms;
};

/// x normalised over its last dimension, before scale and shift.
struct Normalised {
    int x;
    bool centred;
    double epsilon;
};

class Matcher {
public:
    explicit Matcher(Graph& graph) : graph_(graph) {}

    void run()
    {
        const std::size_t count = graph_.nodes.size();
        normalised_.resize(count);
        for (std::size_t i = 0; i < count; ++i) {
            const Op op = graph_.nodes[i].op;
            if (op == Op::mul || op == Op::div) {
                if (!match_gate(static_cast<int>(i))) match_normalisation(static_cast<int>(i));
            } else if (op == Op::add) {
                match_shift(static_cast<int>(i));
            }
        }
    }

private:
    Node& at(int i) { return graph_.nodes[static_cast<std::size_t>(i)]; }
    int input(int i, std::size_t slot) { return at(i).inputs[slot]; }

    std::optional<double> number(int i)
    {
        const Node& node = at(i);
        if (node.op != Op::constant || node.data.size() != 1) return std::nullopt;
        return static_cast<double>(node.data[0]);
    }

    /// Of nested multiplications and divisions by numbers, three levels deep at most.
    void collect(int i, int depth, Factors& out)
    {
        const Op op = at(i).op;
        if (const auto value = number(i)) {
            out.number *= *value;
        } else if (op == Op::mul && depth > 0) {
            collect(input(i, 0), depth - 1, out);
            collect(input(i, 1), depth - 1, out);
        } else if (op == Op::div && depth > 0 && number(input(i, 1))) {
            collect(input(i, 0), depth - 1, out);
            out.number /= *number(input(i, 1));
        } else {
            out.terms.push_back(i);
        }
    }

    /// term = other + number: the other.
    std::optional<int> minus_number(int term, double value)
    {
        if (at(term).op != Op::add) return std::nullopt;
        for (std::size_t slot : {0u, 1u})
            if (const auto found = number(input(term, slot)); found && near(*found, value))
                return input(term, 1 - slot);
        return std::nullopt;
    }

    bool is_erf_gate(int gate, int x)
    {
        const auto erf = minus_number(gate, 1);
        if (!erf || at(*erf).op != Op::erf) return false;
        Factors inner;
        collect(input(*erf, 0), 2, inner);
        return inner.terms == std::vector<int>{x} && near(inner.number, std::sqrt(0.5));
    }

    bool is_clipped_gate(int gate, int x)
    {
        const Node& node = at(gate);
        if (node.op != Op::clip || node.clip_min != 0.0f || node.clip_max != 6.0f) return false;
        const auto inner = minus_number(input(gate, 0), 3);
        return inner && *inner == x;
    }

    bool is_hard_gate(int gate, int x)
    {
        const Node& node = at(gate);
        return node.op == Op::hard_sigmoid && near(static_cast<double>(node.alpha), 1.0 / 6) &&
               near(static_cast<double>(node.beta), 0.5) && input(gate, 0) == x;
    }

    /// x times a function of x.
    bool match_gate(int i)
    {
        Factors f;
        collect(i, 3, f);
        if (f.terms.size() != 2) return false;
        for (std::size_t k : {0u, 1u}) {
            const int x = f.terms[k], gate = f.terms[1 - k];
            if (at(x).shape != at(i).shape) continue;
            if (near(f.number, 1) && at(gate).op == Op::sigmoid && input(gate, 0) == x) return become(i, Op::silu, x);
            if (near(f.number, 1) && is_hard_gate(gate, x)) return become(i, Op::hard_swish, x);
            if (near(f.number, 1.0 / 6) && is_clipped_gate(gate, x)) return become(i, Op::hard_swish, x);
            if (near(f.number, 0.5) && is_erf_gate(gate, x)) return become(i, Op::gelu, x);
        }
        return false;
    }

    bool become(int i, Op op, int x)
    {
        at(i).op = op;
        at(i).inputs = {x};
        return true;
    }

    bool is_last_mean(int i, int of)
    {
        const Node& node = at(i);
        return node.op == Op::reduce_mean && node.inputs[0] == of && node.axes.size() == 1 &&
               node.axes[0] + 1 == static_cast<std::int64_t>(at(of).shape.size()) &&
               node.shape.size() == at(of).shape.size();
    }

    /// x - mean(x): x.
    std::optional<int> centred(int i)
    {
        if (at(i).op != Op::sub || !is_last_mean(input(i, 1), input(i, 0))) return std::nullopt;
        return input(i, 0);
    }

    bool same(int a, int b)
    {
        return a == b || (at(a).op == at(b).op && at(a).op == Op::sub && centred(a) && centred(a) == centred(b));
    }

    /// square = of * of or of ^ 2
    bool is_square(int square, int of)
    {
        const Op op = at(square).op;
        if (op == Op::pow) return same(input(square, 0), of) && number(input(square, 1)) == 2.0;
        return op == Op::mul && same(input(square, 0), of) && same(input(square, 1), of);
    }

    /// sqrt(mean(of^2) + epsilon): epsilon.
    std::optional<double> deviation(int i, int of)
    {
        if (at(i).op != Op::sqrt || at(input(i, 0)).op != Op::add) return std::nullopt;
        const int sum = input(i, 0);
        for (std::size_t slot : {0u, 1u}) {
            const auto epsilon = number(input(sum, slot));
            const int mean = input(sum, 1 - slot);
            if (!epsilon || *epsilon < 0 || at(mean).op != Op::reduce_mean) continue;
            const int square = input(mean, 0);
            if (is_last_mean(mean, square) && is_square(square, of)) return epsilon;
        }
        return std::nullopt;
    }

    /// 1 / deviation
    std::optional<double> inverse_deviation(int i, int of)
    {
        if (at(i).op == Op::reciprocal) return deviation(input(i, 0), of);
        if (at(i).op != Op::div || number(input(i, 0)) != 1.0) return std::nullopt;
        return deviation(input(i, 1), of);
    }

    std::optional<Normalised> normalised(int i)
    {
        const Node& node = at(i);
        for (std::size_t slot : {0u, 1u}) {
            if (node.op == Op::div && slot == 1) break;
            const int value = input(i, slot), other = input(i, 1 - slot);
            const auto epsilon = node.op == Op::div ? deviation(other, value) : inverse_deviation(other, value);
            if (!epsilon) continue;
            const auto x = centred(value);
            return Normalised{x ? *x : value, x.has_value(), *epsilon};
        }
        return std::nullopt;
    }

    /// A node that normalises is remembered; the multiplication by a constant vector after it becomes the operator.
    void match_normalisation(int i)
    {
        auto& own = normalised_[static_cast<std::size_t>(i)];
        own = normalised(i);
        if (own || at(i).op != Op::mul) return;
        for (std::size_t slot : {0u, 1u}) {
            const int scale = input(i, slot), value = input(i, 1 - slot);
            const auto& found = normalised_[static_cast<std::size_t>(value)];
            if (!found || !is_vector(scale, at(i).shape.back())) continue;
            Node& node = at(i);
            node.op = found->centred ? Op::layer_norm : Op::rms_norm;
            node.inputs = {found->x, scale};
            node.axis = static_cast<int>(node.shape.size()) - 1;
            node.epsilon = static_cast<float>(found->epsilon);
            return;
        }
    }

    bool is_vector(int i, std::int64_t size) { return at(i).op == Op::constant && at(i).shape == Shape{size}; }

    /// layer_norm + constant vector
    void match_shift(int i)
    {
        for (std::size_t slot : {0u, 1u}) {
            const int shift = input(i, slot), norm = input(i, 1 - slot);
            if (at(norm).op != Op::layer_norm || at(norm).inputs.size() != 2) continue;
            if (at(norm).axis + 1 != static_cast<int>(at(norm).shape.size())) continue;
            if (!is_vector(shift, at(i).shape.back())) continue;
            Node& node = at(i);
            node.op = Op::layer_norm;
            node.axis = at(norm).axis;
            node.epsilon = at(norm).epsilon;
            node.inputs = {input(norm, 0), input(norm, 1), shift};
            return;
        }
    }

    Graph& graph_;
    std::vector<std::optional<Normalised>> normalised_;
};

}  // namespace

void match_patterns(Graph& graph)
{
    Matcher(graph).run();
}

}  // namespace lightcard::compiler
