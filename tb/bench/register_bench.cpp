// SPDX-License-Identifier: Apache-2.0
// A register of the card through its memory socket: decode, access checks, side effects. CPU time, median of rounds.
#include <cstdio>
#include <vector>

#include "lightcard/model/control_chip/lightcard_regs.h"
#include "lightcard/tb/bench/measure.h"
#include "lightcard/tb/card/rig.h"

namespace {

using lightcard::bench::cpu_seconds;

constexpr int kRounds = 9, kAccesses = 200000;

/// ns an access, or < 0: refused.
double measure(lightcard::test::Rig& rig, std::uint32_t offset)
{
    std::uint32_t value = 0;
    tlm::tlm_generic_payload payload;  // an initiator keeps its payload
    payload.set_command(tlm::TLM_READ_COMMAND);
    payload.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
    payload.set_data_length(4);
    payload.set_streaming_width(4);
    std::vector<double> rounds;
    for (int round = 0; round < kRounds; ++round) {
        const double start = cpu_seconds();
        for (int i = 0; i < kAccesses; ++i) {
            payload.set_address(rig.host.function().bars[0].address + offset);
            payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
            auto delay = sc_core::SC_ZERO_TIME;
            rig.host.root().mem->b_transport(payload, delay);
            if (!payload.is_response_ok()) return -1;
        }
        rounds.push_back((cpu_seconds() - start) / kAccesses);
    }
    return lightcard::bench::median(rounds) * 1e9;
}

}  // namespace

int sc_main(int, char**)
{
    lightcard::test::Rig rig;
    rig.up();
    struct Row {
        const char* name;
        std::uint32_t offset;
    };
    // CSTS asks the whole chip whether it is idle and calibrated; CC is the value of a register.
    for (const auto& row : {Row{"CSTS", LC_REG_CSTS}, Row{"CC", LC_REG_CC}}) {
        const double ns = measure(rig, row.offset);
        if (ns < 0) {
            std::printf("the read of %s was refused\n", row.name);
            return 1;
        }
        std::printf("read of %s: %.1f ns\n", row.name, ns);
    }
    return 0;
}
