# SPDX-License-Identifier: MIT
# contend_simulated(<target>): compiles a program's own sources for the simulation and links it with the model.
# Non-PIE, so that what it holds lies at the same addresses in every run. With debugging information: places are told as
# lines. What the program includes first hides from it that there is a sanitizer, and gives its pauses virtual time.
# Where functions begin and end is nothing to the model; but no last access may become a jump then, or its place would
# be its caller's.
function(contend_simulated target)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    set(own "SHELL:-mllvm -tsan-instrument-read-before-write" "SHELL:-mllvm -tsan-instrument-func-entry-exit=0"
      -Wno-builtin-macro-redefined)
  else()
    set(own "SHELL:--param tsan-instrument-func-entry-exit=0" -Wno-tsan)
  endif()
  target_compile_options(${target} PRIVATE -g -fsanitize=thread ${own} -fno-pie
    -fno-omit-frame-pointer -fno-optimize-sibling-calls
    "SHELL:-include perf/coherence/hide_sanitizer.hpp -include perf/coherence/pause.hpp")
  target_link_options(${target} PRIVATE -no-pie -rdynamic)
  target_link_libraries(${target} PRIVATE contend::coherence)
endfunction()
