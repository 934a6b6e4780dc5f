# SPDX-License-Identifier: MIT
# CONTEND_PYTHON: an interpreter that can draw the report; CONTEND_TEST_PYTHON: one that can also run pytest.
# Both are cache variables and empty where there is none; `-D CONTEND_PYTHON=/path/to/python3` is tried first.
function(contend_find_python variable purpose)
  if(${variable} AND EXISTS "${${variable}}" AND "${${variable}_CHECKED}" STREQUAL "${${variable}};${ARGN}")
    return()  # found by an earlier configure, for the same modules
  endif()
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env "CONTEND_PYTHON=${${variable}}"
            bash ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/find_python.sh ${ARGN}
    OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT found)
    list(JOIN ARGN ", " modules)
    message(WARNING "No Python 3 has ${modules}, which ${purpose}. "
                    "Install them (on Debian: make test or make bench does) and configure again.")
  elseif(${variable} AND NOT found STREQUAL "${${variable}}")
    message(WARNING "${variable}=${${variable}} lacks some of ${ARGN}; ${found} has them and is used.")
  else()
    message(STATUS "${variable}: ${found}")
  endif()
  set(${variable} "${found}" CACHE FILEPATH "Python 3 that ${purpose}" FORCE)
  set(${variable}_CHECKED "${found};${ARGN}" CACHE INTERNAL "")
endfunction()

contend_find_python(CONTEND_PYTHON "the report needs" matplotlib numpy scipy jinja2)
if(CONTEND_BUILD_TESTS)
  contend_find_python(CONTEND_TEST_PYTHON "the tests need" matplotlib numpy scipy jinja2 jsonschema pytest yaml)
endif()
