// SPDX-License-Identifier: Apache-2.0
#include "script.h"

#include "lightcard/model/common/crc32.h"

namespace lightcard::test {
namespace {

constexpr std::uint32_t kN = 128, kVectors = 300, kBytes = 256 * 1024;
constexpr std::uint64_t kWeights = 0x100000, kRanges = 0x200000;             // DRAM
constexpr std::uint64_t kInputs = 0, kOutputs = 0x100000, kPsum = 0x400000;  // SRAM

}  // namespace

Script::Script(Rig& rig, std::uint32_t seed) : rig_(rig), seed_(seed)
{
    rig_.host.root().set_observer([this](const host::BusEvent& event) {
        seen_ << "bus " << static_cast<int>(event.kind) << ' ' << std::hex << event.address << std::dec << ' '
              << event.bytes << ' ' << event.time << (event.ok ? "\n" : " refused\n");
    });
}

void Script::step(int number)
{
    switch (number) {
        case 0:
            return bring_up();
        case 1:
            return copies();
        case 2:
            return program_two_banks();
        case 3:
            return stream();
        case 4:
            return bad_commands();
        case 5:
            return reset_in_mid_transfer();
        case 6:
            return copies();
        default:
            return collect();
    }
}

void Script::bring_up()
{
    rig_.up(2, 32);
    in_ = rig_.buffer(Rig::pattern(kBytes, seed_));
    out_ = rig_.buffer(kBytes);
}

/// Odd sizes in both directions, spread over two queues; nobody waits.
void Script::copies()
{
    collect();
    std::uint32_t at = 0;
    for (std::uint32_t i = 0; i < 12; ++i) {
        const std::uint32_t bytes = 1 + i * 1777;
        rig_.submit(make_copy(dram_pointer(at), host_pointer(in_, at), bytes), nullptr, i % 2);
        lc_sqe back = make_copy(host_pointer(out_, at), dram_pointer(at), bytes);
        back.flags = LC_SQE_FENCE;
        rig_.submit(back, nullptr, i % 2);
        at += bytes;
    }
}

void Script::program_two_banks()
{
    collect();
    rig_.submit(make_copy(dram_pointer(kWeights), host_pointer(in_), kN * kN));
    rig_.submit(make_copy(sram_pointer(kInputs), host_pointer(in_, 1000), kN * kVectors));
    for (std::uint16_t bank = 0; bank < 2; ++bank) {
        lc_program_op op{};
        op.bank = bank;
        op.rows = kN - bank;
        op.cols = kN;
        op.row_stride = kN;
        op.weights = dram_pointer(kWeights);
        op.adc_range = dram_pointer(kRanges);
        lc_sqe sqe = driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 100u + bank);
        sqe.flags = LC_SQE_FENCE;
        sqe.layer = static_cast<std::uint16_t>(1 + bank);
        rig_.submit(sqe, &op);
    }
}

void Script::stream()
{
    collect();
    for (std::uint16_t i = 0; i < 6; ++i) {
        const std::uint16_t bank = i % 2;
        lc_mvm_op op{};
        op.bank = bank;
        op.rows = kN - bank;
        op.cols = kN;
        op.flags = LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST;
        op.in_format = LC_FMT_U8;
        op.out_format = LC_FMT_S32;
        op.in.base = sram_pointer(kInputs);
        op.in.images = op.in.out_h = op.in.height = 1;
        op.in.out_w = op.in.width = 50u + i;
        op.in.channels = op.rows;
        op.in.stride_w = kN;
        op.in.stride_h = kN * kVectors;
        op.in.stride_n = kN * kVectors;
        op.in.kernel_h = op.in.kernel_w = op.in.step_h = op.in.step_w = op.in.dil_h = op.in.dil_w = 1;
        op.out = {sram_pointer(kOutputs), 1u << 20, 1u << 20, kN * 4};
        op.psum = sram_pointer(kPsum);
        lc_sqe sqe = driver::make_weight_command(LC_OP_MVM, 100u + bank);
        sqe.layer = static_cast<std::uint16_t>(1 + bank);
        rig_.submit(sqe, &op);
    }
    lc_sqe back = make_copy(host_pointer(out_), sram_pointer(kOutputs), 50 * kN * 4);
    back.flags = LC_SQE_FENCE;
    rig_.submit(back);
}

void Script::bad_commands()
{
    collect();
    rig_.submit(driver::make_command(0x7f));
    rig_.submit(make_copy(dram_pointer(0), host_pointer(0xdead'0000'0000), 4096));
    rig_.submit(make_copy(sram_pointer(~0ull), dram_pointer(0), 4096), nullptr, 1);
    rig_.submit(driver::make_command(LC_OP_NOP));
}

void Script::reset_in_mid_transfer()
{
    collect();
    for (int i = 0; i < 8; ++i) rig_.submit(make_copy(dram_pointer(0), host_pointer(in_), kBytes), nullptr, i % 2);
    rig_.host.sleep(20 * kMicrosecond);
    must(rig_.driver->reset());
}

void Script::collect()
{
    for (std::size_t q = 0; q < rig_.driver->queues(); ++q)
        while (auto done = rig_.queue(q).poll())
            seen_ << "cqe " << q << ' ' << done->cid << ' ' << done->status << ' ' << done->result << '\n';
    seen_ << "out " << crc32(out_.host, out_.bytes) << " at " << rig_.host.now() << '\n';
}

}  // namespace lightcard::test
