// SPDX-License-Identifier: Apache-2.0
/// A card just real enough to test the driver: registers, an admin queue and I/O queues over plain memory. Time is
/// a counter; each command takes a fixed time and completes when the driver waits. Faults are switched on by tests.
#pragma once

#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "lightcard/model/control_chip/lightcard_abi.h"
#include "lightcard/model/control_chip/lightcard_regs.h"
#include "lightcard/platform/driver/transport.h"

namespace lightcard::driver {

class FakeCard : public Transport {
public:
    // What a test may break.
    std::uint32_t magic = LC_MAGIC_VALUE, version = LC_VERSION_RESET;
    bool gone = false, deaf_liveness = false, boots = true, becomes_ready = true;
    bool hangs = false;  ///< takes commands and never completes them
    std::uint32_t vectors = 4, vectors_of_card = 4;
    std::uint32_t entries = 1024, io_queues = 4, ready_timeout_units = 2;
    Picoseconds command_time = kMicrosecond;
    bool reverse = false;  ///< completes what is in flight last come, first served
    lc_identify identity = default_identity();

    // What a test may look at.
    std::vector<std::uint8_t> dram = std::vector<std::uint8_t>(1 << 20);
    std::map<std::uint32_t, std::uint64_t> writes;  ///< register -> number of writes
    std::uint64_t reads = 0;
    std::uint64_t live_buffers() const { return buffers_.size(); }
    /// What EXEC did: records of each, and a hook that computes its outputs.
    std::function<std::uint64_t(const lc_exec_op&, FakeCard&, std::uint16_t& status)> exec;
    std::uint8_t* host(std::uint64_t pointer, std::uint64_t bytes)
    {
        const std::uint64_t bus = LC_PTR_OFFSET(pointer);
        for (auto& [base, memory] : buffers_)
            if (bus >= base && bus + bytes <= base + memory.size()) return memory.data() + (bus - base);
        return nullptr;
    }
    void reset_behind_the_driver() { ++reset_count_, disable(); }

    // Transport
    std::uint32_t read32(std::uint32_t offset) override
    {
        ++reads;
        now_ += kMicrosecond;
        if (gone) return 0xffff'ffff;
        switch (offset) {
            case LC_REG_MAGIC:
                return magic;
            case LC_REG_VERSION:
                return version;
            case LC_REG_CAP:
                return (entries - 1) | ready_timeout_units << LC_CAP_TO_SHIFT;
            case LC_REG_CAP + 4:
                return io_queues << (LC_CAP_MAX_IOQ_SHIFT - 32);
            case LC_REG_LIVENESS:
                return deaf_liveness ? 0 : ~liveness_;
            case LC_REG_CSTS:
                return (ready_ ? LC_CSTS_RDY : 0u) | shutdown_ << LC_CSTS_SHST_SHIFT;
            case LC_REG_BOOT_STATUS:
                return boots && now_ > kMillisecond ? LC_BOOT_STATUS_READY : 1;
            case LC_REG_RESET_COUNT:
                return reset_count_;
            default:
                return 0;
        }
    }

    void write32(std::uint32_t offset, std::uint32_t value) override
    {
        ++writes[offset];
        if (offset >= 0x1000) return doorbell((offset - 0x1000) / 8, (offset & 4) != 0, value);
        if (offset == LC_REG_LIVENESS) liveness_ = value;
        if (offset == LC_REG_AQA) admin_entries_ = (value & 0xffff) + 1;
        set_half(offset, LC_REG_ASQ, value, admin_sq_);
        set_half(offset, LC_REG_ACQ, value, admin_cq_);
        if (offset == LC_REG_CC) control(value);
    }

    Result<DmaBuffer> allocate(std::size_t bytes) override
    {
        const std::uint64_t bus = next_bus_;
        next_bus_ += (bytes + 0x1fff) & ~0xfffull;
        auto& memory = buffers_[bus];
        memory.resize(bytes);
        return DmaBuffer{memory.data(), bus, bytes};
    }
    void free(const DmaBuffer& buffer) override { buffers_.erase(buffer.bus); }
    std::uint32_t interrupt_vectors() const override { return vectors; }
    std::uint64_t interrupts(std::uint32_t vector) override { return interrupts_[vector]; }

    bool wait(Picoseconds timeout) override
    {
        if (pending_.empty() || hangs) return false;
        if (timeout < command_time) {
            now_ += timeout;
            return true;
        }
        now_ += command_time;
        const Pending next = reverse ? pending_.back() : pending_.front();
        reverse ? pending_.pop_back() : pending_.pop_front();
        execute(next);
        return true;
    }
    void sleep(Picoseconds duration) override { now_ += duration; }
    Picoseconds now() override { return now_; }

private:
    struct Ring {
        std::uint64_t sq = 0, cq = 0;
        std::uint32_t entries = 0, cq_entries = 0, head = 0, cq_tail = 0, vector = 0;
        bool phase = true;
    };
    struct Pending {
        std::uint32_t queue;
        lc_sqe sqe;
    };

    static lc_identify default_identity()
    {
        lc_identify id{};
        id.magic = LC_MAGIC_VALUE;
        id.n = 128, id.lanes = 4, id.cores = 1, id.banks = 2, id.level_bits = 5;
        id.io_queues = 4, id.queue_entries = 1024;
        id.sram_bytes = 64u << 20, id.dram_bytes = 1u << 20, id.max_transfer = 1u << 16;
        return id;
    }

    static void set_half(std::uint32_t offset, std::uint32_t base, std::uint32_t value, std::uint64_t& target)
    {
        if (offset == base) target = (target & ~0xffff'ffffull) | value;
        if (offset == base + 4) target = (target & 0xffff'ffffull) | static_cast<std::uint64_t>(value) << 32;
    }

    void control(std::uint32_t value)
    {
        shutdown_ = (value & LC_CC_SHN) != 0 ? LC_CSTS_SHST_DONE : LC_CSTS_SHST_NONE;
        if ((value & LC_CC_EN) == 0)
            disable_by_driver();
        else if (!ready_)
            enable();
    }
    void enable()
    {
        ready_ = becomes_ready;
        rings_[0] = {admin_sq_, admin_cq_, admin_entries_, admin_entries_, 0, 0, 0, true};
    }
    void disable() { ready_ = false, rings_.clear(), pending_.clear(); }
    void disable_by_driver()
    {
        if (ready_) ++reset_count_;
        disable();
    }

    void doorbell(std::uint32_t queue, bool completion, std::uint32_t value)
    {
        if (completion || rings_.count(queue) == 0) return;
        Ring& ring = rings_[queue];
        for (; ring.head != value; ring.head = (ring.head + 1) % ring.entries) {
            lc_sqe sqe;
            std::memcpy(&sqe, host(ring.sq + ring.head * sizeof sqe, sizeof sqe), sizeof sqe);
            pending_.push_back({queue, sqe});
        }
    }

    void execute(const Pending& command)
    {
        std::uint16_t status = LC_SC_SUCCESS;
        const std::uint64_t result = command.queue == 0 ? admin(command.sqe, status) : io(command.sqe, status);
        complete(command.queue, command.sqe.cid, status, result);
    }

    std::uint64_t admin(const lc_sqe& sqe, std::uint16_t& status)
    {
        Ring& ring = rings_[sqe.u.queue.qid];
        switch (sqe.opcode) {
            case LC_ADM_IDENTIFY:
                std::memcpy(host(sqe.dst, sqe.length), &identity, sizeof identity);
                break;
            case LC_ADM_CREATE_CQ:
                if (sqe.u.queue.vector >= vectors_of_card) {
                    status = LC_SC_INVALID_VECTOR;
                    break;
                }
                ring.cq = sqe.src, ring.cq_entries = sqe.u.queue.entries, ring.vector = sqe.u.queue.vector;
                ring.cq_tail = 0, ring.phase = true;
                break;
            case LC_ADM_CREATE_SQ:
                ring.sq = sqe.src, ring.entries = sqe.u.queue.entries, ring.head = 0;
                break;
            case LC_ADM_DELETE_SQ:
                drop(sqe.u.queue.qid);
                break;
            case LC_ADM_DELETE_CQ:
                rings_.erase(sqe.u.queue.qid);
                break;
            case LC_ADM_ABORT:
                if (!abort(sqe.u.abort.sqid, sqe.u.abort.cid)) status = LC_SC_ABORT_NOT_FOUND;
                break;
            default:
                status = LC_SC_INVALID_OPCODE;
        }
        return status == LC_SC_SUCCESS ? 0 : LC_FAIL(LC_FAIL_SELF, 0);
    }

    std::uint64_t io(const lc_sqe& sqe, std::uint16_t& status)
    {
        if (sqe.opcode == LC_OP_COPY) {
            std::uint8_t* from = memory(sqe.src, sqe.length);
            std::uint8_t* to = memory(sqe.dst, sqe.length);
            if (from == nullptr || to == nullptr) {
                status = LC_SC_ADDRESS;
                return LC_FAIL(LC_FAIL_SELF, from == nullptr ? offsetof(lc_sqe, src) : offsetof(lc_sqe, dst));
            }
            std::memcpy(to, from, sqe.length);
        } else if (sqe.opcode == LC_OP_EXEC && exec) {
            lc_exec_op operands;
            std::memcpy(&operands, host(sqe.src, sizeof operands), sizeof operands);
            return exec(operands, *this, status);
        } else if (sqe.opcode != LC_OP_NOP) {
            status = LC_SC_INVALID_OPCODE;
            return LC_FAIL(LC_FAIL_SELF, 0);
        }
        return 0;
    }

    std::uint8_t* memory(std::uint64_t pointer, std::uint64_t bytes)
    {
        if (LC_PTR_SPACE(pointer) == LC_SPACE_HOST) return host(pointer, bytes);
        const std::uint64_t offset = LC_PTR_OFFSET(pointer);
        return offset + bytes <= dram.size() ? dram.data() + offset : nullptr;
    }

    void complete(std::uint32_t queue, std::uint16_t cid, std::uint16_t status, std::uint64_t result)
    {
        Ring& ring = rings_[queue];
        lc_cqe cqe{};
        cqe.result = result;
        cqe.sq_head = static_cast<std::uint16_t>(ring.head);
        cqe.sq_id = static_cast<std::uint16_t>(queue);
        cqe.cid = cid;
        cqe.status = static_cast<std::uint16_t>(status << 1 | (ring.phase ? 1 : 0));
        std::memcpy(host(ring.cq + ring.cq_tail * sizeof cqe, sizeof cqe), &cqe, sizeof cqe);
        if (++ring.cq_tail == ring.cq_entries) ring.cq_tail = 0, ring.phase = !ring.phase;
        ++interrupts_[ring.vector];
    }

    bool abort(std::uint32_t queue, std::uint16_t cid)
    {
        for (auto it = pending_.begin(); it != pending_.end(); ++it)
            if (it->queue == queue && it->sqe.cid == cid) {
                pending_.erase(it);
                complete(queue, cid, LC_SC_ABORTED, LC_FAIL(LC_FAIL_SELF, 0));
                return true;
            }
        return false;
    }

    void drop(std::uint32_t queue)
    {
        std::deque<Pending> kept;
        for (auto& command : pending_)
            if (command.queue != queue) kept.push_back(command);
        pending_ = kept;
    }

    Picoseconds now_ = 0;
    std::uint64_t next_bus_ = 0x1'0000'0000;
    std::map<std::uint64_t, std::vector<std::uint8_t>> buffers_;
    std::map<std::uint32_t, Ring> rings_;
    std::map<std::uint32_t, std::uint64_t> interrupts_;
    std::deque<Pending> pending_;
    std::uint64_t admin_sq_ = 0, admin_cq_ = 0;
    std::uint32_t admin_entries_ = 0, liveness_ = 0, reset_count_ = 1, shutdown_ = 0;
    bool ready_ = false;
};

}  // namespace lightcard::driver
