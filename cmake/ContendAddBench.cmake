# SPDX-License-Identifier: MIT
# contend_add_bench(<target> <header> [TYPE <type>])
# makes a program that measures the primitive in <header> beside the whole catalogue: the same verbs, lenses, record and
# report as `contend bench`. The type is the header's stem unless TYPE says otherwise; a class template is given as
# TYPE contend::generic<my_queue>. Its family is the one whose contract it fulfils.
function(contend_add_bench target header)
  cmake_parse_arguments(arg "" "TYPE" "" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "contend_add_bench: '${arg_UNPARSED_ARGUMENTS}' is not understood; expected TYPE <type>")
  endif()
  cmake_path(ABSOLUTE_PATH header BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
  if(NOT EXISTS ${header})
    message(FATAL_ERROR "contend_add_bench: '${header}' does not exist; expected a header with the primitive")
  endif()
  cmake_path(GET header STEM name)
  if(NOT arg_TYPE)
    set(arg_TYPE ${name})
  endif()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${target}_main.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
// Made by contend_add_bench().
#include "@header@"
#include "benchmarks/external.hpp"
struct contend_name_of_header {
  static constexpr std::string_view text = "@name@";
};
constexpr auto contend_extend = contend::bench::add_external<@arg_TYPE@, contend_name_of_header>;
#if defined(CONTEND_PLATFORM_VIRTUAL)
#include "benchmarks/simulated_cells.hpp"
int main() { return contend::bench::serve_simulations(contend_extend); }
#else
#include "benchmarks/suite.hpp"
int main(int argc, char** argv) { return contend::bench::run_suite(argc, argv, contend_extend); }
#endif
]])
  add_executable(${target} ${source})
  target_link_libraries(${target} PRIVATE contend::bench)
  if(TARGET contend::bench_simulated)  # the same cells for the lens `coherence`, which the first program starts
    add_executable(${target}-simulated ${source})
    target_link_libraries(${target}-simulated PRIVATE contend::bench_simulated)
    contend_simulated(${target}-simulated)
    add_dependencies(${target} ${target}-simulated)
  endif()
endfunction()
