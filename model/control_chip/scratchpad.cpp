// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/scratchpad.h"

#include <new>

namespace lightcard::control_chip {

Scratchpad::Scratchpad(const Parameters& parameters, Services& services)
    : services_(services),
      size_(parameters.sram_bytes),
      bandwidth_(parameters.sram_bandwidth),
      bytes_(static_cast<std::uint8_t*>(std::calloc(parameters.sram_bytes, 1)))
{
    if (bytes_ == nullptr) throw std::bad_alloc();
    account_ = services_.ledger.open({"control_chip.sram", Category::sram, "bit", parameters.sram_energy, Scope::core,
                                      true, "card.control.sram_energy"});
}

Resource::Slot Scratchpad::traffic(Picoseconds earliest, std::uint64_t bits, Picoseconds duration, Cause cause)
{
    const auto slot = ports_.reserve(earliest, duration, bits / 8);
    services_.ledger.charge(account_, bits, slot.start, slot.end, cause);
    bits_ += bits;
    return slot;
}

}  // namespace lightcard::control_chip
