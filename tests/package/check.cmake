# SPDX-License-Identifier: MIT
# Installs into a fresh prefix, moves it, and builds and runs a project that knows contend by find_package alone.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE rc OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(rc)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "exit ${rc}: ${command}\n${out}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/first)
file(RENAME ${WORK}/first "${WORK}/a prefix that was moved")

foreach(version ${VERSION} 99.0)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${SOURCE}/consumer -B ${WORK}/build-${version} -G ${GENERATOR}
      "-DCMAKE_PREFIX_PATH=${WORK}/a prefix that was moved" -DCMAKE_CXX_COMPILER=${COMPILER} -DWANTED=${version}
    RESULT_VARIABLE rc OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(version STREQUAL VERSION AND rc)
    message(FATAL_ERROR "the consumer was not configured:\n${out}")
  elseif(NOT version STREQUAL VERSION AND NOT rc)
    message(FATAL_ERROR "version ${version} was asked for and ${VERSION} taken")
  endif()
endforeach()
run(${CMAKE_COMMAND} --build ${WORK}/build-${VERSION})
run(${WORK}/build-${VERSION}/consumer)

# The programs run from where they were moved, and what they need lies beside them.
run("${WORK}/a prefix that was moved/bin/contend" list)
foreach(file share/contend/schema.json share/contend/doctor_schema.json share/contend/plots/__main__.py)
  if(NOT EXISTS "${WORK}/a prefix that was moved/${file}")
    message(FATAL_ERROR "not installed: ${file}")
  endif()
endforeach()

# A lock of another project is measured beside the catalogue's by the program that contend_add_bench made.
set(results ${WORK}/results)
run(${WORK}/build-${VERSION}/my_bench --primitive my_lock,std_mutex --threads 1,2 --repetitions 1 --window-ms 2
  --latency-window-ms 2 --lens time --results ${results} --quiet)
file(READ ${results}/latest/results.json record)
string(JSON count LENGTH "${record}" cells)
math(EXPR last "${count} - 1")
set(measured 0)
foreach(i RANGE ${last})
  string(JSON primitive GET "${record}" cells ${i} primitive)
  string(JSON type TYPE "${record}" cells ${i} metrics throughput value)
  if(primitive STREQUAL my_lock AND type STREQUAL NUMBER)
    math(EXPR measured "${measured} + 1")
  endif()
endforeach()
if(measured LESS 2)
  message(FATAL_ERROR "my_lock was measured in ${measured} cells only")
endif()
file(READ ${results}/latest/report.html page)
if(NOT page MATCHES "my_lock")
  message(FATAL_ERROR "my_lock is not in the report")
endif()
