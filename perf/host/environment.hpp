// SPDX-License-Identifier: MIT
// The `environment` block of a record: what machine this is, what may disturb a run on it, and what did.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "perf/host/cgroup.hpp"
#include "perf/host/load.hpp"
#include "perf/host/topology.hpp"

namespace contend::host {

/// Everything that the caveats are judged from and that the `load` group shows; absent is unknown.
struct load_facts {
  std::optional<double> load_1min;
  std::optional<double> cpu_pressure_avg10;  ///< percent, likewise the following
  std::optional<double> memory_pressure_avg10;
  std::optional<double> io_pressure_avg10;
  std::optional<std::int64_t> thermal_throttles;  ///< events since boot, all processors
};
[[nodiscard]] load_facts read_load_facts(const std::filesystem::path& root = "/");

/// Names and versions of libraries.
using versions = std::map<std::string, std::string>;

/// Describes the machine when it is constructed and again when it is asked.
///
/// Groups of the block: cpu, topology, system, load, libraries, caveats, details; see cpu.hpp, system.hpp and below.
/// A value that could not be found out is null. Compiler, flags and commit belong to the record's `run`.
///
/// `load`: start_* are as of construction, end_* and run_* as of block_at_end() and null before:
///   start_load_1min, start_cpu_pressure_avg10 …, start_watch_s, start_steal, start_waiting, start_others_busy (during
///   the watch), end_load_1min, end_cpu_pressure_avg10 …, run_s, run_steal, run_throttled_ms, run_thermal_throttles.
///
/// Caveats, each with a sentence in `details` on what was seen and what to do about it:
///   virtual_machine  x86's hypervisor flag, or a hypervisor's name in the firmware tables
///   throttled        a CPU quota below the available processors, or any throttled time during the run
///   steal            more than 5 % during the watch at the start, or more than 1 % over the run
///   noisy            during the watch others kept more than 5 % of the processors, and at least 0.25, busy; or tasks
///                    waited for a processor more than 5 % of the time; or, where neither is readable, a 1 min load
///                    of over half the processors
/// "noisy" is judged from a watch and not from the load average, because a run usually starts just after its own build.
class environment {
 public:
  /// Reads the machine, then sleeps for `watch` between two load snapshots. `library_versions` goes from
  /// name to version; libc, libstdc++, hwloc and nlohmann_json are added. Throws what read_topology() throws.
  explicit environment(const versions& library_versions = {},
                       std::chrono::milliseconds watch = std::chrono::milliseconds(250));

  /// The block as of construction.
  [[nodiscard]] const nlohmann::json& block() const noexcept { return block_; }
  /// The block with the end's load and what happened since construction. May be called more than once.
  [[nodiscard]] nlohmann::json block_at_end() const;

  [[nodiscard]] const topology& machine() const noexcept { return machine_; }
  [[nodiscard]] const cgroup_limits& limits() const noexcept { return limits_; }
  [[nodiscard]] const load_sampler& sampler() const noexcept { return sampler_; }

 private:
  topology machine_;
  cgroup_limits limits_;
  load_sampler sampler_;
  load_snapshot start_;
  load_facts start_facts_;
  nlohmann::json block_;
};

/// The `topology` group: available_cpus, usable_processors, processors, cores, threads_per_core, smt_active, sockets,
/// l3_groups (null if no L3 is shown), numa_nodes, caches (one sentence), l1d_bytes, l2_bytes, l3_bytes, cache_line.
[[nodiscard]] nlohmann::json describe_topology(const topology& machine, const cgroup_limits& limits,
                                               const std::filesystem::path& root = "/");

/// The `libraries` group, with what the caller adds.
[[nodiscard]] nlohmann::json describe_libraries(const versions& added);

/// Puts the start's load and its caveats into a block that has cpu, topology and system.
void add_load_at_start(nlohmann::json& block, const load_facts& facts, const load_between& watch);

/// Puts the end's load and what the run saw into a block that went through add_load_at_start().
void add_load_at_end(nlohmann::json& block, const load_facts& start, const load_facts& end, const load_between& run);

}  // namespace contend::host
