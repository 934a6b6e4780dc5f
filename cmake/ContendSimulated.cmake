# SPDX-License-Identifier: MIT
# contend_simulated(<target>): compiles a program's own sources for the simulation and links it with the model.
# Non-PIE, so that what it holds lies at the same addresses in every run. With debugging information: places are told as lines.
# What the program includes first hides from it that there is a sanitizer, and gives its pauses virtual time.
function(contend_simulated target)
  target_compile_options(${target} PRIVATE -g -fsanitize=thread $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan> -fno-pie
    -fno-omit-frame-pointer
    "SHELL:-include perf/coherence/hide_sanitizer.hpp -include perf/coherence/pause.hpp" $<$<CXX_COMPILER_ID:Clang>:-Wno-builtin-macro-redefined>
    $<$<CXX_COMPILER_ID:Clang>:-mllvm> $<$<CXX_COMPILER_ID:Clang>:-tsan-instrument-read-before-write>)
  target_link_options(${target} PRIVATE -no-pie -rdynamic)
  target_link_libraries(${target} PRIVATE contend::coherence)
endfunction()
