# Build settings shared by every target, and the two helpers the folders use.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# Debian's libsystemc is built for exactly C++17.
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

find_package(PkgConfig REQUIRED)
pkg_check_modules(SYSTEMC REQUIRED IMPORTED_TARGET systemc)
find_package(Threads REQUIRED)

# `#include "lightcard/model/..."` resolves to the source tree.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/include)
file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_BINARY_DIR}/include/lightcard SYMBOLIC)

add_library(lightcard_options INTERFACE)
target_include_directories(lightcard_options INTERFACE $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/include>)
target_compile_features(lightcard_options INTERFACE cxx_std_17)
# -ffp-contract=off: floating point in the model is in a fixed order with explicit fma only.
add_library(lightcard_warnings INTERFACE)
target_compile_options(lightcard_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Werror -ffp-contract=off)

# lightcard_library(name SOURCES ... [DEPENDS ...] [PRIVATE_DEPENDS ...])
function(lightcard_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC lightcard_options ${ARG_DEPENDS} PRIVATE $<BUILD_INTERFACE:lightcard_warnings> ${ARG_PRIVATE_DEPENDS})
endfunction()

# lightcard_test(name SOURCES ... DEPENDS ... [LABELS default] [SYSTEMC]) : one gtest executable, one process a test.
function(lightcard_test name)
  cmake_parse_arguments(ARG "SYSTEMC" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS default)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} lightcard_warnings GTest::gmock)
  target_compile_definitions(${name} PRIVATE LIGHTCARD_SOURCE_DIR="${PROJECT_SOURCE_DIR}" LIGHTCARD_BINARY_DIR="${PROJECT_BINARY_DIR}")
  if(ARG_SYSTEMC)
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tb/systemc_main.cpp)
    target_link_libraries(${name} PRIVATE PkgConfig::SYSTEMC)
  else()
    target_link_libraries(${name} PRIVATE GTest::gtest_main)
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
