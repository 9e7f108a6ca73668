// SPDX-License-Identifier: Apache-2.0
/// Runs command buffers (EXEC), one at a time: fetches records ahead, issues one a command-issue time, in order, with
/// at most kInFlight of them under way. What a record waits for is the scheduler's business. The first failure
/// stops the issue; the EXEC completes, with the failing record's index, when everything under way has ended.
#pragma once

#include <array>
#include <vector>

#include "lightcard/model/control_chip/command_processor.h"
#include "lightcard/model/control_chip/record_cache.h"

namespace lightcard::control_chip {

class Sequencer : public Engine {
public:
    static constexpr std::uint32_t kInFlight = 64;
    static constexpr std::uint32_t kFetch = 16;  ///< records a read
    static constexpr std::uint32_t kBuffered = 64;

    Sequencer(EngineContext context, HostPort& host, CommandProcessor& processor);

    void start(Task& task) override;
    bool abort(Task& task) override;
    void drop(Task& task) override;

    void records_arrived(const std::uint8_t* bytes, std::size_t size, bool ok);
    void records_due();
    void issue_due();
    void record_finished(const Task& record);
    std::uint32_t issued() const { return issued_; }
    std::uint32_t total() const { return total_; }

    const std::vector<Picoseconds>& starts() const { return starts_; }
    const std::vector<Picoseconds>& ends() const { return ends_; }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("starts", starts_);
        archive.field("ends", ends_);
    }

private:
    void fetch();
    void schedule_issue();
    std::uint32_t buffered() const { return landed_ - issued_; }
    void issue();
    const DecodedCommand* decode_anew(std::uint32_t index, lc_record record);
    void stop(std::uint32_t index, lc_status status, std::uint32_t field);
    void conclude_if_done();

    EngineContext context_;
    HostPort& host_;
    CommandProcessor& processor_;
    TaskId task_ = 0;  ///< the EXEC that runs; 0 = none
    lc_exec_op op_{};
    std::uint16_t sq_ = 0, cid_ = 0;
    std::uint32_t total_ = 0, fetched_ = 0, landed_ = 0, issued_ = 0, in_flight_ = 0;
    bool fetching_ = false, issue_scheduled_ = false, stopped_ = false;
    std::array<lc_record, kBuffered> buffer_{};  ///< [index % kBuffered], records [issued_, landed_)
    RecordCache cache_;
    DecodedCommand decoded_;  ///< the last one that was decoded
    const DecodeLimits limits_;
    std::vector<std::uint8_t> landing_;  ///< records on their way from card memory
    std::vector<Picoseconds> starts_, ends_;
    TrackId track_;
};

}  // namespace lightcard::control_chip
