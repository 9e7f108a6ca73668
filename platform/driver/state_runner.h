// SPDX-License-Identifier: Apache-2.0
/// Runs a program step by step, with tensors that stay on the card: what one step leaves, the next one reads. A
/// language model's key-value cache is one: each step makes one position more, which is copied into the cache's place
/// in card DRAM.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/platform/driver/program_runner.h"

namespace lightcard::driver {

/// An input of the program and the output that continues it. A position is `rows` pieces of `bytes`: in the input piece
/// r of position p lies at p * bytes + r * input_stride, in the output the new one at output_offset + r *
/// output_stride.
struct KeptTensor {
    std::size_t input = 0, output = 0;
    std::uint32_t rows = 1, bytes = 0;
    std::uint64_t input_stride = 0, output_stride = 0, output_offset = 0;
};

class StateRunner {
public:
    /// The device and the program (batch 1) outlive the runner.
    StateRunner(Device& device, const Program& program, std::vector<KeptTensor> kept, RunnerOptions options = {});

    /// Loads the program; the kept inputs are zeros then. Error: a kept tensor that does not fit its tensors or the
    /// card.
    Status load();
    /// One step. `inputs`, `outputs`: bytes of every tensor of the program in its order; of kept ones nothing is looked
    /// at or filled in. The new position becomes `position` of the kept inputs.
    Result<ExecTime> step(const std::vector<std::vector<std::uint8_t>>& inputs, std::uint32_t position,
                          std::vector<std::vector<std::uint8_t>>& outputs);

private:
    Status check_kept() const;
    Status place_kept();
    Status clear(std::uint64_t pointer, std::uint64_t bytes);
    Status in_place(const std::vector<std::vector<std::uint8_t>>& inputs);

    Device* device_;
    const Program* program_;
    std::vector<KeptTensor> kept_;
    RunnerOptions options_;
    ProgramRunner runner_;
    std::size_t queue_;
    DmaMemory commands_;
    std::vector<DmaMemory> inputs_, outputs_;                      ///< of tensors that the host holds
    std::vector<std::uint64_t> input_pointers_, output_pointers_;  ///< card pointers, a tensor each
    bool loaded_ = false;
};

}  // namespace lightcard::driver
