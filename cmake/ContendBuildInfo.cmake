# SPDX-License-Identifier: MIT
# The target contend_build_info: a small library with contend_build_info.hpp, up to date at every build.
find_program(CONTEND_GIT git)
mark_as_advanced(CONTEND_GIT)
string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
set(flags "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}}")
if(CONTEND_SANITIZE)
  string(APPEND flags " -fsanitize=${CONTEND_SANITIZE}")
endif()
string(STRIP "${flags}" flags)
file(RELATIVE_PATH data_from_bin /prefix/${CMAKE_INSTALL_BINDIR} /prefix/${CMAKE_INSTALL_DATADIR}/contend)

set(source ${PROJECT_BINARY_DIR}/build_info/contend_build_info.cpp)
add_custom_target(contend_build_info_write
  COMMAND ${CMAKE_COMMAND}
    -D CONTEND_OUTPUT=${source}
    -D CONTEND_GIT=${CONTEND_GIT}
    -D CONTEND_SOURCE_DIR=${PROJECT_SOURCE_DIR}
    -D CONTEND_VERSION=${PROJECT_VERSION}
    -D "CONTEND_COMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}"
    -D "CONTEND_FLAGS=${flags}"
    -D CONTEND_BUILD_TYPE=${CMAKE_BUILD_TYPE}
    -D CONTEND_PYTHON=${CONTEND_PYTHON}
    -D CONTEND_DATA_FROM_BIN=${data_from_bin}
    -P ${CMAKE_CURRENT_LIST_DIR}/build_info/write.cmake
  BYPRODUCTS ${source}
  COMMENT "Asking git for the commit"
  VERBATIM)
add_library(contend_build_info STATIC ${source})
add_dependencies(contend_build_info contend_build_info_write)
target_compile_features(contend_build_info PUBLIC cxx_std_20)
target_link_libraries(contend_build_info PRIVATE contend_options)
target_include_directories(contend_build_info PUBLIC ${CMAKE_CURRENT_LIST_DIR}/build_info)
