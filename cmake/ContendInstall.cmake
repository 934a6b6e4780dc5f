# SPDX-License-Identifier: MIT
# What `cmake --install` writes, and the CMake package that another project finds with find_package(contend).
#   contend::primitives                  always
#   find_package(contend COMPONENTS bench)   also the benchmark library, with contend_add_bench()
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/contend)
set(include_dir ${CMAKE_INSTALL_INCLUDEDIR}/contend)

# Headers keep their paths in the tree: <contend/primitives/lock/ttas_lock.hpp>.
foreach(folder primitives perf benchmarks)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${include_dir} COMPONENT headers
    FILES_MATCHING PATTERN "*.hpp")
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/cmake/build_info/contend_build_info.hpp DESTINATION ${include_dir}
  COMPONENT headers)
# The Python packages keep their places in the tree, too: plots/ and perf/gate/, which reads records with plots/.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/plots DESTINATION ${CMAKE_INSTALL_DATADIR}/contend COMPONENT programs
  PATTERN "__pycache__" EXCLUDE PATTERN "*.pyc" EXCLUDE PATTERN ".pytest_cache" EXCLUDE)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/perf/gate ${PROJECT_SOURCE_DIR}/perf/history DESTINATION
  ${CMAKE_INSTALL_DATADIR}/contend/perf COMPONENT programs
  PATTERN "__pycache__" EXCLUDE PATTERN "*.pyc" EXCLUDE PATTERN ".pytest_cache" EXCLUDE)
install(FILES ${PROJECT_SOURCE_DIR}/perf/record/schema.json ${PROJECT_SOURCE_DIR}/perf/record/doctor_schema.json
  DESTINATION ${CMAKE_INSTALL_DATADIR}/contend COMPONENT programs)

install(TARGETS contend_primitives EXPORT contend_primitives)
install(EXPORT contend_primitives NAMESPACE contend:: FILE contend-primitives.cmake DESTINATION ${package_dir}
  COMPONENT headers)

# The benchmark library and everything that it stands on; a target that is missing here is named by CMake's error.
set(bench_targets)
foreach(target contend_options contend_build_info contend_record contend_host contend_counters contend_pfm
    contend_coherence_model contend_calibration contend_bench contend_source_lines contend_coherence contend_bench_simulated)
  if(TARGET ${target})
    list(APPEND bench_targets ${target})
  endif()
endforeach()
foreach(target IN LISTS bench_targets)
  string(REPLACE contend_ "" name ${target})
  # Targets say the root of the tree as their include folder; for an installed one that is include/contend.
  get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
  list(TRANSFORM folders REPLACE "^${PROJECT_SOURCE_DIR}(/.*)?$" "$<BUILD_INTERFACE:\\0>")
  if(folders)
    list(APPEND folders "$<INSTALL_INTERFACE:${include_dir}>")
    set_property(TARGET ${target} PROPERTY INTERFACE_INCLUDE_DIRECTORIES ${folders})
  endif()
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
endforeach()
install(TARGETS ${bench_targets} EXPORT contend_bench ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT libraries)
install(EXPORT contend_bench NAMESPACE contend:: FILE contend-bench.cmake DESTINATION ${package_dir}
  COMPONENT libraries)

foreach(program contend contend-bench contend-bench-simulated)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)
  endif()
endforeach()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/cmake/fingerprints DESTINATION ${package_dir} COMPONENT libraries)

set(contend_simulates FALSE)
if(TARGET contend_bench_simulated)
  set(contend_simulates TRUE)
endif()
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/contendConfig.cmake.in
  ${PROJECT_BINARY_DIR}/contendConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/contendConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/contendConfig.cmake ${PROJECT_BINARY_DIR}/contendConfigVersion.cmake
  DESTINATION ${package_dir} COMPONENT headers)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/ContendAddBench.cmake ${PROJECT_SOURCE_DIR}/cmake/ContendPeers.cmake
  ${PROJECT_SOURCE_DIR}/cmake/ContendSimulated.cmake ${PROJECT_SOURCE_DIR}/cmake/ContendFingerprints.cmake
  DESTINATION ${package_dir} COMPONENT libraries OPTIONAL)
