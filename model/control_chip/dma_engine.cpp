// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/dma_engine.h"

#include <algorithm>

namespace lightcard::control_chip {

namespace {
bool on_host(std::uint64_t pointer)
{
    return LC_PTR_SPACE(pointer) == LC_SPACE_HOST;
}
}  // namespace

DmaEngine::DmaEngine(EngineContext context, HostPort& host, std::uint64_t tag_base)
    : context_(context), host_(host), tag_base_(tag_base)
{
    track_ = context.services.activity.open("control_chip.dma");
}

void DmaEngine::start(Task& task)
{
    const auto& sqe = task.command.sqe;
    job_ = {};
    job_.task = task.id;
    job_.rows = task.command.copy_rows();
    job_.row_bytes = sqe.length;
    job_.src = sqe.src;
    job_.dst = sqe.dst;
    job_.src_stride = sqe.u.copy.src_stride;
    job_.dst_stride = sqe.u.copy.dst_stride;
    // Rows that follow each other on both sides are one long row.
    if (job_.src_stride == job_.row_bytes && job_.dst_stride == job_.row_bytes) {
        job_.row_bytes *= job_.rows;
        job_.rows = 1;
    }
    job_.end = context_.services.now() + context_.parameters.dma_issue;
    context_.timeline.at(job_.end, Due::step, task.id);
}

void DmaEngine::step(Task& task)
{
    if (!on_host(job_.src) && !on_host(job_.dst)) {
        move_on_card(task);
    } else {
        pump(task);
    }
}

bool DmaEngine::next_piece(Piece& piece)
{
    if (job_.row >= job_.rows || job_.failed) return false;
    piece.from = job_.src + job_.row * job_.src_stride + job_.offset;
    piece.to = job_.dst + job_.row * job_.dst_stride + job_.offset;
    piece.bytes = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(job_.row_bytes - job_.offset, context_.parameters.dma_chunk));
    job_.offset += piece.bytes;
    if (job_.offset >= job_.row_bytes) {
        job_.offset = 0;
        ++job_.row;
    }
    return true;
}

/// Card to card: bursts overlap as far as the two memories let them; no event a burst.
void DmaEngine::move_on_card(Task& task)
{
    Piece piece;
    std::vector<std::uint8_t> data;
    auto issue = context_.services.now();
    while (next_piece(piece)) {
        if (context_.services.run.computes()) data.resize(piece.bytes);
        const auto read = context_.memories.read(piece.from, data.data(), piece.bytes, issue, task.cause());
        piece_done(context_.memories.write(piece.to, data.data(), piece.bytes, read, task.cause()));
        context_.scheduler.engine(task.engine).items += piece.bytes;
    }
    conclude();
}

void DmaEngine::pump(Task& task)
{
    Piece piece;
    while (job_.outstanding < kOutstanding && next_piece(piece)) begin_piece(task, piece);
    if (job_.outstanding == 0) conclude();
}

void DmaEngine::begin_piece(Task& task, const Piece& piece)
{
    ++job_.outstanding;
    const auto id = next_piece_id_++;
    auto& flight = pieces_[id];
    flight.piece = piece;
    if (context_.services.run.computes()) flight.data.resize(piece.bytes);
    if (on_host(piece.from)) {
        DmaRequest request;
        request.tag = tag_base_ + id;
        request.bus = LC_PTR_OFFSET(piece.from);
        request.data = std::move(flight.data);
        request.shape_bytes = piece.bytes;
        host_.submit(std::move(request));
        return;
    }
    const auto ready =
        context_.memories.read(piece.from, flight.data.data(), piece.bytes, context_.services.now(), task.cause());
    context_.timeline.at(ready, Due::dma_piece, id);
}

void DmaEngine::piece_due(std::uint64_t id)
{
    const auto found = pieces_.find(id);
    if (found == pieces_.end()) return;
    DmaRequest request;
    request.tag = tag_base_ + id;
    request.to_host = true;
    request.bus = LC_PTR_OFFSET(found->second.piece.to);
    request.data = std::move(found->second.data);
    request.shape_bytes = found->second.piece.bytes;
    host_.submit(std::move(request));
}

void DmaEngine::host_complete(DmaRequest request, bool ok)
{
    const auto found = pieces_.find(request.tag - tag_base_);
    auto* task = context_.scheduler.find(job_.task);
    if (found == pieces_.end() || task == nullptr) return;
    const auto piece = found->second.piece;
    if (!ok) {
        job_.failed = true;
        task->fail(LC_SC_HOST_BUS, LC_FAIL(LC_FAIL_SELF, request.to_host ? 24 : 16));
    } else if (!request.to_host && on_host(piece.to)) {
        // Host to host through the card: the same burst goes back out.
        found->second.data = std::move(request.data);
        piece_due(found->first);
        return;
    } else if (!request.to_host) {
        const auto now = context_.services.now();
        job_.end =
            std::max(job_.end, context_.memories.write(piece.to, request.data.data(), piece.bytes, now, task->cause()));
    }
    pieces_.erase(found);
    context_.scheduler.engine(task->engine).items += piece.bytes;
    --job_.outstanding;
    pump(*task);
}

void DmaEngine::piece_done(Picoseconds end)
{
    job_.end = std::max(job_.end, end);
}

void DmaEngine::conclude()
{
    auto* task = context_.scheduler.find(job_.task);
    if (task == nullptr) return;
    task->ends = std::max(job_.end, context_.services.now());
    auto& layer = context_.counts.layer(*task);
    layer.last = std::max(layer.last, task->ends);
    if (context_.services.activity.enabled()) {
        context_.services.activity.span(track_, "COPY", task->started, task->ends, task->cause().layer,
                                        job_.rows * job_.row_bytes);
    }
    context_.timeline.at(task->ends, Due::finish, task->id);
}

/// Bursts under way still land; nothing more is sent.
bool DmaEngine::abort(Task& task)
{
    if (job_.row >= job_.rows) return false;
    job_.failed = true;
    task.fail(LC_SC_ABORTED, LC_FAIL(LC_FAIL_SELF, 0));
    return true;
}

void DmaEngine::drop(Task&)
{
    reset();
}

void DmaEngine::reset()
{
    pieces_.clear();
    job_ = {};
}

}  // namespace lightcard::control_chip
