// SPDX-License-Identifier: Apache-2.0
// What a driver can do wrong, and what a host can: each has its architected answer, and the card lives on.
#include "rig.h"

#include <array>

#include "lightcard/model/control_chip/lightcard_regs.h"

namespace lightcard::test {
namespace {

using testing::HasSubstr;

/// A command that must fail, and how.
struct Bad {
    const char* name;
    lc_status status;
    std::uint32_t field;  ///< as in LC_FAIL
    std::function<void(lc_sqe&)> break_it;
};

void PrintTo(const Bad& bad, std::ostream* out)
{
    *out << bad.name;
}

class BadCopy : public testing::TestWithParam<Bad> {};

TEST_P(BadCopy, FailsAndTheNextWorks)
{
    Rig rig;
    rig.up();
    lc_sqe sqe = make_copy(dram_pointer(0), sram_pointer(0), 64);
    ASSERT_TRUE(rig.try_run(sqe).ok()) << "good before it is broken";
    GetParam().break_it(sqe);
    const auto done = rig.try_run(sqe);
    EXPECT_EQ(driver::status_name(done.status), std::string(driver::status_name(GetParam().status)));
    EXPECT_EQ(LC_FAIL_INDEX(done.result), LC_FAIL_SELF);
    EXPECT_EQ(driver::field_name(sqe.opcode, LC_FAIL_FIELD(done.result)),
              driver::field_name(sqe.opcode, GetParam().field));
    EXPECT_TRUE(rig.works());
    const auto log = must(rig.driver->error_log());
    ASSERT_FALSE(log.empty());
    EXPECT_EQ(log[0].status, GetParam().status);
    EXPECT_EQ(log[0].cid, done.cid);
    EXPECT_EQ(log[0].sq_id, 1);
    EXPECT_EQ(log[0].result, done.result);
    EXPECT_EQ(rig.card.counters().failed_commands, 1u);
}

#define FIELD(member) static_cast<std::uint32_t>(offsetof(lc_sqe, member))
INSTANTIATE_TEST_SUITE_P(
    Commands, BadCopy,
    testing::Values(
        Bad{"opcode", LC_SC_INVALID_OPCODE, FIELD(opcode), [](lc_sqe& s) { s.opcode = 0x7f; }},
        Bad{"flags", LC_SC_INVALID_FIELD, FIELD(flags), [](lc_sqe& s) { s.flags = 0x80; }},
        Bad{"no_length", LC_SC_INVALID_FIELD, FIELD(length), [](lc_sqe& s) { s.length = 0; }},
        Bad{"wait_mask_outside_exec", LC_SC_INVALID_FIELD, FIELD(wait_mask), [](lc_sqe& s) { s.wait_mask = 1; }},
        Bad{"reserved", LC_SC_INVALID_FIELD, FIELD(u.copy.rsvd), [](lc_sqe& s) { s.u.copy.rsvd = 1; }},
        Bad{"sram_end", LC_SC_ADDRESS, FIELD(src), [](lc_sqe& s) { s.src = sram_pointer((64u << 20) - 63); }},
        Bad{"sram_far", LC_SC_ADDRESS, FIELD(src), [](lc_sqe& s) { s.src = sram_pointer(1ull << 50); }},
        Bad{"dram_far", LC_SC_ADDRESS, FIELD(dst), [](lc_sqe& s) { s.dst = dram_pointer((1ull << 56) - 1); }},
        Bad{"space", LC_SC_ADDRESS, FIELD(src), [](lc_sqe& s) { s.src = LC_PTR(9, 0); }},
        Bad{"arg_outside_exec", LC_SC_ADDRESS, FIELD(src), [](lc_sqe& s) { s.src = LC_PTR(LC_SPACE_ARG0, 0); }},
        Bad{"stride_leaves_memory", LC_SC_ADDRESS, FIELD(src),
            [](lc_sqe& s) {
                s.u.copy = {1000, 0, 1u << 20, 64};
            }}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(BadOperands, EachIsNamedByField)
{
    Rig rig;
    rig.up();
    lc_program_op program{};
    program.rows = program.cols = 1;
    program.row_stride = 1;
    program.weights = program.adc_range = dram_pointer(0);
    program.bank = 99;
    auto done = rig.try_run(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 1), &program);
    EXPECT_EQ(done.status, LC_SC_INVALID_FIELD);
    EXPECT_EQ(driver::field_name(LC_OP_PROGRAM_WEIGHTS, LC_FAIL_FIELD(done.result)), "program.bank");
    lc_mvm_op mvm{};
    mvm.rows = 1;
    mvm.cols = 500;
    done = rig.try_run(driver::make_weight_command(LC_OP_MVM, 1), &mvm);
    EXPECT_EQ(done.status, LC_SC_INVALID_FIELD);
    EXPECT_EQ(driver::field_name(LC_OP_MVM, LC_FAIL_FIELD(done.result)), "mvm.cols");
    EXPECT_TRUE(rig.works());
}

TEST(BadDoorbell, BeyondTheRingIsAGuestError)
{
    Rig rig;
    rig.up(2, 16);
    const auto errors = rig.card.diagnostics().count(Severity::guest_error);
    rig.host.write32(LC_DOORBELL_SQ_TAIL(1), 16);
    rig.host.write32(LC_DOORBELL_CQ_HEAD(1), 9999);
    rig.host.write32(LC_DOORBELL_SQ_TAIL(2), 0xffff);
    rig.host.write32(LC_DOORBELL_SQ_TAIL(7), 1);    // no such queue yet
    rig.host.write32(LC_DOORBELL_SQ_TAIL(400), 1);  // never
    ASSERT_TRUE(rig.host.drain());
    EXPECT_GE(rig.card.diagnostics().count(Severity::guest_error), errors + 5);
    EXPECT_TRUE(rig.works(0));
    EXPECT_TRUE(rig.works(1));
}

TEST(BadAccess, WrongWidthsAndHolesInRegisters)
{
    Rig rig;
    rig.up();
    const auto errors = [&] { return rig.card.diagnostics().count(Severity::guest_error); };
    const auto before = errors();
    std::uint8_t byte = 0xee;
    std::uint16_t half = 0xeeee;
    rig.host.read_bar(0, LC_REG_MAGIC, &byte, 1);
    rig.host.read_bar(0, LC_REG_MAGIC, &half, 2);
    EXPECT_TRUE(byte == 0 || byte == 0xff) << int(byte);
    EXPECT_TRUE(half == 0 || half == 0xffff) << half;
    EXPECT_EQ(errors(), before + 2);
    byte = 0;
    rig.host.write_bar(0, LC_REG_CC, &byte, 1);  // would disable the card
    EXPECT_EQ(rig.host.read32(0x0f00), 0u) << "reserved";
    EXPECT_EQ(rig.host.read32(LC_DOORBELL_SQ_TAIL(1)), 0u) << "doorbells are write-only";
    rig.host.write32(LC_REG_MAGIC, 0);
    EXPECT_EQ(rig.host.read32(LC_REG_MAGIC), LC_MAGIC_VALUE);
    EXPECT_EQ(errors(), before + 6);
    EXPECT_TRUE(rig.works());
}

TEST(BadHost, UnmappedDataIsABusError)
{
    Rig rig;
    rig.up(2, 16);
    const auto good = rig.buffer(64 * 1024);
    const auto gone = rig.buffer(64 * 1024);
    rig.host.free(gone);
    EXPECT_EQ(rig.try_run(make_copy(dram_pointer(0), host_pointer(gone), 64 * 1024)).status, LC_SC_HOST_BUS);
    EXPECT_EQ(rig.try_run(make_copy(host_pointer(gone), dram_pointer(0), 64 * 1024)).status, LC_SC_HOST_BUS);
    EXPECT_EQ(rig.try_run(make_copy(dram_pointer(0), host_pointer(good, 4096), 64 * 1024)).status, LC_SC_HOST_BUS)
        << "runs over the end";
    rig.host.memory().poison(good.bus + 40'000, 1);
    EXPECT_EQ(rig.try_run(make_copy(dram_pointer(0), host_pointer(good), 64 * 1024)).status, LC_SC_HOST_BUS)
        << "one bad page in the middle";
    EXPECT_TRUE(rig.works(0));
    EXPECT_TRUE(rig.works(1));
}

TEST(BadHost, UnmappedOperandsAndBuffersFailTheCommand)
{
    Rig rig;
    rig.up();
    const auto gone = rig.buffer(4096);
    rig.host.free(gone);
    lc_sqe mvm = driver::make_weight_command(LC_OP_MVM, 1);
    mvm.src = host_pointer(gone);
    mvm.length = LC_OPERAND_BYTES;
    EXPECT_EQ(rig.try_run(mvm).status, LC_SC_HOST_BUS);
    const lc_exec_op exec = driver::make_exec(host_pointer(gone), 4);
    EXPECT_EQ(rig.try_run(driver::make_command(LC_OP_EXEC), &exec).status, LC_SC_HOST_BUS);
    EXPECT_TRUE(rig.works());
}

TEST(BadAdmin, EveryCommandHasItsStatus)
{
    Rig rig;
    rig.up(1, 16);
    const auto status_of = [&](const lc_sqe& sqe) {
        auto& queue = rig.driver->admin_queue();
        return must(queue.wait(must(queue.submit(sqe)))).status;
    };
    lc_sqe create = driver::make_command(LC_ADM_CREATE_CQ);
    create.src = host_pointer(rig.buffer(4096));
    create.u.queue = {5, 16, 0, 0};
    auto broken = create;
    broken.u.queue.qid = 0;
    EXPECT_EQ(status_of(broken), LC_SC_INVALID_QID);
    broken = create;
    broken.u.queue.qid = 1;
    EXPECT_EQ(status_of(broken), LC_SC_QUEUE_IN_USE);
    broken = create;
    broken.u.queue.entries = 1;
    EXPECT_EQ(status_of(broken), LC_SC_INVALID_QSIZE);
    broken = create;
    broken.u.queue.vector = 2000;
    EXPECT_EQ(status_of(broken), LC_SC_INVALID_VECTOR);
    EXPECT_EQ(status_of(create), LC_SC_SUCCESS);

    lc_sqe submission = create;
    submission.opcode = LC_ADM_CREATE_SQ;
    submission.u.queue = {6, 16, 9, 0};
    EXPECT_EQ(status_of(submission), LC_SC_INVALID_QID) << "its completion queue does not exist";
    lc_sqe deletion = driver::make_command(LC_ADM_DELETE_CQ);
    deletion.u.queue.qid = 1;
    EXPECT_EQ(status_of(deletion), LC_SC_QUEUE_IN_USE) << "a submission queue still completes into it";
    deletion.opcode = LC_ADM_DELETE_SQ;
    deletion.u.queue.qid = 9;
    EXPECT_EQ(status_of(deletion), LC_SC_INVALID_QID);

    lc_sqe page = driver::make_command(LC_ADM_GET_LOG_PAGE);
    page.dst = create.src;
    page.length = 64;
    page.u.page.page = 77;
    EXPECT_EQ(status_of(page), LC_SC_INVALID_LOG_PAGE);
    lc_sqe feature = driver::make_command(LC_ADM_GET_FEATURE);
    feature.u.feature.feature = 0xdead;
    EXPECT_EQ(status_of(feature), LC_SC_INVALID_FEATURE);
    EXPECT_EQ(status_of(driver::make_command(0x77)), LC_SC_INVALID_OPCODE);
    EXPECT_TRUE(rig.works());
}

TEST(BadAdmin, DeletingAQueueEndsItsCommandsAndNoOthers)
{
    Rig rig;
    rig.up(2, 16);
    const auto big = rig.buffer(32u << 20);
    rig.submit(make_copy(dram_pointer(0), host_pointer(big), 32u << 20), nullptr, 0);
    const auto other = rig.submit(make_copy(dram_pointer(64u << 20), host_pointer(big), 1u << 20), nullptr, 1);
    rig.host.sleep(20 * kMicrosecond);
    must(rig.driver->delete_queue(0));
    EXPECT_EQ(rig.queue(0).poll().value().status, LC_SC_ABORTED_QUEUE);
    EXPECT_TRUE(must(rig.queue(1).wait(other)).ok());
    must(rig.driver->create_queue(0));
    EXPECT_TRUE(rig.works(0));
    EXPECT_TRUE(rig.works(1));
}

/// Commands that are nearly right: a good one with a few bits or bytes changed.
class Mangler {
public:
    explicit Mangler(std::uint32_t seed) : state_(seed) {}
    std::uint32_t next(std::uint32_t limit)
    {
        state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
        return static_cast<std::uint32_t>((state_ >> 33) % limit);
    }
    void mangle(void* data, std::uint32_t bytes)
    {
        auto* first = static_cast<std::uint8_t*>(data);
        for (std::uint32_t changes = next(4); changes > 0; --changes) {
            auto& byte = first[next(bytes)];
            if (next(2) == 0)
                byte = static_cast<std::uint8_t>(byte ^ (1u << next(8)));
            else
                byte = static_cast<std::uint8_t>(next(3) == 0 ? 0xff : next(256));
        }
    }

private:
    std::uint64_t state_;
};

lc_sqe nearly_right(Mangler& mangler, std::array<std::uint8_t, LC_OPERAND_BYTES>& operands, bool& has_operands)
{
    const std::uint8_t opcodes[] = {
        LC_OP_NOP,  LC_OP_COPY, LC_OP_PROGRAM_WEIGHTS, LC_OP_VERIFY_WEIGHTS, LC_OP_MVM, LC_OP_VECTOR, LC_OP_GEMM,
        LC_OP_EXEC, LC_OP_FENCE};
    const std::uint8_t opcode = opcodes[mangler.next(std::size(opcodes))];
    operands = {};
    lc_sqe sqe = opcode == LC_OP_COPY
                     ? make_copy(dram_pointer(mangler.next(1000)), sram_pointer(0), 1 + mangler.next(999))
                     : driver::make_weight_command(opcode, 0);
    has_operands = opcode >= LC_OP_PROGRAM_WEIGHTS;
    lc_window window{};
    window = {sram_pointer(0), 1, 3, 3, 8, 3, 3, 72, 24, 8, 1, 1, 1, 1, 1, 1, 0, 0};
    if (opcode == LC_OP_PROGRAM_WEIGHTS || opcode == LC_OP_VERIFY_WEIGHTS || opcode == LC_OP_MVM)
        sqe.weight_id = 1 + mangler.next(2);
    if (opcode == LC_OP_PROGRAM_WEIGHTS || opcode == LC_OP_VERIFY_WEIGHTS) {
        lc_program_op op{};
        op.bank = static_cast<std::uint16_t>(mangler.next(2));
        op.rows = op.cols = 8;
        op.row_stride = 8;
        op.weights = dram_pointer(0);
        op.adc_range = dram_pointer(4096);
        std::memcpy(operands.data(), &op, sizeof op);
    } else if (opcode == LC_OP_MVM) {
        lc_mvm_op op{};
        op.bank = static_cast<std::uint16_t>(mangler.next(2));
        op.rows = op.cols = 8;
        op.flags = LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST;
        op.out_format = LC_FMT_S32;
        op.in = window;
        op.out = {sram_pointer(8192), 9 * 32, 3 * 32, 32};
        op.psum = sram_pointer(16384);
        std::memcpy(operands.data(), &op, sizeof op);
    } else if (opcode == LC_OP_VECTOR) {
        lc_vector_op op{};
        op.kind = static_cast<std::uint8_t>(1 + mangler.next(LC_VEC_KINDS - 1));
        op.in = window;
        op.out = {sram_pointer(8192), 9 * 32, 3 * 32, 32};
        if (op.kind == LC_VEC_ADD || op.kind == LC_VEC_MUL) op.in2 = op.out;
        if (op.kind >= LC_VEC_TABLE) op.table = sram_pointer(16384);
        if (op.kind == LC_VEC_GATHER) op.rows = 4, op.in_format = LC_FMT_S32;
        op.mult = op.mult2 = 1;
        op.shift = 1;
        op.clamp_hi = 100;
        op.scale_f32 = 0x3f800000;
        if (op.kind == LC_VEC_SOFTMAX) op.out_format = LC_FMT_F32;
        std::memcpy(operands.data(), &op, sizeof op);
    } else if (opcode == LC_OP_GEMM) {
        lc_gemm_op op{};
        op.m = op.n = op.k = 8;
        op.out_format = LC_FMT_S32;
        op.a = sram_pointer(0);
        op.b = sram_pointer(64);
        op.out = sram_pointer(8192);
        op.a_stride = op.b_stride = 8;
        op.out_stride = 32;
        std::memcpy(operands.data(), &op, sizeof op);
    } else if (opcode == LC_OP_EXEC) {
        const auto op = driver::make_exec(dram_pointer(65536), 1 + mangler.next(3));  // zeros: NOPs
        std::memcpy(operands.data(), &op, sizeof op);
    }
    if (mangler.next(3) == 0) mangler.mangle(&sqe, offsetof(lc_sqe, length));  // lengths stay: wall time
    if (mangler.next(2) == 0) mangler.mangle(operands.data(), sizeof operands);
    return sqe;
}

class Storm : public testing::TestWithParam<std::uint32_t> {};

TEST_P(Storm, EveryCommandEndsAndTheCardLives)
{
    Rig rig;
    rig.up(3, 32);
    Mangler mangler(GetParam());
    std::array<std::uint8_t, LC_OPERAND_BYTES> operands;
    std::uint32_t submitted = 0, ended = 0, good = 0;
    for (int round = 0; round < 60; ++round) {
        for (std::uint32_t i = 0; i < 20; ++i) {
            bool has_operands = false;
            const lc_sqe sqe = nearly_right(mangler, operands, has_operands);
            if (rig.queue(i % 2).submit(sqe, has_operands ? operands.data() : nullptr)) ++submitted;
        }
        if (mangler.next(10) == 0) must(rig.driver->reset());
        ASSERT_TRUE(rig.host.drain(1000 * kSecond)) << "a command that never ends";
        for (std::size_t q = 0; q < 2; ++q)
            while (auto done = rig.queue(q).poll()) {
                ++ended;
                good += done->ok() ? 1 : 0;
                EXPECT_NE(done->status, LC_SC_INTERNAL) << driver::opcode_name(done->opcode);
            }
    }
    EXPECT_EQ(ended, submitted);
    EXPECT_GT(good, submitted / 5) << "the storm is not all noise";
    EXPECT_LT(good, submitted) << "and not all fine";
    for (std::size_t q = 0; q < 3; ++q) EXPECT_TRUE(rig.works(q));
}
INSTANTIATE_TEST_SUITE_P(Seeds, Storm, testing::Range(1u, 13u));

}  // namespace
}  // namespace lightcard::test
