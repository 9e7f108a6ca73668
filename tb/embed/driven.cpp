// SPDX-License-Identifier: Apache-2.0
// The other half of the package: a card behind lightcard's own host and driver (lightcard::platform), and the
// compiler's front end, in a program of somebody else's.
#include <cstring>
#include <iostream>
#include <string>

#include <systemc>

#include <lightcard/model/card/card.h>
#include <lightcard/platform/compiler/onnx_import.h>
#include <lightcard/platform/driver/commands.h>
#include <lightcard/platform/driver/driver.h>
#include <lightcard/platform/host/in_process_host.h>

namespace {

using namespace lightcard;

int fail(const std::string& what)
{
    std::cerr << "FAILED: " << what << '\n';
    return 1;
}

int copy_through(driver::Driver& driver)
{
    constexpr std::uint32_t kBytes = 4096;
    auto buffer = driver::DmaMemory::allocate(driver.transport(), 2 * kBytes);
    if (!buffer) return fail(buffer.error().message());
    for (std::uint32_t i = 0; i < kBytes; ++i) buffer->host()[i] = static_cast<std::uint8_t>(i * 13);
    const auto there = driver::make_copy(driver::dram_pointer(0), driver::host_pointer(buffer->bus()), kBytes);
    const auto back = driver::make_copy(driver::host_pointer(buffer->bus() + kBytes), driver::dram_pointer(0), kBytes);
    for (const lc_sqe& command : {there, back}) {
        const auto done = driver.queue(0).run(command);
        if (!done) return fail(done.error().message());
    }
    if (std::memcmp(buffer->host(), buffer->host() + kBytes, kBytes) != 0) return fail("COPY came back different");
    return 0;
}

}  // namespace

int sc_main(int, char**)
{
    const auto config = load_card(LIGHTCARD_CARDS "/lc64.yaml");
    if (!config) return fail(config.error().message());
    Card card("card", *config);
    host::InProcessHost host("host", host::endpoint_of(card));
    if (const Status up = host.power_on(); !up) return fail(up.error().message());
    auto driver = driver::Driver::bring_up(host);
    if (!driver) return fail(driver.error().message());
    if ((*driver)->identity().n != 64) return fail("IDENTIFY does not tell the card that was built");
    if (compiler::import_onnx("not a network", 13).ok()) return fail("the importer accepts anything");
    const int result = copy_through(**driver);
    if (result == 0) std::cout << "driven: COPY is right\n";
    return result;
}
