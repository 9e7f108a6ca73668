// SPDX-License-Identifier: Apache-2.0
// A register of the card through its memory socket: decode, access checks, side effects. CPU time, median of rounds.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <vector>

#include "lightcard/model/control_chip/lightcard_regs.h"
#include "lightcard/tb/card/rig.h"

namespace {

double cpu_seconds()
{
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

int sc_main(int, char**)
{
    constexpr int kRounds = 9, kAccesses = 200000;
    lightcard::test::Rig rig;
    rig.up();
    const std::uint64_t address = rig.host.function().bars[0].address + LC_REG_CSTS;
    std::vector<double> rounds;
    std::uint32_t value = 0;
    for (int round = 0; round < kRounds; ++round) {
        const double start = cpu_seconds();
        for (int i = 0; i < kAccesses; ++i) {
            tlm::tlm_generic_payload payload;
            payload.set_command(tlm::TLM_READ_COMMAND);
            payload.set_address(address);
            payload.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
            payload.set_data_length(4);
            payload.set_streaming_width(4);
            auto delay = sc_core::SC_ZERO_TIME;
            rig.host.root().mem->b_transport(payload, delay);
            if (!payload.is_response_ok()) {
                std::printf("the read was refused\n");
                return 1;
            }
        }
        rounds.push_back((cpu_seconds() - start) / kAccesses);
    }
    std::sort(rounds.begin(), rounds.end());
    std::printf("read of CSTS (0x%08x): %.1f ns\n", value, rounds[kRounds / 2] * 1e9);
    return 0;
}
