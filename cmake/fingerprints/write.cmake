# SPDX-License-Identifier: MIT
# Writes a source file with the fingerprints of workloads' headers, whenever one of them has changed:
#   cmake -D ROOT=… -D "FILES=/…/a.hpp|/…/b.hpp" -D NAME=… -D OUTPUT=… -P write.cmake
# A fingerprint is the first 16 hexadecimal digits of the SHA-256 over one line "<path> <SHA-256 of its bytes>" for the
# file itself and for each that it includes by quotes, also indirectly, from its own folder; in order of path. Paths are
# relative to ROOT.
cmake_minimum_required(VERSION 3.20)  # its policies
string(REPLACE "|" ";" files "${FILES}")
set(rows "")
set(read "")
foreach(file IN LISTS files)
  cmake_path(GET file PARENT_PATH folder)
  set(found ${file})
  set(todo ${file})
  while(todo)
    list(POP_FRONT todo one)
    cmake_path(GET one PARENT_PATH beside)
    file(STRINGS ${one} lines REGEX "^[ \t]*#[ \t]*include[ \t]*\"[^\"]+\"")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "^[^\"]*\"([^\"]+)\".*$" "\\1" name "${line}")
      foreach(place ${beside} ${ROOT})
        cmake_path(ABSOLUTE_PATH name BASE_DIRECTORY ${place} NORMALIZE OUTPUT_VARIABLE path)
        cmake_path(IS_PREFIX folder ${path} NORMALIZE inside)
        if(inside AND EXISTS ${path})
          if(NOT path IN_LIST found)
            list(APPEND found ${path})
            list(APPEND todo ${path})
          endif()
          break()
        endif()
      endforeach()
    endforeach()
  endwhile()
  list(APPEND read ${found})
  set(keys "")
  foreach(one IN LISTS found)
    file(SHA256 ${one} digest)
    cmake_path(IS_PREFIX ROOT ${one} NORMALIZE inside)
    if(inside)
      cmake_path(RELATIVE_PATH one BASE_DIRECTORY ${ROOT})
    endif()
    list(APPEND keys "${one} ${digest}\n")
  endforeach()
  list(SORT keys COMPARE STRING)
  list(JOIN keys "" text)
  string(SHA256 digest "${text}")
  string(SUBSTRING ${digest} 0 16 digest)
  cmake_path(IS_PREFIX ROOT ${file} NORMALIZE inside)
  if(inside)
    cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${ROOT})
  endif()
  string(APPEND rows "    {R\"~(${file})~\", \"${digest}\"},\n")
endforeach()

set(text "// Made by cmake/fingerprints/write.cmake.
#include \"benchmarks/fingerprint.hpp\"

namespace {
constexpr contend::bench::fingerprint_row rows[] = {
${rows}};
}  // namespace

")
if(NAME STREQUAL "contend_bench")
  string(APPEND text "namespace contend::bench {\nstd::span<const fingerprint_row> own_fingerprints() { return rows; }\n"
    "}  // namespace contend::bench\n")
else()
  string(APPEND text "static const contend::bench::more_fingerprints registered{rows};\n")
endif()
file(WRITE ${OUTPUT} "${text}")
list(REMOVE_DUPLICATES read)
list(TRANSFORM read REPLACE "([ #])" "\\\\\\1")
list(JOIN read " \\\n  " read)
file(WRITE ${OUTPUT}.d "${OUTPUT}: ${read}\n")
