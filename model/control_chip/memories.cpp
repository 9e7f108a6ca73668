// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/memories.h"

#include <cstring>
#include <stdexcept>

namespace lightcard::control_chip {

namespace {

void fill(tlm::tlm_generic_payload& payload, bool write, std::uint64_t offset, std::uint8_t* data, std::size_t bytes)
{
    payload.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload.set_address(offset);
    payload.set_data_ptr(data);
    payload.set_data_length(static_cast<unsigned>(bytes));
    payload.set_streaming_width(static_cast<unsigned>(bytes));
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
}
}  // namespace

void Memories::check(std::uint64_t pointer, std::uint64_t bytes) const
{
    const auto space = LC_PTR_SPACE(pointer);
    const auto limit = space == LC_SPACE_SRAM ? sram_.size() : space == LC_SPACE_DRAM ? dram_bytes_ : 0;
    if (bytes > limit || LC_PTR_OFFSET(pointer) > limit - bytes) throw std::out_of_range("card pointer outside memory");
}

std::uint8_t* Memories::sram_range(std::uint64_t pointer, std::uint64_t bytes)
{
    if (LC_PTR_SPACE(pointer) != LC_SPACE_SRAM) throw std::out_of_range("engines work on the scratchpad");
    check(pointer, bytes);
    return sram_.data() + LC_PTR_OFFSET(pointer);
}

const std::uint8_t* Memories::look_at_sram(std::uint64_t pointer, std::uint64_t bytes)
{
    const auto* range = sram_range(pointer, bytes);
    jobs_.before_read(bytes_of(pointer, bytes));
    return range;
}

void Memories::move_sram(bool write, std::uint64_t offset, std::uint8_t* data, std::size_t bytes)
{
    if (write) {
        jobs_.before_write({offset, offset + bytes});
        std::memcpy(sram_.data() + offset, data, bytes);
    } else {
        jobs_.before_read({offset, offset + bytes});
        std::memcpy(data, sram_.data() + offset, bytes);
    }
}

Picoseconds Memories::timed(bool write, std::uint64_t pointer, std::uint8_t* data, std::size_t bytes,
                            Picoseconds earliest, Cause cause)
{
    check(pointer, bytes);
    const auto offset = LC_PTR_OFFSET(pointer);
    if (LC_PTR_SPACE(pointer) == LC_SPACE_SRAM) {
        if (services_.run.computes()) move_sram(write, offset, data, bytes);
        return sram_.traffic(earliest, bytes * 8ull, cause).end;
    }
    auto& payload = payload_;
    fill(payload, write, offset, data, bytes);
    const auto now = services_.now();
    auto delay = scale_.to_sc_time(earliest - now);
    dram_->b_transport(payload, delay);
    if (payload.is_response_error()) throw std::out_of_range("card memory refused an access");
    return now + scale_.to_picoseconds(delay);
}

Picoseconds Memories::read(std::uint64_t pointer, void* into, std::size_t bytes, Picoseconds earliest, Cause cause)
{
    return timed(false, pointer, static_cast<std::uint8_t*>(into), bytes, earliest, cause);
}

Picoseconds Memories::write(std::uint64_t pointer, const void* from, std::size_t bytes, Picoseconds earliest,
                            Cause cause)
{
    // TLM payloads carry a mutable pointer in both directions; a write does not modify it.
    return timed(true, pointer, const_cast<std::uint8_t*>(static_cast<const std::uint8_t*>(from)), bytes, earliest,
                 cause);
}

void Memories::untimed(bool write, std::uint64_t pointer, std::uint8_t* data, std::size_t bytes)
{
    check(pointer, bytes);
    const auto offset = LC_PTR_OFFSET(pointer);
    if (!services_.run.computes()) return;
    if (LC_PTR_SPACE(pointer) == LC_SPACE_SRAM) return move_sram(write, offset, data, bytes);
    tlm::tlm_generic_payload payload;
    fill(payload, write, offset, data, bytes);
    if (dram_->transport_dbg(payload) != bytes) throw std::out_of_range("card memory refused an access");
}

void Memories::peek(std::uint64_t pointer, void* into, std::size_t bytes)
{
    untimed(false, pointer, static_cast<std::uint8_t*>(into), bytes);
}

void Memories::poke(std::uint64_t pointer, const void* from, std::size_t bytes)
{
    untimed(true, pointer, const_cast<std::uint8_t*>(static_cast<const std::uint8_t*>(from)), bytes);
}

}  // namespace lightcard::control_chip
