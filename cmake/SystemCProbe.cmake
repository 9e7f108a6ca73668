# SPDX-License-Identifier: Apache-2.0
# A SystemC library binds to one C++ standard and one version: its headers emit a reference to
# sc_core::sc_api_version_<version>_cxx<standard>, which only a library built the same way defines. Left alone, a
# mismatch is a page of linker errors in the last minute of the build; the probe says it in words in the first second.

function(_lightcard_systemc_api text result)
  if("${text}" MATCHES "sc_api_version_([0-9]+)_([0-9]+)_([0-9]+)_cxx([0-9][0-9][0-9][0-9])")
    set(years 1997 C++98 2011 C++11 2014 C++14 2017 C++17 2020 C++20)
    list(FIND years "${CMAKE_MATCH_4}" at)
    math(EXPR at "${at} + 1")
    list(GET years ${at} standard)
    set(${result} "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3}" "${standard}" PARENT_SCOPE)
  else()
    set(${result} "" PARENT_SCOPE)
  endif()
endfunction()

function(_lightcard_explain_systemc log)
  if(log MATCHES "systemc: No such file|systemc.h: No such file|'systemc' file not found")
    set(why "pkg-config finds SystemC ${SYSTEMC_VERSION}, but the compiler does not find its headers.")
  else()
    find_library(library systemc HINTS ${SYSTEMC_LIBRARY_DIRS} NO_CACHE)
    execute_process(COMMAND ${CMAKE_NM} -D --defined-only ${library} OUTPUT_VARIABLE symbols ERROR_QUIET)
    _lightcard_systemc_api("${log}" headers)
    _lightcard_systemc_api("${symbols}" built)
    if(headers AND built AND NOT headers STREQUAL built)
      list(JOIN headers ", " headers)
      list(JOIN built ", " built)
      set(why "C++-standard or version mismatch: the headers ask for (${headers}), but ${library} was built as (${built}).\n"
              "lightcard is C++17: use a SystemC library that was compiled with -std=c++17 and the headers that came with it.\n"
              "Debian 12's libsystemc-dev 2.3.4 is one (scripts/setup installs it). A library of your own is found through "
              "PKG_CONFIG_PATH.")
    else()
      set(why "a two-line program does not compile, link or run against it.")
    endif()
  endif()
  message(FATAL_ERROR "SystemC cannot be used: " ${why} "\n--- what the probe said ---\n${log}")
endfunction()

function(lightcard_probe_systemc)
  if(LIGHTCARD_SYSTEMC_PROBED STREQUAL "${SYSTEMC_VERSION} ${SYSTEMC_LIBRARY_DIRS} ${SYSTEMC_INCLUDE_DIRS}")
    return()
  endif()
  message(STATUS "Probing SystemC ${SYSTEMC_VERSION}")
  set(source ${CMAKE_BINARY_DIR}/systemc_probe.cpp)
  file(WRITE ${source} "#include <systemc>\nint sc_main(int, char**) { return sc_core::sc_delta_count() == 0 ? 0 : 1; }\n")
  try_run(ran compiled ${CMAKE_BINARY_DIR}/systemc_probe ${source}
    LINK_LIBRARIES PkgConfig::SYSTEMC Threads::Threads
    CXX_STANDARD 17 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
    COMPILE_OUTPUT_VARIABLE compile_log RUN_OUTPUT_VARIABLE run_log)
  if(NOT compiled OR NOT ran EQUAL 0)
    unset(ran CACHE)
    unset(compiled CACHE)
    _lightcard_explain_systemc("${compile_log}${run_log}")
  endif()
  set(LIGHTCARD_SYSTEMC_PROBED "${SYSTEMC_VERSION} ${SYSTEMC_LIBRARY_DIRS} ${SYSTEMC_INCLUDE_DIRS}" CACHE INTERNAL "")
  message(STATUS "Probing SystemC ${SYSTEMC_VERSION} - C++17, links, runs")
endfunction()
