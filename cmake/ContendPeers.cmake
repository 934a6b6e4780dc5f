# SPDX-License-Identifier: MIT
# Other people's primitives (benchmarks/peers/): which of their packages are here. Also installed: a consumer of
# contend::bench finds the same ones again.
#   contend_find_peer(<peer>)  makes the target contend_peer::<peer>, if its package is here, and sets in the caller's
#                              scope CONTEND_<PEER>_VERSION (also "unknown")
#   contend_find_peers()       all that CONTEND_PEERS allows; the target contend_peers, which has their lists by family

# The folder in benchmarks/peers/ and, for a package without a CMake or pkg-config file: header, then library.
set(contend_known_peers absl tbb)
set(contend_peer_families lock rwlock queue counter rcu)

function(contend_find_peer peer)
  set(version "")
  set(libraries "")
  set(found FALSE)
  if(peer STREQUAL absl)
    find_package(absl CONFIG QUIET GLOBAL)
    set(version "${absl_VERSION}")
    if(TARGET absl::synchronization)
      set(found TRUE)
      set(libraries absl::synchronization)
    endif()
  elseif(peer STREQUAL tbb)
    find_package(TBB 2021 CONFIG QUIET GLOBAL)
    set(version "${TBB_VERSION}")
    if(TARGET TBB::tbb)
      set(found TRUE)
      set(libraries TBB::tbb)
    endif()
  endif()
  string(TOUPPER ${peer} name)
  if(found AND NOT TARGET contend_peer::${peer})
    add_library(contend_peer::${peer} INTERFACE IMPORTED GLOBAL)
    set_property(TARGET contend_peer::${peer} PROPERTY INTERFACE_LINK_LIBRARIES ${libraries})
  endif()
  if(version STREQUAL "")
    set(version unknown)
  endif()
  set(CONTEND_${name}_VERSION "${version}" PARENT_SCOPE)
endfunction()

# Debian's package of a peer, as packages.txt has it.
function(contend_package_of peer result)
  file(STRINGS ${PROJECT_SOURCE_DIR}/cmake/packages.txt lines REGEX " peer:${peer}$")
  string(REGEX REPLACE "^peers +([^ ]+) .*$" "\\1" package "${lines}")
  set(${result} "${package}" PARENT_SCOPE)
endfunction()

# The lists of one family, in the order of contend_known_peers: <build>/peers/contend_peers/<family>.hpp
function(contend_write_peers family peers)
  set(includes "")
  set(lists "")
  foreach(peer IN LISTS peers)
    if(EXISTS ${PROJECT_SOURCE_DIR}/benchmarks/peers/${peer}/${family}.hpp)
      string(APPEND includes "#include \"benchmarks/peers/${peer}/${family}.hpp\"\n")
      list(APPEND lists of_${peer}::${family}s)
    endif()
  endforeach()
  list(JOIN lists ", " lists)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/peers/contend_peers/${family}.hpp @ONLY CONTENT
"// Made by configure: the peers of the ${family} family whose packages are here.
#pragma once
#include \"benchmarks/peers/joined.hpp\"
${includes}namespace contend::peers {
using ${family}s = joined<${lists}>;
}
")
endfunction()

# A macro: what find_package learns must stay in the directory that calls.
macro(contend_find_peers)
  set(contend_peers_found)
  set(contend_peers_missing)
  set(contend_peers_packages)
  set(contend_peers_versions)
  set(contend_peers_reason)
  if(CONTEND_SANITIZE MATCHES thread)
    set(contend_peers_wanted)
    set(contend_peers_reason "the thread sanitizer cannot see into their libraries")
  elseif(CONTEND_PEERS MATCHES "^([Oo][Ff][Ff]|0|[Nn][Oo]|[Ff][Aa][Ll][Ss][Ee]|)$")
    set(contend_peers_wanted)
    set(contend_peers_reason "CONTEND_PEERS is off")
  elseif(CONTEND_PEERS MATCHES "^([Oo][Nn]|1|[Yy][Ee][Ss]|[Tt][Rr][Uu][Ee])$")
    set(contend_peers_wanted ${contend_known_peers})
  else()
    set(contend_peers_wanted ${CONTEND_PEERS})
    foreach(peer IN LISTS contend_peers_wanted)
      if(NOT peer IN_LIST contend_known_peers)
        message(FATAL_ERROR "CONTEND_PEERS: '${peer}' is no peer; expected ON, OFF or some of ${contend_known_peers}")
      endif()
    endforeach()
  endif()
  foreach(peer IN LISTS contend_known_peers)
    string(TOUPPER ${peer} contend_peer_name)
    if(peer IN_LIST contend_peers_wanted)
      contend_find_peer(${peer})
      if(TARGET contend_peer::${peer})
        list(APPEND contend_peers_found ${peer})
        string(APPEND contend_peers_versions
          "#define CONTEND_${contend_peer_name}_VERSION \"${CONTEND_${contend_peer_name}_VERSION}\"\n")
      else()
        contend_package_of(${peer} package)
        list(APPEND contend_peers_missing "${peer}")
        list(APPEND contend_peers_packages "${package}")
      endif()
    endif()
  endforeach()
  foreach(family IN LISTS contend_peer_families)
    contend_write_peers(${family} "${contend_peers_found}")
  endforeach()
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/peers/contend_peers/versions.hpp @ONLY CONTENT
    "// Made by configure: the versions of the packages of the peers.\n#pragma once\n${contend_peers_versions}")
  add_library(contend_peers INTERFACE)
  target_include_directories(contend_peers INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/peers)
  list(TRANSFORM contend_peers_found PREPEND contend_peer:: OUTPUT_VARIABLE contend_peers_targets)
  target_link_libraries(contend_peers INTERFACE ${contend_peers_targets})

  list(JOIN contend_peers_found " " contend_peers_line)
  if(contend_peers_reason)
    message(STATUS "Peers: none, because ${contend_peers_reason}")
  elseif(contend_peers_missing)
    list(JOIN contend_peers_missing " " contend_peers_without)
    list(JOIN contend_peers_packages " " contend_peers_packages)
    message(STATUS "Peers: ${contend_peers_line}; left out: ${contend_peers_without}; "
      "to have them: apt-get install --no-install-recommends ${contend_peers_packages}")
  else()
    message(STATUS "Peers: ${contend_peers_line}; left out: none")
  endif()
endmacro()
