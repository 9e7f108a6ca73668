// SPDX-License-Identifier: Apache-2.0
/// Runs a compiled network on a card: weights into card DRAM, set-up, then batches through one queue.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/driver/device.h"
#include "lightcard/platform/driver/dma_memory.h"
#include "lightcard/platform/driver/program.h"

namespace lightcard::driver {

/// What programs for this card must have been compiled for.
ProgramTarget target_of(const lc_identify& card);

struct RunnerOptions {
    std::size_t queue = 0;                  ///< index of the I/O queue
    std::uint32_t depth = 2;                ///< EXEC commands in flight, each with its own buffers
    std::uint16_t context = 0;              ///< attribution of every command
    Picoseconds timeout = kDefaultTimeout;  ///< card time one EXEC may take
    std::uint32_t copy_chunk = 4u << 20;    ///< bytes of one COPY while loading
    bool data = true;                       ///< false: the card takes time alone, and no byte is copied for it
    /// Called as work proceeds: stage "load" in bytes, "setup" and "run" in images.
    std::function<void(const char* stage, std::uint64_t done, std::uint64_t total)> progress;
};

/// One EXEC: `images` of it were real, the rest of the batch padding.
struct ExecTime {
    Picoseconds submitted = 0, completed = 0;  ///< card time, at the doorbell and when the driver saw the end
    std::uint32_t images = 0;
};

class ProgramRunner {
public:
    /// The device and the program outlive the runner.
    ProgramRunner(Device& device, const Program& program, RunnerOptions options = {});

    /// Checks the target, copies the weights section to program.dram_base, runs `setup`. Once per card power-on, or
    /// after somebody else used the card.
    Status load();

    /// Runs `images` images. inputs[i] points at images * program.inputs[i].bytes_per_image bytes of codes, outputs[i]
    /// at room for as many of program.outputs[i]. The last batch is filled up with zero codes.
    /// Without options.data, neither is looked at.
    Result<std::vector<ExecTime>> run(const std::vector<const std::uint8_t*>& inputs,
                                      const std::vector<std::uint8_t*>& outputs, std::uint64_t images);

private:
    /// Buffers of one EXEC in flight.
    struct Slot {
        std::vector<DmaMemory> inputs, outputs;
        std::uint32_t ticket = 0;
        std::uint64_t first_image = 0;
        std::uint32_t images = 0;
    };

    Status load_weights();
    Status run_setup();
    Result<DmaMemory> stage_records(const std::vector<lc_record>& records);
    Status make_slots();
    void fill(Slot& slot, const std::vector<const std::uint8_t*>& inputs, std::uint64_t first, std::uint32_t images);
    Status start(Slot& slot);
    Result<ExecTime> finish(Slot& slot, const std::vector<std::uint8_t*>& outputs);
    lc_sqe exec_command() const;
    void tell(const char* stage, std::uint64_t done, std::uint64_t total) const;

    Device* device_;
    std::size_t queue_;
    const Program* program_;
    RunnerOptions options_;
    DmaMemory commands_;
    std::vector<Slot> slots_;
    bool loaded_ = false;
};

}  // namespace lightcard::driver
