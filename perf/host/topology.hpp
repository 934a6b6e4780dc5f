// SPDX-License-Identifier: MIT
// Which processors this process may use, how they hang together, and in which order to fill them with threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "perf/host/cgroup.hpp"

namespace contend::host {

/// One logical processor that this process may use. Groups are numbered from 0 over the whole machine.
struct processor {
  int cpu;   ///< the operating system's number, what sched_setaffinity takes
  int core;  ///< processors with the same core are SMT siblings
  int l3;    ///< processors with the same number share a last-level cache (a CCX on AMD)
  int numa;
  int socket;
  int speed;  ///< hwloc's rank of the kind of core, higher is faster; 0 where all are alike or it is not known
};

/// One cache size that occurs in the machine.
struct cache_level {
  int level;
  char kind;            ///< 'd' data, 'i' instructions, 'u' both
  std::uint64_t bytes;  ///< of one such cache; 0 = not known
  unsigned line_bytes;  ///< 0 = not known
  unsigned count;       ///< how many there are
  unsigned processors;  ///< how many logical processors share one
};

/// The machine (what is online, whether or not this process may use it) and this process's share of it.
struct topology {
  std::vector<processor> available;  ///< by cpu number; scheduler affinity ∩ cpuset, never empty on a real machine
  unsigned processors = 0;           ///< logical processors of the machine; likewise the following
  unsigned cores = 0;
  unsigned sockets = 0;
  unsigned numa_nodes = 0;
  unsigned l3_groups = 0;           ///< sockets where the machine shows no L3
  bool l3_known = false;            ///< false: l3 is the socket's number instead
  std::vector<cache_level> caches;  ///< by level, then kind
};

/// Reads the machine through hwloc; milliseconds. The affinity is the union over the threads of this process, so ask
/// before the threads are pinned. Throws std::runtime_error when hwloc cannot read the machine.
[[nodiscard]] topology read_topology();

/// The machine that a hwloc synthetic description such as "pack:2 l3:2 core:2 pu:2" stands for, all of it available.
/// For tests. Throws std::invalid_argument when hwloc does not understand it.
[[nodiscard]] topology synthetic_topology(const std::string& description);

/// How threads are laid out over processors. The names are the record's.
enum class placement { compact, spread, none };
[[nodiscard]] std::string_view name_of(placement policy) noexcept;
[[nodiscard]] std::optional<placement> parse_placement(std::string_view name) noexcept;

/// The processors to pin thread 0, 1, 2 … to, each available one exactly once; beyond the end start over.
///   compact  one thread per core first, all cores of one L3 group, then the next group of that socket, then the next
///            socket; faster kinds of core first within a group; SMT siblings after every core has a thread
///   spread   farthest apart first: round robin over sockets, within a socket over NUMA nodes, within those over L3
///            groups; SMT siblings after every core has a thread
///   none     empty: nobody is pinned
/// Groups with more available processors come first, then lower numbers. The first sibling is the lowest available.
[[nodiscard]] std::vector<int> placement_order(placement policy, const topology& machine);
[[nodiscard]] std::vector<int> placement_order(placement policy);

/// How many threads can really run at once: min(available processors, quota rounded up), at least 1.
[[nodiscard]] unsigned usable_processors(const topology& machine, const cgroup_limits& limits);
[[nodiscard]] unsigned usable_processors();

}  // namespace contend::host
