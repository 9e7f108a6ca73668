// SPDX-License-Identifier: Apache-2.0
/// Admin commands: what passes, and which field a refusal names.
#include <gtest/gtest.h>

#include "lightcard/tb/unit/decode_samples.h"

namespace lightcard::control_chip {
namespace {

TEST(DecodeAdmin, Queues)
{
    lc_sqe sqe{};
    sqe.opcode = LC_ADM_CREATE_SQ;
    sqe.src = 0x10000;
    sqe.u.queue = {1, 3, 2, 0};  // a size that is no power of two
    EXPECT_TRUE(decode_admin(sqe, queue_limits()).ok());
    const auto expect = [](lc_sqe bad, lc_status status, std::uint32_t field) {
        const auto result = decode_admin(bad, queue_limits());
        ASSERT_FALSE(result.ok());
        EXPECT_EQ(result.fault().status, status);
        EXPECT_EQ(result.fault().field, field);
    };
    lc_sqe bad = sqe;
    bad.u.queue.qid = 0, expect(bad, LC_SC_INVALID_QID, SQE_AT(u.queue.qid));
    bad.u.queue.qid = 5, expect(bad, LC_SC_INVALID_QID, SQE_AT(u.queue.qid));
    bad = sqe, bad.u.queue.entries = 1, expect(bad, LC_SC_INVALID_QSIZE, SQE_AT(u.queue.entries));
    bad = sqe, bad.u.queue.entries = 257, expect(bad, LC_SC_INVALID_QSIZE, SQE_AT(u.queue.entries));
    bad = sqe, bad.u.queue.cqid = 0, expect(bad, LC_SC_INVALID_QID, SQE_AT(u.queue.cqid));
    bad = sqe, bad.u.queue.vector = 1, expect(bad, LC_SC_INVALID_FIELD, SQE_AT(u.queue.vector));
    bad = sqe, bad.src = 0x10020, expect(bad, LC_SC_ADDRESS, SQE_AT(src));
    bad = sqe, bad.src = dram(0), expect(bad, LC_SC_ADDRESS, SQE_AT(src));
    bad = sqe, bad.src = (1ull << 56) - 128, expect(bad, LC_SC_ADDRESS, SQE_AT(src));
    bad = sqe, bad.flags = 1, expect(bad, LC_SC_INVALID_FIELD, SQE_AT(flags));
    bad = sqe, bad.u.raw[23] = 1, expect(bad, LC_SC_INVALID_FIELD, 63);

    sqe.opcode = LC_ADM_CREATE_CQ;
    sqe.u.queue = {1, 256, 0, 0xffff};
    EXPECT_TRUE(decode_admin(sqe, queue_limits()).ok());
    sqe.u.queue.vector = 7;
    EXPECT_TRUE(decode_admin(sqe, queue_limits()).ok());
    bad = sqe, bad.u.queue.vector = 8, expect(bad, LC_SC_INVALID_VECTOR, SQE_AT(u.queue.vector));
    bad = sqe, bad.u.queue.cqid = 1, expect(bad, LC_SC_INVALID_FIELD, SQE_AT(u.queue.cqid));

    lc_sqe remove{};
    remove.opcode = LC_ADM_DELETE_CQ;
    remove.u.queue.qid = 4;
    EXPECT_TRUE(decode_admin(remove, queue_limits()).ok());
    remove.u.queue.entries = 1, expect(remove, LC_SC_INVALID_FIELD, SQE_AT(u.queue.entries));
}

TEST(DecodeAdmin, TheRest)
{
    const auto fault_of = [](const lc_sqe& sqe) { return decode_admin(sqe, queue_limits()).fault(); };
    lc_sqe page{};
    page.opcode = LC_ADM_GET_LOG_PAGE;
    page.dst = 0x3000;
    page.length = 40;
    page.u.page.page = LC_LOG_WEIGHTS;
    EXPECT_TRUE(decode_admin(page, queue_limits()).ok());
    page.u.page.page = LC_LOG_WEAR;
    EXPECT_TRUE(decode_admin(page, queue_limits()).ok());
    page.u.page.page = LC_LOG_WEAR + 1;
    EXPECT_EQ(fault_of(page).status, LC_SC_INVALID_LOG_PAGE);
    page.opcode = LC_ADM_IDENTIFY;
    EXPECT_EQ(fault_of(page).status, LC_SC_INVALID_FIELD);
    page.u.page.page = 0;
    EXPECT_TRUE(decode_admin(page, queue_limits()).ok());
    page.length = 0;
    EXPECT_EQ(fault_of(page).field, SQE_AT(length));
    page.length = 8, page.dst = sram(0);
    EXPECT_EQ(fault_of(page).status, LC_SC_ADDRESS);

    lc_sqe abort{};
    abort.opcode = LC_ADM_ABORT;
    abort.u.abort.sqid = 4;
    EXPECT_TRUE(decode_admin(abort, queue_limits()).ok());
    abort.u.abort.sqid = 5;
    EXPECT_EQ(fault_of(abort).status, LC_SC_INVALID_QID);

    lc_sqe feature{};
    feature.opcode = LC_ADM_SET_FEATURE;
    feature.u.feature.value = 77;
    EXPECT_TRUE(decode_admin(feature, queue_limits()).ok());
    feature.u.feature.rsvd = 1;
    EXPECT_EQ(fault_of(feature).field, SQE_AT(u.feature.rsvd));

    lc_sqe calibrate{};
    calibrate.opcode = LC_ADM_CALIBRATE;
    calibrate.u.calibrate.bank = LC_CAL_EVERY_BANK;
    calibrate.u.calibrate.kinds = LC_CAL_KINDS;
    EXPECT_TRUE(decode_admin(calibrate, queue_limits()).ok());
    calibrate.u.calibrate.samples = 2;
    EXPECT_EQ(fault_of(calibrate).field, SQE_AT(u.calibrate.samples));
    calibrate.u.calibrate.samples = 65537;
    EXPECT_EQ(fault_of(calibrate).field, SQE_AT(u.calibrate.samples));
    calibrate.u.calibrate.samples = 65536;
    EXPECT_TRUE(decode_admin(calibrate, queue_limits()).ok());
    calibrate.u.calibrate.kinds = LC_CAL_KINDS + 1;
    EXPECT_EQ(fault_of(calibrate).field, SQE_AT(u.calibrate.kinds));
    calibrate.u.calibrate.kinds = 0;
    EXPECT_EQ(fault_of(calibrate).field, SQE_AT(u.calibrate.kinds));
    calibrate.u.calibrate.bank = 0xfffe;
    EXPECT_EQ(fault_of(calibrate).field, SQE_AT(u.calibrate.bank));
    calibrate.u.calibrate.core = 0xffff;
    EXPECT_EQ(fault_of(calibrate).field, SQE_AT(u.calibrate.core));
    calibrate.u.raw[12] = 1;
    EXPECT_EQ(fault_of(calibrate).field, SQE_AT(u.raw) + 12);

    lc_sqe inject{};
    inject.opcode = LC_ADM_INJECT;
    inject.length = 500;
    inject.u.inject.fault = LC_FAULT_INTERRUPT_LOST;
    inject.u.inject.target = 2;
    EXPECT_EQ(fault_of(inject).status, LC_SC_INVALID_OPCODE) << "not on a card that does not say FEATURES.INJECT";

    lc_sqe unknown{};
    unknown.opcode = 0x7f;
    EXPECT_EQ(fault_of(unknown).status, LC_SC_INVALID_OPCODE);
    unknown.opcode = LC_ADM_ASYNC_EVENT;
    EXPECT_TRUE(decode_admin(unknown, queue_limits()).ok());
}

TEST(DecodeAdmin, Inject)
{
    auto limits = queue_limits();
    limits.inject = true;
    const auto fault_of = [&](const lc_sqe& sqe) { return decode_admin(sqe, limits).fault(); };
    const auto make = [](std::uint16_t fault, std::uint64_t target, std::int64_t value) {
        lc_sqe sqe{};
        sqe.opcode = LC_ADM_INJECT;
        sqe.u.inject.fault = fault;
        sqe.u.inject.target = target;
        sqe.u.inject.value = value;
        return sqe;
    };
    const auto good = [&](const lc_sqe& sqe) { return decode_admin(sqe, limits).ok(); };
    EXPECT_TRUE(good(make(LC_FAULT_INTERRUPT_LOST, 2, 0)));
    EXPECT_TRUE(good(make(LC_FAULT_INTERRUPT_LOST, LC_TARGET_ANY, 0)));
    EXPECT_EQ(fault_of(make(LC_FAULT_INTERRUPT_LOST, 8, 0)).field, SQE_AT(u.inject.target));
    EXPECT_EQ(fault_of(make(LC_FAULT_INTERRUPT_LOST, 2, 1)).field, SQE_AT(u.inject.value));
    EXPECT_EQ(fault_of(make(0, 0, 0)).status, LC_SC_INVALID_FAULT);
    EXPECT_EQ(fault_of(make(LC_FAULTS, 0, 0)).field, SQE_AT(u.inject.fault));
    EXPECT_TRUE(good(make(LC_FAULT_CELL_STUCK, LC_PLACE(0, 1, 127, 127), -127)));
    EXPECT_FALSE(good(make(LC_FAULT_CELL_STUCK, LC_PLACE(0, 0, 128, 0), 0)));
    EXPECT_FALSE(good(make(LC_FAULT_CELL_STUCK, LC_TARGET_ANY, 0)));
    EXPECT_FALSE(good(make(LC_FAULT_LASER_LINE, LC_PLACE(0, 4, 0, 0), 0))) << "four lanes";
    EXPECT_TRUE(good(make(LC_FAULT_LINK, 8, 3)));
    EXPECT_FALSE(good(make(LC_FAULT_LINK, 12, 3)));
    EXPECT_FALSE(good(make(LC_FAULT_LINK, 8, 5)));
    EXPECT_FALSE(good(make(LC_FAULT_DRIFT, 0, -1)));

    lc_sqe clear = make(LC_FAULT_LASER_LINE, LC_TARGET_ANY, 0);
    clear.u.inject.flags = LC_INJECT_CLEAR;
    EXPECT_TRUE(good(clear));
    clear.length = 1;
    EXPECT_EQ(fault_of(clear).field, SQE_AT(length));
    clear.length = 0, clear.u.inject.flags = 2;
    EXPECT_EQ(fault_of(clear).field, SQE_AT(u.inject.flags));
}

}  // namespace
}  // namespace lightcard::control_chip
