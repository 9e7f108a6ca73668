// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include <systemc>

#include "lightcard/platform/cli/commands.h"

int sc_main(int argc, char** argv)
{
    const lightcard::cli::Console console{std::cout, std::cerr, isatty(STDERR_FILENO) != 0};
    return lightcard::cli::dispatch(console, {argv + 1, argv + argc});
}

/// Ours instead of libsystemc's, to keep SystemC's banner out of what the command prints.
int main(int argc, char** argv)
{
    setenv("SC_COPYRIGHT_MESSAGE", "DISABLE", 0);
    return sc_core::sc_elab_and_sim(argc, argv);
}
