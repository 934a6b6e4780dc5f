# SPDX-License-Identifier: MIT
# Options of the build, and the flags that every target of ours gets through contend_options.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(CONTEND_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
set(CONTEND_PEERS ON CACHE STRING "Other people's primitives: ON = all whose package is here, OFF, or a list of them")
set(CONTEND_SANITIZE "" CACHE STRING "Sanitizers for every target: address,undefined or thread")

add_library(contend_options INTERFACE)
# Warnings are for building this tree; they do not follow the installed targets into another project.
target_compile_options(contend_options INTERFACE "$<BUILD_INTERFACE:-Wall;-Wextra;-Wpedantic;-Werror>")
find_package(Threads REQUIRED)
target_link_libraries(contend_options INTERFACE Threads::Threads)
if(CONTEND_SANITIZE)
  target_compile_options(contend_options INTERFACE -fsanitize=${CONTEND_SANITIZE} -fno-omit-frame-pointer -g)
  target_link_options(contend_options INTERFACE -fsanitize=${CONTEND_SANITIZE})
  if(CONTEND_SANITIZE MATCHES address)
    # g++ 12: a false -Wmaybe-uninitialized inside <regex> under the address sanitizer (GCC bug 105562).
    target_compile_options(contend_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  endif()
  if(CONTEND_SANITIZE MATCHES thread)
    # g++ 12: "atomic_thread_fence is not supported with -fsanitize=thread"; clang has no such warning.
    target_compile_options(contend_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
    target_sources(contend_options INTERFACE $<BUILD_INTERFACE:${CMAKE_CURRENT_LIST_DIR}/tsan_suppressions.cpp>)
  endif()
endif()
