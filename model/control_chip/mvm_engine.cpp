// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/mvm_engine.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <stdexcept>

#include "lightcard/model/common/transactions.h"
#include "lightcard/model/control_chip/window.h"

namespace lightcard::control_chip {

namespace {
constexpr std::uint32_t kBatch = 4096;  ///< vectors computed at once: bounds host memory, never shows in a result
constexpr std::uint32_t kLargestOffset = 127;  ///< full scale of signed vectors that share the range with an offset
constexpr std::uint64_t kSaturated = 100;      ///< a command that clips more than one sample in so many raises an event
}  // namespace

MvmEngine::MvmEngine(EngineContext context, tlm::tlm_initiator_socket<>& core, std::uint32_t index, std::uint32_t lanes)
    : context_(context),
      core_(core),
      calibrator_(context, core, index),
      lanes_(lanes),
      index_(static_cast<std::uint8_t>(index))
{
}

MvmEngine::Accounts MvmEngine::open_accounts(Ledger& ledger, const Parameters& parameters)
{
    Accounts accounts;
    accounts.accumulate =
        ledger.open({"control_chip.accumulate", Category::digital, "sample", parameters.accumulate_energy, Scope::core,
                     true, "card.control.accumulate_energy"});
    accounts.scale_input =
        ledger.open({"control_chip.scale_inputs", Category::digital, "code", parameters.scale_input_energy, Scope::core,
                     true, "card.control.scale_input_energy"});
    accounts.scale_sum = ledger.open({"control_chip.scale_sums", Category::digital, "sum", parameters.scale_sum_energy,
                                      Scope::core, true, "card.control.scale_sum_energy"});
    return accounts;
}

/// Offset signed codes have half of the range on either side.
bool MvmEngine::fits_inputs() const
{
    return !shape_.is_signed || shape_.code_passes == 2 || shape_.full <= kLargestOffset;
}

MvmNumbers::Scales MvmEngine::scales_of(const lc_mvm_op& op)
{
    if (!context_.services.run.computes()) return nullptr;
    auto scales = std::make_shared<std::vector<BlockScale>>();
    if (op.scale == 0) return scales;
    const std::uint32_t outputs = shape_.outputs;
    const auto* packed = context_.memories.look_at_sram(op.scale, outputs * 2ull);
    for (std::uint32_t o = 0; o < outputs; ++o) {
        std::uint16_t bf16 = 0;
        std::memcpy(&bf16, packed + o * 2ull, sizeof bf16);
        if (!block_scale_legal(bf16)) throw std::invalid_argument("scale of a column outside 2^-31 .. 255");
        scales->push_back(block_scale(bf16));
    }
    return scales;
}

/// 8 bits read a sample plus the second-level refill; partial sums are written by every tile of a column that has
/// several, and read by all but the first; a column with a single tile writes its outputs instead. Copies and repeated
/// conversions take what has been read once.
std::uint64_t MvmEngine::traffic_bits(const lc_mvm_op& op, std::uint64_t vectors) const
{
    const auto& parameters = context_.parameters;
    const BlockShape& shape = shape_;
    const bool first = (op.flags & LC_MVM_ACC_FIRST) != 0, last = (op.flags & LC_MVM_ACC_LAST) != 0;
    const std::uint64_t input = shape.inputs * (8ull + parameters.input_refill_bits) * shape.code_passes;
    std::uint64_t output = 0;
    if (first && last) {
        output = shape.outputs * 8ull * element_bytes(op.out_format);
    } else {
        output = shape.outputs * static_cast<std::uint64_t>(parameters.psum_bits) * (first ? 1 : 2);
    }
    return vectors * (input + output);
}

void MvmEngine::start(Task& task)
{
    if (task.command.opcode == LC_ADM_CALIBRATE) return calibrator_.start(task);
    const auto& op = task.command.mvm();
    shape_ = BlockShape(op, context_.services.run.signed_inputs == SignedInputs::two_pass);
    first_sample_ = op.sample_base;
    if (op.sample_base == 0 && context_.services.run.computes()) {
        auto& count = (*shared_)[task.command.sqe.weight_id];
        first_sample_ = count;
        count += vectors_of(op.in);
    }
    light_time_ = waited_ = 0;
    clipping_ = context_.services.run.computes() ? std::make_shared<Clipping>() : nullptr;
    dark_ = false;
    if (!fits_inputs()) {
        constexpr std::uint32_t kFullField = 64 + offsetof(lc_mvm_op, full);
        stream_end_ = ready_ = context_.services.now();
        task.fail(LC_SC_INVALID_FIELD, LC_FAIL(LC_FAIL_SELF, kFullField));
        conclude(task);
        return;
    }
    scales_ = scales_of(op);
    if (!calibrator_.start_ahead(task, op.bank)) prepare(task);
}

void MvmEngine::finish(Task& task)
{
    if (task.command.opcode == LC_ADM_CALIBRATE) calibrator_.finish();
}

void MvmEngine::drop(Task& task)
{
    if (task.command.opcode == LC_ADM_CALIBRATE || calibrator_.ahead()) calibrator_.drop();
}

/// Lights laser and bank, and waits for them before anything is read or reserved for the stream.
void MvmEngine::prepare(Task& task)
{
    const auto now = context_.services.now();
    MvmTransaction mvm;
    stream_end_ = ready_ = now;
    if (!send(task, 0, 0, mvm)) {
        refuse(task, mvm);
        conclude(task);
        return;
    }
    auto& waits = context_.scheduler.engine(task.engine).waits;
    if (mvm.waited_laser > 0) waits.add("laser", mvm.waited_laser);
    if (mvm.waited_switch > 0) waits.add("switch", mvm.waited_switch);
    waited_ = (now - task.started) + mvm.waited_laser + mvm.waited_switch;
    stream_end_ = ready_ = light_start_ = ports_end_ = mvm.start;
    if (mvm.start > now) {
        context_.timeline.at(mvm.start, Due::step, task.id);
    } else {
        step(task);
    }
}

void MvmEngine::step(Task& task)
{
    if (calibrator_.ahead()) {
        calibrator_.finish();
        return prepare(task);
    }
    const auto total = vectors_of(task.command.mvm().in);
    auto chunk = total - task.progress;
    if (context_.services.run.timing == Timing::at) {
        // Whole symbols, so that chunks split between lanes groups.
        const auto size = (context_.services.run.at_chunk_vectors + lanes_ - 1) / lanes_ * lanes_;
        chunk = std::min<std::uint64_t>(chunk, std::max<std::uint32_t>(size, lanes_));
    }
    const bool good = run(task, chunk);
    if (good && task.progress < total) {
        context_.timeline.at(stream_end_, Due::step, task.id);
        return;
    }
    conclude(task);
}

void MvmEngine::conclude(Task& task)
{
    tell(task);
    // Busy is light through the bank; the rest of the time the core was held for it.
    task.stood = stream_end_ - task.started - light_time_;
    if (task.stood > waited_) context_.scheduler.engine(task.engine).waits.add("sram", task.stood - waited_);
    auto& layer = context_.counts.layer(task);
    layer.busy += light_time_;
    layer.last = std::max(layer.last, ready_);
    context_.timeline.at(stream_end_, Due::engine_free, task.id);
    context_.timeline.at(ready_, Due::finish, task.id);
}

/// What the driver should know about a command that went through all the same.
void MvmEngine::tell(Task& task)
{
    if (dark_ && task.status == LC_SC_SUCCESS) task.fail(LC_SC_LASER_LOST, LC_FAIL(LC_FAIL_SELF, 0));
    if (clipping_ == nullptr) return;
    context_.jobs.then([this, clipping = clipping_, at = context_.services.now()] {
        if (clipping->clipped * kSaturated <= clipping->samples) return;
        context_.services.events.raise(
            {EventType::saturation, index_, static_cast<std::int64_t>(clipping->clipped), at});
    });
    // Who waits for an event is told of it at once.
    if (context_.services.events.awaited()) context_.jobs.settle();
}

/// Converts the next `vectors` vectors, in batches that bound memory.
bool MvmEngine::run(Task& task, std::uint64_t vectors)
{
    const auto& op = task.command.mvm();
    const auto end = task.progress + vectors;
    const bool computes = context_.services.run.computes();
    while (task.progress < end) {
        const auto batch =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(end - task.progress, kBatch / lanes_ * lanes_));
        MvmTransaction mvm;
        std::shared_ptr<MvmNumbers> numbers;
        std::unique_ptr<ChunkMemory::Chunk> whole;
        if (computes) {
            numbers =
                std::make_shared<MvmNumbers>(op, shape_, scales_, task.progress, batch, context_.memories, memory_);
            // Faults of the light and the converters are put into whole batches.
            mvm.deferred = context_.services.faults.quiet() && task.progress % lanes_ == 0 && numbers->chunks_apart();
            if (!mvm.deferred) {
                context_.jobs.settle();
                whole = numbers->open(0, batch);
                mvm.codes = whole->codes.data();
                mvm.sums = whole->sums.data();
            }
        }
        if (!send(task, task.progress, batch, mvm)) {
            refuse(task, mvm);
            return false;
        }
        const auto& sram = context_.memories.sram();
        const auto moved = [&](std::uint64_t count) { return traffic_bits(op, count); };
        const auto sram_time = sram.time_of(moved(task.progress + batch)) - sram.time_of(moved(task.progress));
        light_time_ += mvm.stream_end - mvm.start;
        ports_end_ = context_.memories.sram().traffic(ports_end_, moved(batch), sram_time, task.cause()).end;
        stream_end_ = std::max(light_start_ + light_time_, ports_end_);
        ready_ = stream_end_ + (mvm.ready - mvm.stream_end) + (op.full != 0 ? context_.parameters.scale_latency : 0);
        book(task, mvm);
        if (computes) numbers->look_at_outputs();
        if (whole != nullptr) numbers->close(0, batch, mvm.tile->column_sum.data(), std::move(whole));
        count(task, mvm);
        if (computes) compute(task, numbers, mvm);
        context_.scheduler.engine(task.engine).items += batch;
        task.progress += batch;
    }
    return true;
}

/// Energy of accumulation and of block scaling.
void MvmEngine::book(const Task& task, const MvmTransaction& mvm)
{
    const auto& op = task.command.mvm();
    const BlockShape& shape = shape_;
    const std::uint64_t vectors = mvm.vectors;
    const auto charge = [&](AccountId account, std::uint64_t amount) {
        context_.services.ledger.charge(account, amount, mvm.start, mvm.stream_end, task.cause());
    };
    charge(accounts_.accumulate, vectors * op.cols * mvm.passes);
    if (shape.full != 0) charge(accounts_.scale_input, vectors * shape.inputs);
    if (shape.full != 0 || op.scale != 0) charge(accounts_.scale_sum, vectors * shape.outputs);
}

/// Totals, as far as they are known without the numbers.
void MvmEngine::count(const Task& task, const MvmTransaction& mvm)
{
    const auto& op = task.command.mvm();
    const std::uint64_t light = static_cast<std::uint64_t>(mvm.vectors) * mvm.passes;
    auto& counts = context_.counts;
    auto& layer = counts.layer(task);
    counts.mvms += light;
    counts.dac_samples += light * op.rows;
    counts.adc_samples += light * op.cols;
    converted_ += light * op.cols;
    dark_ = dark_ || mvm.dark;
    layer.tile_vectors += light;
    if (clipping_ == nullptr) {
        layer.stats.samples += light * op.cols;
    } else {
        clipping_->samples += light * op.cols;
    }
}

struct MvmEngine::Outcome {
    Counts::Layer& layer;
    std::shared_ptr<Clipping> clipping;
    std::uint64_t light;  ///< vectors times passes
    BlockShape shape;
    const photonic_core::AnalogChain* chain;
    const pcm_memory::EffectiveTile* tile;
    std::shared_ptr<const void> weights;  ///< keeps the tile
    double warming, detuning;
};

void MvmEngine::settle(const Outcome& outcome, const photonic_core::MvmStats& stats, const MvmNumbers& numbers)
{
    context_.counts.adc_clipped += stats.clipped;
    outcome.clipping->clipped += stats.clipped;
    clipped_ += stats.clipped;
    outcome.layer.stats.add(stats);
    photonic_core::Averaging averaging;
    averaging.passes = outcome.shape.repeats;
    averaging.row_copies = outcome.shape.row_copies;
    averaging.col_copies = outcome.shape.col_copies;
    averaging.scale2 = mean_square_scale(numbers.largest(), numbers.scales());
    const auto error =
        photonic_core::attribute(*outcome.chain, stats, *outcome.tile, outcome.light,
                                 photonic_core::heated_light(*outcome.chain, outcome.warming, outcome.detuning));
    outcome.layer.error.add(photonic_core::averaged(error, averaging));
}

/// Posts the numbers of a batch; what is not deferred is there, and only settled.
void MvmEngine::compute(const Task& task, const std::shared_ptr<MvmNumbers>& numbers, MvmTransaction& mvm)
{
    const std::uint64_t light = static_cast<std::uint64_t>(mvm.vectors) * mvm.passes;
    Outcome outcome{context_.counts.layer(task),
                    clipping_,
                    light,
                    shape_,
                    mvm.chain,
                    mvm.tile,
                    mvm.weights,
                    mvm.warming,
                    mvm.detuning};
    if (!mvm.deferred) return settle(outcome, mvm.stats, *numbers);
    const auto size = numbers->chunk_vectors(lanes_, context_.jobs.threads());
    NumericJobs::Job job;
    job.chunks = (mvm.vectors + size - 1) / size;
    numbers->add_accesses(size, job);
    auto parts = std::make_shared<std::vector<photonic_core::MvmStats>>(job.chunks);
    job.work = [numbers, parts, size, vectors = mvm.vectors, product = std::move(mvm.product),
                column_sum = mvm.tile->column_sum.data()](std::uint32_t i) {
        const std::uint32_t begin = i * size, end = std::min(begin + size, vectors);
        auto chunk = numbers->open(begin, end);
        (*parts)[i] = product({begin, end, chunk->codes.data(), chunk->sums.data()});
        numbers->close(begin, end, column_sum, std::move(chunk));
    };
    job.conclude = [this, numbers, parts, outcome = std::move(outcome)] {
        photonic_core::MvmStats stats;
        for (const auto& part : *parts) stats.add(part);
        settle(outcome, stats, *numbers);
    };
    job.origin = {task.sq, task.cid, task.record};
    context_.jobs.post(std::move(job));
}

/// One transaction through the core's chain, from the end of the stream so far.
bool MvmEngine::send(Task& task, std::uint64_t first, std::uint32_t vectors, MvmTransaction& mvm)
{
    const auto& op = task.command.mvm();
    mvm.bank = op.bank;
    mvm.weight_id = task.command.sqe.weight_id;
    mvm.rows = op.rows;
    mvm.cols = op.cols;
    mvm.vectors = vectors;
    mvm.first_vector = first;
    mvm.first_sample = first_sample_ + first;
    const BlockShape& shape = shape_;
    mvm.passes = shape.passes();
    mvm.code_passes = shape.code_passes;
    mvm.cause = task.cause();
    mvm.earliest = stream_end_;
    mvm.announced = task.blocked_by == Wait::weights ? task.issued : task.started;
    const ExtensionLoan loan(payload_, mvm);
    auto delay = sc_core::SC_ZERO_TIME;
    core_->b_transport(payload_, delay);
    return payload_.is_response_ok();
}

void MvmEngine::refuse(Task& task, const MvmTransaction& mvm)
{
    // The core finds out before any light flows: no time, no energy.
    constexpr std::uint32_t kBankField = 64 + 2, kWeightIdField = 8, kRowsField = 64 + 4;
    if (mvm.bank_empty) {
        task.fail(LC_SC_NO_WEIGHTS, LC_FAIL(LC_FAIL_SELF, kBankField));
    } else if (mvm.tile == nullptr) {
        task.fail(LC_SC_WEIGHT_MISMATCH, LC_FAIL(LC_FAIL_SELF, kWeightIdField));
    } else {
        task.fail(LC_SC_INVALID_FIELD, LC_FAIL(LC_FAIL_SELF, kRowsField));
    }
}

}  // namespace lightcard::control_chip
