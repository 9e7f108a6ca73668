// SPDX-License-Identifier: Apache-2.0
// The bare products of ResNet-50 in oneDNN, one thread: u8 x s8 into s32, and f32. Weights are in the library's own
// order before the clock starts, as ours are. Prints JSON. Wants OMP_NUM_THREADS=1 in its environment.
//
//   onednn_peer [ROUNDS]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <dnnl.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "lightcard/tb/bench/measure.h"
#include "lightcard/tb/bench/resnet50.h"

namespace {

using dnnl::memory;
using lightcard::bench::cpu_seconds;
using lightcard::bench::median;

/// Every product of the network in one pair of types.
class Products {
public:
    Products(const dnnl::engine& engine, memory::data_type input, memory::data_type weight, memory::data_type output)
    {
        dnnl::stream stream(engine);
        for (const auto& gemm : lightcard::bench::resnet50()) {
            const memory::dim m = gemm.vectors, k = gemm.k, n = gemm.columns;
            const memory::desc a({m, k}, input, memory::format_tag::ab), c({m, n}, output, memory::format_tag::ab);
            const memory::desc any({k, n}, weight, memory::format_tag::any);
            const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, any, c), engine);
            memory x(a, engine), y(c, engine), w(description.weights_desc(), engine);
            for (const memory* buffer : {&x, &w})
                std::fill_n(static_cast<unsigned char*>(buffer->get_data_handle()), buffer->get_desc().get_size(), 1);
            calls_.push_back(
                {dnnl::matmul(description), {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, y}}});
        }
    }

    double run(dnnl::stream& stream)
    {
        const double start = cpu_seconds();
        for (auto& call : calls_) call.product.execute(stream, call.arguments);
        stream.wait();
        return cpu_seconds() - start;
    }

private:
    struct Call {
        dnnl::matmul product;
        std::unordered_map<int, memory> arguments;
    };
    std::vector<Call> calls_;
};

}  // namespace

int main(int argc, char** argv)
{
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    dnnl::stream stream(engine);
    using Type = memory::data_type;
    Products bytes(engine, Type::u8, Type::s8, Type::s32), floats(engine, Type::f32, Type::f32, Type::f32);
    std::vector<double> byte_times, float_times;
    for (int round = 0; round <= rounds; ++round) {  // round 0 warms up
        const double of_bytes = bytes.run(stream), of_floats = floats.run(stream);
        if (round == 0) continue;
        byte_times.push_back(of_bytes);
        float_times.push_back(of_floats);
    }
    std::printf("{\"onednn_u8s8s32\": {\"seconds\": %.6f}, \"onednn_f32\": {\"seconds\": %.6f}}\n", median(byte_times),
                median(float_times));
    return 0;
}
