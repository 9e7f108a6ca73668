# SPDX-License-Identifier: Apache-2.0
# Installs lightcard beside the build, then configures, builds and runs the foreign platform on what was installed.
# Sanitized archives only link into a sanitized program, so the flags go along.
if(LIGHTCARD_SANITIZE)
  set(embed_flags -fsanitize=${LIGHTCARD_SANITIZE})
endif()
add_test(NAME embed.foreign_platform
  COMMAND ${CMAKE_COMMAND} -DBUILD=${PROJECT_BINARY_DIR} -DSOURCE=${CMAKE_CURRENT_SOURCE_DIR}/embed
    -DCOMPILER=${CMAKE_CXX_COMPILER} -DGENERATOR=${CMAKE_GENERATOR} -DFLAGS=${embed_flags}
    -P ${CMAKE_CURRENT_SOURCE_DIR}/embed/run_embed.cmake)
set_tests_properties(embed.foreign_platform PROPERTIES LABELS default TIMEOUT 300)
