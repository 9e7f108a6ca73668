# SPDX-License-Identifier: Apache-2.0
# cmake -DBUILD=... -DSOURCE=... -DCOMPILER=... -DGENERATOR=... -DFLAGS=... -P run_embed.cmake
set(prefix ${BUILD}/embed/prefix)
set(project ${BUILD}/embed/build)
file(REMOVE_RECURSE ${BUILD}/embed)

function(step)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()
step(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
step(${CMAKE_COMMAND} -S ${SOURCE} -B ${project} -G ${GENERATOR} -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=${COMPILER}
  -DCMAKE_CXX_FLAGS=${FLAGS} -DCMAKE_PREFIX_PATH=${prefix})
step(${CMAKE_COMMAND} --build ${project})
step(${project}/embed)
step(${project}/embed coarse)  # a resolution that the card cannot live with, explained
step(${project}/driven)
step(${prefix}/bin/lightcard info lc64)
