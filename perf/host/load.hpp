// SPDX-License-Identifier: MIT
// What took processor time away between two points in time: the hypervisor, the control group's quota, other programs.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "perf/host/cgroup.hpp"

namespace contend::host {

/// Kernel counters at one point in time. An absent member or processor was not readable.
struct load_snapshot {
  struct processor_time {
    int cpu;
    double busy_s;   ///< running anything here, stolen time not included
    double steal_s;  ///< wanted to run and the hypervisor ran somebody else
  };
  std::chrono::steady_clock::time_point at;
  std::vector<processor_time> processors;
  std::optional<double> own_s;        ///< processor time of this process, all its threads
  std::optional<double> throttled_s;  ///< of the control group and its ancestors, summed over processors
  std::optional<double> waiting_s;    ///< PSI: time in which some task waited for a processor, machine-wide
};

/// Differences of two snapshots. Absent means that a side was not readable, never "none".
struct load_between {
  double seconds = 0;
  std::optional<double> steal;         ///< 0 to 1: stolen share of the time of the processors asked for
  std::optional<double> throttled_ms;  ///< how long the quota kept the group off, summed over processors
  std::optional<double> waiting;       ///< 0 to 1: share of the time in which some task waited for a processor
  std::optional<double> others_busy;   ///< processors that other processes kept busy, on average
};

/// Takes snapshots. Knows the files to read, so that sample() is a few reads of /proc: about 50 µs on a small machine,
/// more with many processors; call it outside the timed window. May overlap with itself.
/// Resolution: busy and stolen time come in ticks of 10 ms per processor, so one tick in a window of 20 ms on four
/// processors is a steal of 0.125. A hypervisor that reports no steal time reads as 0 here.
class load_sampler {
 public:
  explicit load_sampler(const cgroup_limits& limits = read_cgroup_limits(), std::filesystem::path root = "/");
  [[nodiscard]] load_snapshot sample() const;

 private:
  std::filesystem::path root_;
  std::vector<std::filesystem::path> cpu_stat_;
};

/// What happened from `before` to `after` on the given processors; on all of them if none are given.
[[nodiscard]] load_between between(const load_snapshot& before, const load_snapshot& after,
                                   std::span<const int> cpus = {});

/// The lines "cpu0 …", "cpu1 …" of /proc/stat.
[[nodiscard]] std::vector<load_snapshot::processor_time> parse_proc_stat(std::string_view text, double ticks_per_s);

/// Throttled seconds in a cpu.stat of version 2 (throttled_usec) or 1 (throttled_time); nothing if it has neither.
[[nodiscard]] std::optional<double> parse_throttled(std::string_view cpu_stat);

/// One line of a /proc/pressure file.
struct pressure {
  double avg10;  ///< percent of the last 10 s
  double total_s;
};
/// `kind` is "some" or "full"; nothing if that line is missing or malformed.
[[nodiscard]] std::optional<pressure> parse_pressure(std::string_view text, std::string_view kind);

}  // namespace contend::host
