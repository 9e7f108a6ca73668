// SPDX-License-Identifier: Apache-2.0
/// DMA engine: COPY between host memory, DRAM and scratchpad, one command at a time, in bursts of dma_chunk.
/// Up to kOutstanding host bursts are in flight. Input bytes are those of the modelled read time; the command completes
/// when the last byte is in place.
#pragma once

#include <map>
#include <vector>

#include "lightcard/model/common/host_port.h"
#include "lightcard/model/control_chip/engine_context.h"

namespace lightcard::control_chip {

class DmaEngine : public Engine {
public:
    static constexpr std::uint32_t kOutstanding = 4;

    /// Tags of host requests are `tag_base` + task id.
    DmaEngine(EngineContext context, HostPort& host, std::uint64_t tag_base);

    void start(Task& task) override;
    void step(Task& task) override;
    void drop(Task& task) override;
    bool abort(Task& task) override;

    /// A host burst of this engine has completed.
    void host_complete(DmaRequest request, bool ok);
    /// A burst read from card memory is due to go to the host.
    void piece_due(std::uint64_t piece);
    void reset();

private:
    struct Piece {
        std::uint64_t from = 0, to = 0;  ///< card pointers
        std::uint32_t bytes = 0;
    };
    /// The running COPY, cut into pieces on the fly.
    struct Job {
        TaskId task = 0;
        std::uint64_t rows = 0, row_bytes = 0, src = 0, dst = 0, src_stride = 0, dst_stride = 0;
        std::uint64_t row = 0, offset = 0;  ///< next piece
        std::uint32_t outstanding = 0;
        bool failed = false;
        Picoseconds end = 0;
    };
    bool next_piece(Piece& piece);
    void pump(Task& task);
    void move_on_card(Task& task);
    void begin_piece(Task& task, const Piece& piece);
    void piece_done(Picoseconds end);
    void conclude();

    EngineContext context_;
    HostPort& host_;
    std::uint64_t tag_base_;
    Job job_;
    std::uint64_t next_piece_id_ = 1;
    struct InFlight {
        Piece piece;
        std::vector<std::uint8_t> data;
    };
    std::map<std::uint64_t, InFlight> pieces_;
    TrackId track_;
};

}  // namespace lightcard::control_chip
