# SPDX-License-Identifier: MIT
# contend_simulated(<target>): compiles a program's own sources for the simulation and links it with the model.
# Non-PIE, so that what it holds lies at the same addresses in every run. With debugging information: places are told as lines.
function(contend_simulated target)
  target_compile_options(${target} PRIVATE -g -fsanitize=thread $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan> -fno-pie
    -fno-omit-frame-pointer
    $<$<CXX_COMPILER_ID:Clang>:-mllvm> $<$<CXX_COMPILER_ID:Clang>:-tsan-instrument-read-before-write>)
  target_link_options(${target} PRIVATE -no-pie -rdynamic)
  target_link_libraries(${target} PRIVATE contend::coherence)
endfunction()
