// SPDX-License-Identifier: Apache-2.0
#include "processor.h"

#include <stdexcept>

#include <lightcard/model/control_chip/lightcard_regs.h>

using namespace sc_core;

namespace {

// The platform's address map.
constexpr std::uint64_t kRegisters = 0xe000'0000, kMsixTable = 0xe010'0000, kWindow = 0x40'0000'0000;
constexpr std::uint64_t kMsixDoorbell = 0xfee0'0000;  // where interrupt messages go

// PCI configuration space.
constexpr std::uint32_t kCommand = 0x04, kBar0 = 0x10, kCapabilities = 0x34;
constexpr std::uint32_t kMemoryAndMaster = 0x6, kMsixCapability = 0x11, kMsixEnable = 1u << 31;

// RAM of this platform: rings, operands, data.
constexpr std::uint64_t kRings = Memory::kBase, kOperands = Memory::kBase + 0x10000, kData = Memory::kBase + 0x20000;
constexpr std::uint32_t kEntries = 16;
constexpr std::uint16_t kIoVector = 1;

void require(bool holds, const std::string& what)
{
    if (!holds) throw std::runtime_error(what);
}

}  // namespace

Processor::Processor(sc_module_name name, Memory& memory, std::uint32_t seed)
    : sc_module(name), memory_(memory), seed_(seed)
{
    interrupt.register_b_transport(this, &Processor::take_interrupt);
    SC_THREAD(run);
}

void Processor::run()
{
    try {
        enumerate();
        bring_up();
        create_io_queue();
        copy_there_and_back();
        multiply();
        done_ = true;
    } catch (const std::runtime_error& error) {
        failure_ = error.what();
    }
}

void Processor::enumerate()
{
    require(read_config(0) != 0xffff'ffff, "no function answers");
    require(place_bar(0, kRegisters) >= 64 * 1024, "BAR0 holds registers and doorbells");
    require(place_bar(2, kWindow) > 0, "BAR2 is the window on card memory");
    require(place_bar(4, kMsixTable) > 0, "BAR4 holds the MSI-X table");
    write_config(kCommand, kMemoryAndMaster);

    std::uint32_t capability = read_config(kCapabilities) & 0xff;
    while (capability != 0 && (read_config(capability) & 0xff) != kMsixCapability)
        capability = (read_config(capability) >> 8) & 0xff;
    require(capability != 0, "the card has MSI-X");
    for (std::uint32_t vector = 0; vector <= kIoVector; ++vector) {
        std::uint32_t entry[4] = {kMsixDoorbell & 0xffff'ffff, kMsixDoorbell >> 32, vector, 0};
        for (unsigned word = 0; word < 4; ++word)
            transfer(bus, tlm::TLM_WRITE_COMMAND, kMsixTable + 16 * vector + 4 * word, &entry[word], 4);
    }
    write_config(capability, read_config(capability) | kMsixEnable);
}

/// 64-bit BAR `index`, `index + 1`; returns its size.
std::uint64_t Processor::place_bar(unsigned index, std::uint64_t address)
{
    const std::uint32_t low = kBar0 + 4 * index, high = low + 4;
    write_config(low, 0xffff'ffff);
    write_config(high, 0xffff'ffff);
    const std::uint64_t mask = std::uint64_t{read_config(high)} << 32 | (read_config(low) & ~0xfu);
    write_config(low, static_cast<std::uint32_t>(address));
    write_config(high, static_cast<std::uint32_t>(address >> 32));
    return mask == 0 ? 0 : ~mask + 1;
}

void Processor::bring_up()
{
    require(read_register(LC_REG_MAGIC) == LC_MAGIC_VALUE, "MAGIC");
    wait_until(LC_REG_BOOT_STATUS, LC_BOOT_STATUS_READY);
    admin_.id = 0;
    admin_.submissions = kRings;
    admin_.completions = kRings + 0x1000;
    write_register(LC_REG_AQA, (kEntries - 1) | (kEntries - 1) << 16);
    write_register(LC_REG_ASQ, static_cast<std::uint32_t>(admin_.submissions));
    write_register(LC_REG_ASQ + 4, static_cast<std::uint32_t>(admin_.submissions >> 32));
    write_register(LC_REG_ACQ, static_cast<std::uint32_t>(admin_.completions));
    write_register(LC_REG_ACQ + 4, static_cast<std::uint32_t>(admin_.completions >> 32));
    write_register(LC_REG_CC, LC_CC_EN);
    wait_until(LC_REG_CSTS, LC_CSTS_RDY);
}

void Processor::create_io_queue()
{
    io_.id = 1;
    io_.submissions = kRings + 0x2000;
    io_.completions = kRings + 0x3000;
    lc_sqe command{};
    command.opcode = LC_ADM_CREATE_CQ;
    command.src = LC_PTR(LC_SPACE_HOST, io_.completions);
    command.u.queue.qid = io_.id;
    command.u.queue.entries = kEntries;
    command.u.queue.vector = kIoVector;
    run_command(admin_, command);
    command.opcode = LC_ADM_CREATE_SQ;
    command.src = LC_PTR(LC_SPACE_HOST, io_.submissions);
    command.u.queue.cqid = io_.id;
    command.u.queue.vector = 0;
    run_command(admin_, command);
}

void Processor::copy_there_and_back()
{
    constexpr std::uint32_t kLength = 10'000;
    const std::uint64_t there = LC_PTR(LC_SPACE_SRAM, 0x4000), back = kData + 0x10000;
    for (std::uint32_t i = 0; i < kLength; ++i)
        memory_.at<std::uint8_t>(kData + i) = static_cast<std::uint8_t>(seed_ * 31 + i * 7 + (i >> 8));
    lc_sqe command{};
    command.opcode = LC_OP_COPY;
    command.length = kLength;
    command.src = LC_PTR(LC_SPACE_HOST, kData);
    command.dst = there;
    run_command(io_, command);
    command.src = there;
    command.dst = LC_PTR(LC_SPACE_HOST, back);
    run_command(io_, command);
    for (std::uint32_t i = 0; i < kLength; ++i)
        require(memory_.at<std::uint8_t>(back + i) == memory_.at<std::uint8_t>(kData + i), "COPY came back different");
}

/// A small dense layer: weights through the window, programming, one MVM stream, result against plain integers.
void Processor::multiply()
{
    constexpr std::uint32_t kRows = 24, kCols = 10, kVectors = 5;
    std::int8_t weights[kCols][kRows];
    std::uint8_t inputs[kVectors][kRows];
    for (std::uint32_t c = 0; c < kCols; ++c)
        for (std::uint32_t r = 0; r < kRows; ++r)
            weights[c][r] = static_cast<std::int8_t>((c * 37 + r * 11 + seed_) % 255 - 127);
    for (std::uint32_t v = 0; v < kVectors; ++v)
        for (std::uint32_t r = 0; r < kRows; ++r) inputs[v][r] = static_cast<std::uint8_t>(v * 53 + r * 29 + seed_);
    transfer(bus, tlm::TLM_WRITE_COMMAND, kWindow, weights, sizeof weights);

    lc_program_op program{};
    program.rows = kRows;
    program.cols = kCols;
    program.row_stride = kRows;
    program.weights = LC_PTR(LC_SPACE_DRAM, 0);
    memory_.at<lc_program_op>(kOperands) = program;
    lc_sqe command{};
    command.opcode = LC_OP_PROGRAM_WEIGHTS;
    command.weight_id = 42;
    command.src = LC_PTR(LC_SPACE_HOST, kOperands);
    command.length = sizeof program;
    run_command(io_, command);

    std::memcpy(&memory_.at<std::uint8_t>(kData), inputs, sizeof inputs);
    lc_sqe copy{};
    copy.opcode = LC_OP_COPY;
    copy.src = LC_PTR(LC_SPACE_HOST, kData);
    copy.dst = LC_PTR(LC_SPACE_SRAM, 0);
    copy.length = sizeof inputs;
    run_command(io_, copy);

    lc_mvm_op mvm{};
    mvm.rows = kRows;
    mvm.cols = kCols;
    mvm.flags = LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST;
    mvm.in_format = LC_FMT_U8;
    mvm.out_format = LC_FMT_S32;
    mvm.in.base = LC_PTR(LC_SPACE_SRAM, 0);
    mvm.in.images = kVectors;
    mvm.in.out_h = mvm.in.out_w = mvm.in.height = mvm.in.width = 1;
    mvm.in.channels = kRows;
    mvm.in.stride_n = mvm.in.stride_h = mvm.in.stride_w = kRows;
    mvm.in.kernel_h = mvm.in.kernel_w = mvm.in.step_h = mvm.in.step_w = mvm.in.dil_h = mvm.in.dil_w = 1;
    mvm.out.base = LC_PTR(LC_SPACE_SRAM, 0x10000);
    mvm.out.stride_n = mvm.out.stride_h = mvm.out.stride_w = kCols * sizeof(std::int32_t);
    memory_.at<lc_mvm_op>(kOperands) = mvm;
    command.opcode = LC_OP_MVM;
    run_command(io_, command);

    copy.src = mvm.out.base;
    copy.dst = LC_PTR(LC_SPACE_HOST, kData);
    copy.length = kVectors * kCols * sizeof(std::int32_t);
    run_command(io_, copy);
    for (std::uint32_t v = 0; v < kVectors; ++v) {
        for (std::uint32_t c = 0; c < kCols; ++c) {
            std::int32_t expected = 0;
            for (std::uint32_t r = 0; r < kRows; ++r) expected += weights[c][r] * inputs[v][r];
            require(memory_.at<std::int32_t>(kData + (v * kCols + c) * 4) == expected,
                    "MVM differs from plain integers");
        }
    }
}

/// Submits, waits for the interrupt (admin: polls), takes the completion. Returns its result; throws on a failed
/// command.
std::uint64_t Processor::run_command(Queue& queue, lc_sqe command)
{
    command.cid = static_cast<std::uint16_t>(queue.tail);
    memory_.at<lc_sqe>(queue.submissions + queue.tail * sizeof command) = command;
    queue.tail = (queue.tail + 1) % kEntries;
    write_register(LC_DOORBELL_SQ_TAIL(queue.id), queue.tail);

    const lc_cqe& entry = memory_.at<lc_cqe>(queue.completions + queue.head * sizeof(lc_cqe));
    const sc_time deadline = sc_time_stamp() + sc_time(1, SC_SEC);
    while ((entry.status & LC_CQE_PHASE) != (queue.phase ? 1u : 0u)) {
        require(sc_time_stamp() < deadline, "no completion within a second");
        if (queue.id == 0)
            wait(1, SC_US);
        else
            wait(sc_time(10, SC_MS), interrupted_);
    }
    require(entry.cid == command.cid, "completion of another command");
    require(LC_CQE_STATUS(entry.status) == LC_SC_SUCCESS,
            "command " + std::to_string(command.opcode) + " failed: status " +
                std::to_string(LC_CQE_STATUS(entry.status)) + " at field " +
                std::to_string(LC_FAIL_FIELD(entry.result)));
    if (++queue.head == kEntries) {
        queue.head = 0;
        queue.phase = !queue.phase;
    }
    write_register(LC_DOORBELL_CQ_HEAD(queue.id), queue.head);
    return entry.result;
}

void Processor::wait_until(std::uint32_t offset, std::uint32_t bits)
{
    const sc_time deadline = sc_time_stamp() + sc_time(60, SC_SEC);
    while ((read_register(offset) & bits) == 0) {
        require(sc_time_stamp() < deadline, "register " + std::to_string(offset) + " never became ready");
        wait(100, SC_US);
    }
}

void Processor::write_register(std::uint32_t offset, std::uint32_t value)
{
    transfer(bus, tlm::TLM_WRITE_COMMAND, kRegisters + offset, &value, 4);
}

std::uint32_t Processor::read_register(std::uint32_t offset)
{
    std::uint32_t value = 0;
    transfer(bus, tlm::TLM_READ_COMMAND, kRegisters + offset, &value, 4);
    return value;
}

std::uint32_t Processor::read_config(std::uint32_t offset)
{
    std::uint32_t value = 0;
    transfer(config, tlm::TLM_READ_COMMAND, offset, &value, 4);
    return value;
}

void Processor::write_config(std::uint32_t offset, std::uint32_t value)
{
    transfer(config, tlm::TLM_WRITE_COMMAND, offset, &value, 4);
}

void Processor::transfer(tlm_utils::simple_initiator_socket<Processor>& socket, tlm::tlm_command command,
                         std::uint64_t address, void* data, unsigned bytes)
{
    tlm::tlm_generic_payload payload;
    payload.set_command(command);
    payload.set_address(address);
    payload.set_data_ptr(static_cast<unsigned char*>(data));
    payload.set_data_length(bytes);
    payload.set_streaming_width(bytes);
    sc_time delay = SC_ZERO_TIME;
    socket->b_transport(payload, delay);
    wait(delay);
    require(payload.is_response_ok(), payload.get_response_string());
}

void Processor::take_interrupt(tlm::tlm_generic_payload& payload, sc_time& delay)
{
    std::uint32_t vector = 0;
    const bool message = payload.is_write() && payload.get_data_length() == 4 && payload.get_address() == kMsixDoorbell;
    payload.set_response_status(message ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
    if (!message) return;
    std::memcpy(&vector, payload.get_data_ptr(), 4);
    if (vector != kIoVector) return;
    ++interrupts_;
    interrupted_.notify(delay);
}
