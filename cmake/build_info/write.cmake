# SPDX-License-Identifier: MIT
# Runs at every build: asks git for the commit and writes the build info's source file if anything in it changed.
set(commit unknown)
set(dirty std::nullopt)
if(CONTEND_GIT)
  # The folder may belong to somebody else (a container's checkout): we build its code, so we may read its commit too.
  set(git ${CONTEND_GIT} -c safe.directory=${CONTEND_SOURCE_DIR} -C ${CONTEND_SOURCE_DIR})
  # An unpacked archive may lie in the repository of another project, whose commit is not ours.
  execute_process(COMMAND ${git} rev-parse --show-cdup
                  OUTPUT_VARIABLE up RESULT_VARIABLE rc OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(rc EQUAL 0 AND up STREQUAL "")
    execute_process(COMMAND ${git} rev-parse --short=10 HEAD
                    OUTPUT_VARIABLE hash RESULT_VARIABLE rc OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    execute_process(COMMAND ${git} --no-optional-locks status --porcelain --untracked-files=no
                    OUTPUT_VARIABLE changes RESULT_VARIABLE status_rc ERROR_QUIET)
    if(rc EQUAL 0 AND hash)
      set(commit ${hash})
      if(status_rc EQUAL 0 AND changes STREQUAL "")
        set(dirty false)
      elseif(status_rc EQUAL 0)
        set(dirty true)
      endif()
    endif()
  endif()
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/contend_build_info.cpp.in ${CONTEND_OUTPUT} @ONLY)
