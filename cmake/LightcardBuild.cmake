# SPDX-License-Identifier: Apache-2.0
# Build settings shared by every target, and the two helpers the folders use.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(LIGHTCARD_SANITIZE "" CACHE STRING "Sanitizers for every target: empty, 'address,undefined' or 'thread'")
option(LIGHTCARD_FUZZ "Build the decoders and their fuzzers with libFuzzer (needs clang)" OFF)

# Debian's libsystemc is built for exactly C++17.
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

find_package(PkgConfig REQUIRED)
pkg_check_modules(SYSTEMC REQUIRED IMPORTED_TARGET systemc)
find_package(Threads REQUIRED)
include(SystemCProbe)
lightcard_probe_systemc()

if(LIGHTCARD_SANITIZE)
  add_compile_options(-fsanitize=${LIGHTCARD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${LIGHTCARD_SANITIZE})
endif()
if(LIGHTCARD_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# `#include "lightcard/model/..."` resolves to the source tree.
include(GNUInstallDirs)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/include)
file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_BINARY_DIR}/include/lightcard SYMBOLIC)

add_library(lightcard_options INTERFACE)
target_include_directories(lightcard_options INTERFACE
  $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(lightcard_options INTERFACE cxx_std_17)
# -ffp-contract=off: floating point in the model is in a fixed order with explicit fma only.
add_library(lightcard_warnings INTERFACE)
target_compile_options(lightcard_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Werror -ffp-contract=off)

# lightcard_library(name SOURCES ... [DEPENDS ...] [PRIVATE_DEPENDS ...])
# A static library of the package; lightcard_xyz is installed as lightcard::xyz.
function(lightcard_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC lightcard_options ${ARG_DEPENDS} PRIVATE $<BUILD_INTERFACE:lightcard_warnings> ${ARG_PRIVATE_DEPENDS})
  set_property(GLOBAL APPEND PROPERTY LIGHTCARD_LIBRARIES ${name})
endfunction()

# LIGHTCARD_SOURCE_DIR and LIGHTCARD_BINARY_DIR for those of the files that name them, or include a header that does: a
# path among a compiler's arguments keeps ccache from serving the same file in another clone.
function(lightcard_paths)
  foreach(source IN LISTS ARGN)
    file(STRINGS ${source} uses REGEX "LIGHTCARD_(SOURCE|BINARY)_DIR|network_data.h|shared_data.h" LIMIT_COUNT 1)
    if(uses)
      set_property(SOURCE ${source} PROPERTY COMPILE_DEFINITIONS
        LIGHTCARD_SOURCE_DIR="${PROJECT_SOURCE_DIR}" LIGHTCARD_BINARY_DIR="${PROJECT_BINARY_DIR}")
    endif()
  endforeach()
endfunction()

# lightcard_test(name SOURCES ... DEPENDS ... [LABELS default] [TIMEOUT seconds] [SYSTEMC])
# One gtest executable; ctest runs every test of it in a process of its own. Labels: smoke, default, guest, validation,
# long say when it runs (README.md); `threads` marks a test of threaded code, which the thread sanitizer runs.
function(lightcard_test name)
  cmake_parse_arguments(ARG "SYSTEMC" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS default)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(LIGHTCARD_SANITIZE)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 5")
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} lightcard_warnings GTest::gmock)
  lightcard_paths(${ARG_SOURCES})
  # What a test checks is built as it ships; the test itself need not be fast, and half of the build is tests.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  if(ARG_SYSTEMC)
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:lightcard_systemc_main>)
    target_link_libraries(${name} PRIVATE PkgConfig::SYSTEMC)
  else()
    target_link_libraries(${name} PRIVATE GTest::gtest_main)
  endif()
  if("threads" IN_LIST ARG_LABELS)
    set_property(GLOBAL APPEND PROPERTY LIGHTCARD_THREADED_TESTS ${name})
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT ${ARG_TIMEOUT})
  # gtest_discover_tests() cannot hand a list to a property: labels are set where ctest reads the discovered names.
  set(labels_file ${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake)
  file(WRITE ${labels_file} "foreach(test IN LISTS ${name}_TESTS)\n  set_tests_properties(\"\${test}\" PROPERTIES LABELS \"${ARG_LABELS}\")\nendforeach()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${labels_file})
endfunction()
