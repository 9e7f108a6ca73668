// SPDX-License-Identifier: Apache-2.0
#include "lightcard/tb/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    lightcard::fuzz::accepts(data, size);
    return 0;
}
