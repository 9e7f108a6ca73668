// SPDX-License-Identifier: Apache-2.0
// Entry of every test that links SystemC: libsystemc calls sc_main. A kernel elaborates once a process, so ctest
// runs each test in its own process (gtest_discover_tests).
#include <gtest/gtest.h>

#include <systemc>

int sc_main(int argc, char** argv)
{
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
