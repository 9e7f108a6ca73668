# SPDX-License-Identifier: Apache-2.0
# One ctest entry a class of cli_test.py.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
foreach(class IN ITEMS Help WrongUse Run Calibration Plans Cache TimingOnly PcmState Cards Sweeps)
  add_test(NAME cli.${class}
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/cli_test.py $<TARGET_FILE:lightcard> ${PROJECT_SOURCE_DIR} ${class})
  set_tests_properties(cli.${class} PROPERTIES LABELS default TIMEOUT 300
    ENVIRONMENT "XDG_CACHE_HOME=${CMAKE_CURRENT_BINARY_DIR}/cache")
endforeach()
