# SPDX-License-Identifier: Apache-2.0
# What an installation holds: <lightcard/...> headers, the static libraries, cards, the command with its manual page, and
# the CMake package `find_package(lightcard)` with lightcard::model (the card) and lightcard::platform (the card and what drives it).
include(CMakePackageConfigHelpers)

# One name for the card and everything that puts it to work.
add_library(lightcard_platform INTERFACE)
foreach(part IN ITEMS model host driver compiler report)
  if(TARGET lightcard_${part})
    target_link_libraries(lightcard_platform INTERFACE lightcard_${part})
  endif()
endforeach()

get_property(libraries GLOBAL PROPERTY LIGHTCARD_LIBRARIES)
foreach(library IN LISTS libraries ITEMS lightcard_options lightcard_platform)
  string(REPLACE "lightcard_" "" exported ${library})
  set_target_properties(${library} PROPERTIES EXPORT_NAME ${exported})
  add_library(lightcard::${exported} ALIAS ${library})
endforeach()
install(TARGETS ${libraries} lightcard_options lightcard_platform EXPORT lightcard-targets)

# Public headers. tb/unit/architecture_test.py proves that the list is closed: no header here includes one that is not.
set(LIGHTCARD_PUBLIC_HEADERS
  model/common/activity.h model/common/diagnostics.h model/common/energy.h model/common/result.h model/common/run.h
  model/common/faults.h model/common/telemetry.h model/common/time.h
  model/card/card.h model/card/config.h model/card/counters.h
  model/*/parameters.h
  model/pcm_memory/cell_array.h model/pcm_memory/cell_life.h model/pcm_memory/cell_limits.h
  model/pcm_memory/cell_moments.h model/pcm_memory/effective_tile.h model/pcm_memory/exposure.h
  model/pcm_memory/packed_planes.h
  model/photonic_core/front_end.h model/photonic_core/integer_kernel.h model/photonic_core/link_budget.h
  model/photonic_core/mvm.h
  model/photonic_core/static_errors.h
  model/control_chip/lightcard_abi.h model/control_chip/lightcard_regs.h
  platform/host/*.h
  platform/driver/bring_up.h platform/driver/commands.h platform/driver/device.h platform/driver/dma_memory.h
  platform/driver/driver.h
  platform/driver/program.h platform/driver/program_runner.h platform/driver/queue_pair.h platform/driver/status.h
  platform/driver/transport.h
  platform/compiler/block_scale.h platform/compiler/calibrate.h platform/compiler/float_executor.h
  platform/compiler/graph.h
  platform/compiler/int8_reference.h platform/compiler/layer_settings.h platform/compiler/lower.h
  platform/compiler/numerics.h platform/compiler/onnx_import.h
  platform/compiler/quant_tensor.h platform/compiler/quantise.h
  platform/report/energy_table.h platform/report/json.h platform/report/loss.h platform/report/perfetto.h
  platform/report/report.h platform/report/run_summary.h platform/report/text.h)
foreach(pattern IN LISTS LIGHTCARD_PUBLIC_HEADERS)
  file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/${pattern})
  foreach(header IN LISTS headers)
    get_filename_component(folder ${header} DIRECTORY)
    install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lightcard/${folder})
  endforeach()
endforeach()

install(DIRECTORY configs/cards/ DESTINATION ${CMAKE_INSTALL_DATADIR}/lightcard/cards FILES_MATCHING PATTERN "*.yaml")
if(TARGET lightcard)
  install(TARGETS lightcard)
  install(FILES docs/lightcard.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/lightcard)
configure_package_config_file(cmake/lightcard-config.cmake.in ${CMAKE_BINARY_DIR}/lightcard-config.cmake
  INSTALL_DESTINATION ${package} NO_SET_AND_CHECK_MACRO PATH_VARS CMAKE_INSTALL_DATADIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/lightcard-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/lightcard-config.cmake ${CMAKE_BINARY_DIR}/lightcard-config-version.cmake DESTINATION ${package})
install(EXPORT lightcard-targets NAMESPACE lightcard:: DESTINATION ${package})
