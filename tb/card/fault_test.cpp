// SPDX-License-Identifier: Apache-2.0
// Every fault that can be put in, once: what the driver sees, and that the card comes back. docs/faults.md is this in
// words.
#include "rig.h"

#include "lightcard/model/control_chip/lightcard_regs.h"

namespace lightcard::test {
namespace {

CardConfig injectable()
{
    auto config = ideal_card();
    config.run.inject = true;
    return config;
}

Fault fault_of(FaultKind kind, std::uint64_t target = Fault::kAnyTarget, std::int64_t value = 0,
               std::uint32_t count = 0)
{
    Fault fault;
    fault.kind = kind;
    fault.target = target;
    fault.value = value;
    fault.count = count;
    return fault;
}

/// A small network of one tile: programmed, multiplied, compared.
struct FaultRig : Rig {
    static constexpr std::uint32_t kN = 128, kVectors = 8;
    explicit FaultRig(const CardConfig& config = injectable(), bool bring_up = true) : Rig(config)
    {
        if (bring_up) start();
    }
    void start()
    {
        driver.reset();  // the one before switches the card off
        up(2, 16);
        const auto bytes = pattern(kN * kN, 3);
        weights.assign(bytes.begin(), bytes.end());
        for (auto& weight : weights) weight = static_cast<std::int8_t>(weight / 2);
        inputs = pattern(kN * kVectors, 9);
        write(dram_pointer(0), weights);
        write(dram_pointer(0x10000), std::vector<std::uint32_t>(kN));
        write(sram_pointer(0), inputs);
    }

    lc_program_op program_op(std::uint16_t bank = 0) const
    {
        lc_program_op op{};
        op.bank = bank;
        op.rows = op.cols = kN;
        op.row_stride = kN;
        op.weights = dram_pointer(0);
        op.adc_range = dram_pointer(0x10000);
        return op;
    }
    std::uint16_t program(std::uint16_t bank = 0)
    {
        const auto op = program_op(bank);
        return try_run(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 5), &op).status;
    }
    std::uint16_t verify(std::uint16_t bank = 0)
    {
        const auto op = program_op(bank);
        return try_run(driver::make_weight_command(LC_OP_VERIFY_WEIGHTS, 5), &op).status;
    }
    std::uint16_t multiply(std::uint16_t bank = 0)
    {
        lc_mvm_op op{};
        op.bank = bank;
        op.rows = op.cols = kN;
        op.flags = LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST;
        op.in_format = LC_FMT_U8;
        op.out_format = LC_FMT_S32;
        op.sample_base = 1;
        op.in.base = sram_pointer(0);
        op.in.images = op.in.out_h = 1;
        op.in.out_w = kVectors;
        op.in.channels = kN;
        op.in.height = 1;
        op.in.width = kVectors;
        op.in.stride_w = kN;
        op.in.stride_h = static_cast<std::uint32_t>(kN * kVectors);
        op.in.stride_n = kN * kVectors;
        op.in.kernel_h = op.in.kernel_w = op.in.step_h = op.in.step_w = op.in.dil_h = op.in.dil_w = 1;
        op.out.base = sram_pointer(0x100000);
        op.out.stride_w = 4 * kN;
        op.psum = sram_pointer(0x200000);
        op.clamp_lo = INT32_MIN;
        op.clamp_hi = INT32_MAX;
        return try_run(driver::make_weight_command(LC_OP_MVM, 5), &op).status;
    }
    std::vector<std::int32_t> outputs() { return read<std::int32_t>(sram_pointer(0x100000), kN * kVectors); }
    std::int32_t exact(std::uint32_t vector, std::uint32_t col) const
    {
        std::int32_t sum = 0;
        for (std::uint32_t row = 0; row < kN; ++row)
            sum +=
                weights[static_cast<std::size_t>(col) * kN + row] * inputs[static_cast<std::size_t>(vector) * kN + row];
        return sum;
    }

    std::uint32_t reg(std::uint32_t offset) { return host.read32(offset); }
    bool logged(std::uint8_t type, std::uint8_t info)
    {
        for (const auto& event : must(driver->event_log()))
            if (event.type == type && event.info == info) return true;
        return false;
    }
    std::uint32_t config_at(std::uint32_t offset) { return host.read_config(offset); }

    std::vector<std::int8_t> weights;
    std::vector<std::uint8_t> inputs;
};

// --- boot and firmware -----------------------------------------------------------------------------------------------

TEST(Fault, SlowBoot)
{
    FaultRig rig(injectable(), false);
    must(rig.card.inject(fault_of(FaultKind::boot_slow, Fault::kAnyTarget, 2'000'000'000, 1)));
    must(rig.host.power_on());
    rig.host.sleep(600 * kMillisecond);
    EXPECT_EQ(rig.reg(LC_REG_BOOT_STATUS) & LC_BOOT_STATUS_STAGE,
              static_cast<std::uint32_t>(LC_BOOT_STATUS_STAGE_LOADER));
    const auto driver = driver::Driver::bring_up(rig.host);
    ASSERT_FALSE(driver);
    EXPECT_NE(driver.error().what.find("CAP.TO"), std::string::npos) << driver.error().message();
    rig.host.sleep(2 * kSecond);
    EXPECT_TRUE(rig.reg(LC_REG_BOOT_STATUS) & LC_BOOT_STATUS_READY);
    rig.start();
    EXPECT_TRUE(rig.works());
    rig.card.cold_reset();
    must(rig.host.power_on());
    rig.host.sleep(2 * rig.card.config().control.boot_time);
    EXPECT_TRUE(rig.reg(LC_REG_BOOT_STATUS) & LC_BOOT_STATUS_READY) << "once: the next boot is as ever";
}

TEST(Fault, FailedBoot)
{
    FaultRig rig;
    must(rig.card.inject(fault_of(FaultKind::boot_failed, 3, 0, 1)));
    EXPECT_TRUE(rig.works()) << "a card that has booted does not mind";
    rig.card.cold_reset();
    must(rig.host.power_on());
    rig.host.sleep(10 * kMillisecond);
    EXPECT_TRUE(rig.reg(LC_REG_BOOT_STATUS) & LC_BOOT_STATUS_FAILED);
    EXPECT_FALSE(rig.reg(LC_REG_BOOT_STATUS) & LC_BOOT_STATUS_READY);
    EXPECT_EQ(rig.reg(LC_REG_BOOT_ERR), LC_BOOT_ERR_ENABLED | LC_BOOT_ERR_LASER);
    const auto driver = driver::Driver::bring_up(rig.host);
    ASSERT_FALSE(driver);
    EXPECT_NE(driver.error().what.find("boot failed"), std::string::npos) << driver.error().message();
    rig.card.cold_reset();
    must(rig.host.power_on());
    rig.start();
    EXPECT_TRUE(rig.works());
}

TEST(Fault, FirmwareHang)
{
    FaultRig rig;
    EXPECT_EQ(rig.program(), LC_SC_SUCCESS);
    must(rig.driver->inject(LC_FAULT_FIRMWARE_HANG, LC_TARGET_ANY, 0));
    rig.host.sleep(5 * kMillisecond);
    const auto beat = rig.reg(LC_REG_HEARTBEAT);
    rig.host.sleep(20 * kMillisecond);
    EXPECT_EQ(rig.reg(LC_REG_HEARTBEAT), beat);
    const auto from = rig.buffer(64);
    const auto cid = rig.submit(make_copy(dram_pointer(0x20000), host_pointer(from), 64));
    EXPECT_FALSE(rig.queue().wait(cid, 10 * kMillisecond)) << "not fetched";
    EXPECT_FALSE(rig.driver->reset()) << "and CC.EN is not heard";
    // The next rung: a function-level reset starts the firmware anew.
    rig.host.write_config(0x68, 1u << 15);
    must(rig.host.power_on());
    const auto again = rig.reg(LC_REG_HEARTBEAT);
    rig.host.sleep(20 * kMillisecond);
    EXPECT_GE(rig.reg(LC_REG_HEARTBEAT), again + 19);
    must(rig.driver->reset());
    EXPECT_TRUE(rig.works());
    EXPECT_EQ(rig.multiply(), LC_SC_SUCCESS) << "weights are there";
}

// --- bus -------------------------------------------------------------------------------------------------------------

TEST(Fault, AllOnes)
{
    FaultRig rig;
    EXPECT_EQ(rig.program(), LC_SC_SUCCESS);
    must(rig.driver->inject(LC_FAULT_ALL_ONES, LC_TARGET_ANY, 0));
    rig.host.sleep(kMillisecond);
    EXPECT_EQ(rig.reg(LC_REG_MAGIC), 0xffff'ffffu);
    EXPECT_EQ(rig.reg(LC_REG_CSTS), 0xffff'ffffu);
    const auto reset = rig.driver->reset();
    ASSERT_FALSE(reset);
    EXPECT_NE(reset.error().what.find("gone"), std::string::npos) << reset.error().message();
    rig.card.bus_reset();
    must(rig.host.power_on());
    EXPECT_EQ(rig.reg(LC_REG_MAGIC), LC_MAGIC_VALUE);
    must(rig.driver->reset());
    EXPECT_TRUE(rig.works());
    EXPECT_EQ(rig.multiply(), LC_SC_SUCCESS);
}

TEST(Fault, AllOnesForAWhile)
{
    FaultRig rig;
    must(rig.driver->inject(LC_FAULT_ALL_ONES, LC_TARGET_ANY, 0, 0, 500));
    rig.host.sleep(100 * kMicrosecond);
    EXPECT_EQ(rig.reg(LC_REG_MAGIC), 0xffff'ffffu);
    rig.host.sleep(500 * kMicrosecond);
    EXPECT_EQ(rig.reg(LC_REG_MAGIC), LC_MAGIC_VALUE);
    EXPECT_TRUE(rig.works()) << "a glitch; nothing was in flight";
}

TEST(Fault, LostInterrupt)
{
    FaultRig rig;
    must(rig.driver->inject(LC_FAULT_INTERRUPT_LOST, rig.queue().vector(), 0, 1));
    rig.host.sleep(kMillisecond);
    const auto before = rig.host.interrupts(rig.queue().vector());
    const auto from = rig.buffer(64);
    rig.submit(make_copy(dram_pointer(0x20000), host_pointer(from), 64));
    rig.host.sleep(kMillisecond);
    EXPECT_EQ(rig.host.interrupts(rig.queue().vector()), before);
    EXPECT_TRUE(rig.queue().poll()) << "the completion is there for who looks";
    EXPECT_TRUE(rig.works()) << "the next ones come";
    EXPECT_GT(rig.host.interrupts(rig.queue().vector()), before);
}

TEST(Fault, DuplicateInterrupt)
{
    FaultRig rig;
    must(rig.driver->inject(LC_FAULT_INTERRUPT_DUPLICATE, LC_TARGET_ANY, 0, 1));
    rig.host.sleep(kMillisecond);
    const auto before = rig.host.interrupts(rig.queue().vector());
    const auto from = rig.buffer(64);
    rig.submit(make_copy(dram_pointer(0x20000), host_pointer(from), 64));
    rig.host.sleep(kMillisecond);
    EXPECT_EQ(rig.host.interrupts(rig.queue().vector()), before + 2);
    EXPECT_TRUE(rig.queue().poll());
    EXPECT_FALSE(rig.queue().poll()) << "one completion";
    EXPECT_TRUE(rig.works());
}

TEST(Fault, PoisonedRead)
{
    FaultRig rig;
    rig.host.write32(LC_REG_ERR_STATUS, 0xffff'ffff);
    must(rig.driver->inject(LC_FAULT_DMA_POISONED, 0, 0, 1));
    rig.host.sleep(kMillisecond);
    const auto from = rig.buffer(64);
    // The next read is that of the entry; it is skipped as if the ring were not there.
    rig.submit(make_copy(dram_pointer(0x20000), host_pointer(from), 64));
    rig.host.sleep(kMillisecond);
    EXPECT_TRUE(rig.reg(LC_REG_ERR_STATUS) & LC_ERR_STATUS_DMA);
    EXPECT_TRUE(rig.config_at(0x104) & 1u << 12) << "AER: poisoned TLP";
    EXPECT_FALSE(rig.queue().poll()) << "a lost entry has no completion: the driver's time-out finds it";
    EXPECT_TRUE(rig.logged(LC_EVENT_ERROR, 1));
    rig.host.write_config(0x104, 1u << 12);
    EXPECT_FALSE(rig.config_at(0x104) & 1u << 12) << "cleared by writing one";
    must(rig.driver->reset());
    while (rig.queue().poll()) {
    }
    EXPECT_TRUE(rig.works());
}

TEST(Fault, PoisonedData)
{
    FaultRig rig;
    const auto from = rig.buffer(1u << 20);
    const auto cid = rig.submit(make_copy(dram_pointer(0x20000), host_pointer(from), 1u << 20));
    rig.host.sleep(10 * kMicrosecond);  // under way
    must(rig.card.inject(fault_of(FaultKind::dma_poisoned, 0, 0, 1)));
    const auto done = must(rig.queue().wait(cid));
    EXPECT_EQ(done.status, LC_SC_HOST_BUS);
    EXPECT_TRUE(rig.works()) << "fails alone";
}

TEST(Fault, StuckQueue)
{
    FaultRig rig;
    must(rig.driver->inject(LC_FAULT_QUEUE_STUCK, 1, 0));
    rig.host.sleep(kMillisecond);
    const auto from = rig.buffer(64);
    const auto cid = rig.submit(make_copy(dram_pointer(0x20000), host_pointer(from), 64));
    EXPECT_FALSE(rig.queue(0).wait(cid, 10 * kMillisecond));
    EXPECT_TRUE(rig.works(1)) << "the other queue goes on";
    EXPECT_GT(rig.reg(LC_REG_HEARTBEAT), 0u);
    must(rig.driver->delete_queue(0));
    EXPECT_EQ(rig.queue(0).poll().value().status, LC_SC_ABORTED_QUEUE);
    must(rig.driver->create_queue(0));
    EXPECT_TRUE(rig.works(0)) << "a queue made anew is not stuck";
}

TEST(Fault, StuckQueueThatIsCleared)
{
    FaultRig rig;
    must(rig.driver->inject(LC_FAULT_QUEUE_STUCK, 1, 0));
    rig.host.sleep(kMillisecond);
    const auto from = rig.buffer(64);
    const auto cid = rig.submit(make_copy(dram_pointer(0x20000), host_pointer(from), 64));
    EXPECT_FALSE(rig.queue(0).wait(cid, 10 * kMillisecond));
    must(rig.driver->clear_fault(LC_FAULT_QUEUE_STUCK));
    EXPECT_EQ(must(rig.queue(0).wait(cid)).status, LC_SC_SUCCESS) << "what was held back comes";
}

TEST(Fault, LinkTrainsDown)
{
    FaultRig rig;
    const auto copy_time = [&] {
        const auto from = rig.buffer(8u << 20);
        const auto start = rig.host.now();
        rig.run(make_copy(dram_pointer(0x100000), host_pointer(from), 8u << 20));
        rig.host.free(from);
        return static_cast<double>(rig.host.now() - start);
    };
    const auto fast = copy_time();
    const auto energy = rig.driver->telemetry(LC_TAG_LINK_LANES);
    EXPECT_EQ(energy, 16);
    must(rig.driver->inject(LC_FAULT_LINK, 4, 2));
    rig.host.sleep(kMillisecond);
    EXPECT_EQ(rig.config_at(0x70) >> 16 & 0x3ff, 2u | 4u << 4) << "Link Status";
    EXPECT_TRUE(rig.config_at(0x110) & 1u) << "AER: receiver error, correctable";
    EXPECT_EQ(rig.driver->telemetry(LC_TAG_LINK_MTS), 5000);
    EXPECT_EQ(rig.driver->telemetry(LC_TAG_LINK_LANES), 4);
    EXPECT_TRUE(rig.logged(LC_EVENT_LINK, 2));
    EXPECT_GT(copy_time(), 8 * fast) << "31.5 GB/s against 2";
    must(rig.driver->clear_fault(LC_FAULT_LINK));
    EXPECT_EQ(rig.config_at(0x70) >> 16 & 0x3ff, 4u | 16u << 4);
    EXPECT_NEAR(copy_time(), fast, 0.01 * fast);
}

// --- optics ----------------------------------------------------------------------------------------------------------

TEST(Fault, DeadLaserLine)
{
    FaultRig rig;
    ASSERT_EQ(rig.program(), LC_SC_SUCCESS);
    ASSERT_EQ(rig.multiply(), LC_SC_SUCCESS);
    const auto good = rig.outputs();
    must(rig.driver->inject(LC_FAULT_LASER_LINE, LC_PLACE(0, 2, 0, 0), 0));
    rig.host.sleep(kMillisecond);
    EXPECT_TRUE(rig.reg(LC_REG_ERR_STATUS) & LC_ERR_STATUS_LASER);
    EXPECT_EQ(rig.driver->telemetry(LC_TAG_LASER_LINES), 3);
    EXPECT_EQ(rig.multiply(), LC_SC_LASER_LOST);
    const auto dark = rig.outputs();
    for (std::uint32_t v = 0; v < FaultRig::kVectors; ++v)
        for (std::uint32_t c = 0; c < FaultRig::kN; ++c)
            ASSERT_EQ(dark[v * FaultRig::kN + c], v % 4 == 2 ? 0 : good[v * FaultRig::kN + c]) << v << ' ' << c;
    EXPECT_TRUE(rig.logged(LC_EVENT_ERROR, 5));
    must(rig.driver->clear_fault(LC_FAULT_LASER_LINE));
    EXPECT_EQ(rig.multiply(), LC_SC_SUCCESS);
    EXPECT_EQ(rig.outputs(), good);
}

TEST(Fault, StuckCell)
{
    auto config = injectable();
    config.run.fidelity = Fidelity::stat;
    FaultRig rig(config);
    ASSERT_EQ(rig.program(), LC_SC_SUCCESS);
    ASSERT_EQ(rig.multiply(), LC_SC_SUCCESS);
    const auto good = rig.outputs();
    // As far from what it should hold as can be.
    const std::int64_t level = rig.weights[17 * FaultRig::kN + 40] > 0 ? -127 : 127;
    must(rig.driver->inject(LC_FAULT_CELL_STUCK, LC_PLACE(0, 0, 40, 17), level));
    rig.host.sleep(kMillisecond);
    EXPECT_EQ(rig.verify(), LC_SC_VERIFY_FAILED);
    EXPECT_TRUE(rig.reg(LC_REG_ERR_STATUS) & LC_ERR_STATUS_PCM);
    EXPECT_GE(must(rig.driver->wear_log())[0].stuck_cells, 1u);
    ASSERT_EQ(rig.multiply(), LC_SC_SUCCESS) << "nobody notices without verifying";
    const auto bad = rig.outputs();
    for (std::uint32_t v = 0; v < FaultRig::kVectors; ++v)
        for (std::uint32_t c = 0; c < FaultRig::kN; ++c)
            ASSERT_TRUE(c == 17 || bad[v * FaultRig::kN + c] == good[v * FaultRig::kN + c]) << v << ' ' << c;
    EXPECT_NE(bad, good);
    must(rig.driver->clear_fault(LC_FAULT_CELL_STUCK));
    ASSERT_EQ(rig.multiply(), LC_SC_SUCCESS);
    EXPECT_EQ(rig.outputs(), good);
}

TEST(Fault, WornBank)
{
    FaultRig rig;
    must(rig.driver->inject(LC_FAULT_CELLS_WORN, LC_PLACE(0, 1, 0, 0), 0));
    rig.host.sleep(kMillisecond);
    EXPECT_EQ(rig.program(1), LC_SC_WORN_OUT);
    EXPECT_TRUE(rig.reg(LC_REG_ERR_STATUS) & LC_ERR_STATUS_PCM);
    EXPECT_TRUE(rig.logged(LC_EVENT_WEAR, 0));
    const auto wear = must(rig.driver->wear_log());
    EXPECT_GE(wear[1].worn_rows, 128u);
    EXPECT_EQ(wear[0].worn_rows, 0u);
    EXPECT_GE(rig.driver->telemetry(LC_TAG_WEAR_PPM).value(), 1'000'000);
    EXPECT_EQ(rig.program(0), LC_SC_SUCCESS) << "the other bank is as it was";
}

TEST(Fault, OffsetOfAConverter)
{
    FaultRig rig;
    ASSERT_EQ(rig.program(), LC_SC_SUCCESS);
    must(rig.driver->inject(LC_FAULT_ADC_OFFSET, LC_PLACE(0, 0, 0, 17), 1234));
    rig.host.sleep(kMillisecond);
    EXPECT_TRUE(rig.reg(LC_REG_CSTS) & LC_CSTS_NEEDS_CAL);
    EXPECT_TRUE(rig.logged(LC_EVENT_CALIBRATION, 0));
    EXPECT_EQ(must(rig.driver->calibration_log())[0].flags & LC_CALIBRATION_NEEDED, LC_CALIBRATION_NEEDED);
    ASSERT_EQ(rig.multiply(), LC_SC_SUCCESS);
    const auto sums = rig.outputs();
    for (std::uint32_t v = 0; v < FaultRig::kVectors; ++v)
        for (std::uint32_t c = 0; c < FaultRig::kN; ++c)
            ASSERT_EQ(sums[v * FaultRig::kN + c], rig.exact(v, c) + (c == 17 ? 1234 : 0));
    // A calibration that does not look at the ADCs changes nothing; trimming them finds it and takes it off.
    const auto off = [&] {
        EXPECT_EQ(rig.multiply(), LC_SC_SUCCESS);
        return rig.outputs()[17] - rig.exact(0, 17);
    };
    must(rig.driver->calibrate(0, 0, LC_CAL_DRIFT | LC_CAL_COLUMNS));
    EXPECT_TRUE(rig.driver->needs_calibration());
    EXPECT_EQ(off(), 1234);
    must(rig.driver->calibrate(0, 0, LC_CAL_ADCS));
    EXPECT_FALSE(rig.driver->needs_calibration());
    EXPECT_EQ(off(), 0);
    // Gone, it leaves what was taken off, until the next trim.
    must(rig.driver->clear_fault(LC_FAULT_ADC_OFFSET));
    rig.host.sleep(kMillisecond);
    EXPECT_EQ(off(), -1234);
    EXPECT_TRUE(rig.driver->needs_calibration());
    must(rig.driver->calibrate(0, 0, LC_CAL_ADCS));
    EXPECT_FALSE(rig.driver->needs_calibration());
    EXPECT_EQ(off(), 0);
}

/// With noise the trim is as good as its readings.
TEST(Fault, OffsetOfAConverterIsTrimmedToWithinTheReadings)
{
    auto config = injectable();
    config.run.fidelity = Fidelity::stat;
    FaultRig rig(config);
    ASSERT_EQ(rig.program(), LC_SC_SUCCESS);
    const auto mean = [&] {
        EXPECT_EQ(rig.multiply(), LC_SC_SUCCESS);
        const auto sums = rig.outputs();
        double sum = 0;
        for (std::uint32_t v = 0; v < FaultRig::kVectors; ++v) sum += sums[v * FaultRig::kN + 17];
        return sum / FaultRig::kVectors;
    };
    const double before = mean();
    constexpr double kOffset = 2'000'000;
    must(rig.driver->inject(LC_FAULT_ADC_OFFSET, LC_PLACE(0, 0, 0, 17), static_cast<std::int64_t>(kOffset)));
    rig.host.sleep(kMillisecond);
    EXPECT_NEAR(mean() - before, kOffset, 0.1 * kOffset);
    must(rig.driver->calibrate(0, 0, LC_CAL_ADCS, 4096));
    EXPECT_NEAR(mean() - before, 0, 0.1 * kOffset);
    EXPECT_FALSE(rig.driver->needs_calibration());
}

TEST(Fault, HeatShowsInResults)
{
    auto config = injectable();
    config.run.fidelity = Fidelity::stat;
    FaultRig rig(config);
    ASSERT_EQ(rig.program(), LC_SC_SUCCESS);
    // What the card multiplies by, in all: its outputs along the exact ones.
    const auto gain = [&] {
        EXPECT_EQ(rig.multiply(), LC_SC_SUCCESS);
        const auto sums = rig.outputs();
        double along = 0, square = 0;
        for (std::uint32_t v = 0; v < FaultRig::kVectors; ++v)
            for (std::uint32_t c = 0; c < FaultRig::kN; ++c) {
                const double exact = rig.exact(v, c);
                along += sums[v * FaultRig::kN + c] * exact;
                square += exact * exact;
            }
        return along / square;
    };
    const auto cool = gain();
    must(rig.driver->inject(LC_FAULT_THERMAL, LC_PLACE(0, 0, 0, 0), 150'000));
    rig.host.sleep(kMillisecond);
    EXPECT_TRUE(rig.reg(LC_REG_ERR_STATUS) & LC_ERR_STATUS_THERMAL);
    EXPECT_TRUE(rig.reg(LC_REG_CSTS) & LC_CSTS_NEEDS_CAL);
    EXPECT_TRUE(rig.logged(LC_EVENT_THERMAL, 0));
    EXPECT_NEAR(static_cast<double>(rig.driver->telemetry(LC_TAG_TEMP_DIE_MC).value()), 185'000, 100) << "the sensor";
    EXPECT_NEAR(must(rig.driver->calibration_log())[0].temperature_mc, 185'000, 100);
    const double coefficient = rig.card.config().pcm.temperature_coefficient;
    EXPECT_NEAR(gain() / cool, 1 + 150 * coefficient, 0.3 * 150 * coefficient);
    must(rig.driver->clear_fault(LC_FAULT_THERMAL));
    EXPECT_EQ(gain(), cool) << "cool again: the same bits";
}

TEST(Fault, DriftAheadOfTime)
{
    auto config = injectable();
    config.run.fidelity = Fidelity::stat;
    config.run.ageing = Ageing::live;
    FaultRig rig(config);
    ASSERT_EQ(rig.program(), LC_SC_SUCCESS);
    ASSERT_EQ(rig.multiply(), LC_SC_SUCCESS);
    const auto young = rig.outputs();
    must(rig.driver->inject(LC_FAULT_DRIFT, LC_TARGET_ANY, 3'000'000'000'000'000'000 / 10));  // ten years
    rig.host.sleep(kMillisecond);
    EXPECT_TRUE(rig.reg(LC_REG_CSTS) & LC_CSTS_NEEDS_CAL);
    ASSERT_EQ(rig.multiply(), LC_SC_SUCCESS);
    EXPECT_NE(rig.outputs(), young);
    EXPECT_TRUE(rig.card.faults().active().empty()) << "it has happened";
}

// --- the door --------------------------------------------------------------------------------------------------------

TEST(Inject, NeedsTheFeature)
{
    Rig rig;
    rig.up();
    EXPECT_FALSE(rig.host.read32(LC_REG_FEATURES) & LC_FEATURES_INJECT);
    EXPECT_FALSE(rig.driver->inject(LC_FAULT_INTERRUPT_LOST, 0, 0, 1));
    EXPECT_TRUE(rig.works());
}

TEST(Inject, RefusesWhatTheCardDoesNotHave)
{
    FaultRig rig;
    EXPECT_TRUE(rig.reg(LC_REG_FEATURES) & LC_FEATURES_INJECT);
    EXPECT_FALSE(rig.driver->inject(99, 0, 0));
    EXPECT_FALSE(rig.driver->inject(LC_FAULT_INTERRUPT_LOST, 32, 0));
    EXPECT_FALSE(rig.driver->inject(LC_FAULT_LASER_LINE, LC_PLACE(1, 0, 0, 0), 0));
    EXPECT_TRUE(rig.card.faults().quiet());
    EXPECT_TRUE(rig.works());
}

TEST(Inject, WhenItsTimeHasCome)
{
    FaultRig rig;
    const auto at = static_cast<std::uint64_t>(rig.host.now() + kMillisecond);
    must(rig.card.inject(fault_of(FaultKind::interrupt_lost, Fault::kAnyTarget), {FaultStart::Kind::time, at}));
    EXPECT_TRUE(rig.works());
    EXPECT_TRUE(rig.card.faults().active().empty());
    EXPECT_EQ(rig.card.faults().waiting().size(), 1u);
    EXPECT_TRUE(rig.host.drain()) << "a fault to come keeps no card awake";
    rig.host.sleep(2 * kMillisecond);
    rig.card.faults().catch_up();
    EXPECT_EQ(rig.card.faults().active().size(), 1u);
}

TEST(Inject, AResetCuresAndDoesNotPrevent)
{
    FaultRig rig;
    const auto later = static_cast<std::uint64_t>(rig.host.now() + 10 * kMillisecond);
    must(rig.card.inject(fault_of(FaultKind::all_ones)));
    must(rig.card.inject(fault_of(FaultKind::all_ones), {FaultStart::Kind::time, later}));
    rig.card.bus_reset();
    must(rig.host.power_on());
    EXPECT_EQ(rig.reg(LC_REG_MAGIC), LC_MAGIC_VALUE);
    rig.host.sleep(10 * kMillisecond);
    EXPECT_EQ(rig.reg(LC_REG_MAGIC), 0xffff'ffffu);
    rig.card.faults().clear_all();
    EXPECT_EQ(rig.reg(LC_REG_MAGIC), LC_MAGIC_VALUE);
    must(rig.driver->reset());
    EXPECT_TRUE(rig.works());
}

TEST(Inject, AfterSoManyCommands)
{
    FaultRig rig;
    const auto total = static_cast<std::uint64_t>(rig.driver->telemetry(LC_TAG_COMMANDS).value());
    must(rig.card.inject(fault_of(FaultKind::queue_stuck, 1), {FaultStart::Kind::commands, total + 2}));
    EXPECT_TRUE(rig.works()) << "two commands";
    const auto from = rig.buffer(64);
    const auto cid = rig.submit(make_copy(dram_pointer(0x20000), host_pointer(from), 64));
    EXPECT_FALSE(rig.queue().wait(cid, kMillisecond));
    EXPECT_EQ(rig.driver->telemetry(LC_TAG_FAULTS), 1);
}

}  // namespace
}  // namespace lightcard::test
