# SPDX-License-Identifier: MIT
# contend_fingerprints(<target> <file>…)
# tells a program what the sources of its workloads are: the files in which workloads are defined, so that two records
# of it are compared only where a workload is the same in both (workloads[].fingerprint in the record). They are read
# again whenever one of them, or what it includes from its own folder, has changed. perf/gate/README.md says what goes
# into a fingerprint. A program whose workloads are all contend's needs no call.
function(contend_fingerprints target)
  set(files ${ARGN})
  list(TRANSFORM files REPLACE "^([^/].*)$" "${CMAKE_CURRENT_SOURCE_DIR}/\\1")
  foreach(file IN LISTS files)
    if(NOT EXISTS ${file})
      message(FATAL_ERROR "contend_fingerprints: '${file}' does not exist; expected a file that defines a workload")
    endif()
  endforeach()
  list(JOIN files "|" listed)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}_fingerprints.cpp)
  set(script ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/fingerprints/write.cmake)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -D ROOT=${PROJECT_SOURCE_DIR} -D FILES=${listed} -D NAME=${target} -D OUTPUT=${output} -P ${script}
    DEPENDS ${files} ${script} DEPFILE ${output}.d
    COMMENT "Reading the workloads of ${target}" VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
