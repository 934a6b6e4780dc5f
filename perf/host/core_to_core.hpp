// SPDX-License-Identifier: MIT
// How long one cache line takes from one processor to another, for every pair, and whether that changed during a run.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "perf/host/topology.hpp"

namespace contend::host {

/// One-way latencies in ns, symmetric: ns[i][j] is between cpus[i] and cpus[j]. The diagonal is absent, and so is a
/// pair that could not be measured: a processor that is offline or not ours, or no quiet moment within the budget.
struct latency_matrix {
  std::vector<int> cpus;
  std::vector<std::vector<std::optional<double>>> ns;
  unsigned absent_pairs = 0;

  [[nodiscard]] bool empty() const noexcept { return cpus.empty(); }
};

/// How long measure_core_to_core() may take by default: half a second per pair, at most 10 s (4 processors: 3 s).
/// It needs about 10 ms per pair when nothing disturbs it.
[[nodiscard]] std::chrono::milliseconds default_budget(std::size_t cpus) noexcept;

/// Two threads, pinned to the two processors of a pair, hand one line to and fro: each waits for the other's store,
/// then stores. Half a round trip is the one-way latency, which holds the transfer of the line and the detection of
/// the change. Every pair is visited five times, round robin over all pairs, with the two sides' roles swapped each
/// time, three bursts of 500 round trips each; the median of the up to 15 bursts counts. It polls without PAUSE, which
/// costs up to 140 cycles per turn on some machines and may trap to the hypervisor.
///
/// Blocking: starts no burst after `budget`, gives one up after 50 ms, and returns as soon as the scheduler has let the
/// two threads see that; so it ends also when other threads hold the processors, when a processor goes offline, or
/// when threads cannot be created. Creates and joins two threads per visit; the calling thread sleeps meanwhile and
/// keeps its affinity. Must not overlap with itself, or with anything else that should be measured. Repeated
/// processors count once. Fewer than two processors: the empty matrix.
/// What it cannot see: asymmetry between the directions, and which physical core is behind a virtual one.
[[nodiscard]] latency_matrix measure_core_to_core(std::span<const int> cpus,
                                                  std::optional<std::chrono::milliseconds> budget = std::nullopt);

/// The processors to measure between: all available ones up to `limit`, otherwise so many that every kind of distance
/// occurs: two SMT siblings and a neighbour in the first L3 group, the others in spread order. `limit` is at least 2.
struct representatives {
  std::vector<int> cpus;
  std::string note;  ///< empty, or "16 of 128 processors: …"
};
[[nodiscard]] representatives core_to_core_cpus(const topology& machine, std::size_t limit = 16);

/// How one matrix differs from an earlier one.
struct latency_drift {
  double ratio;        ///< median over pairs of later ÷ earlier; near 1 if some got slower and as many faster
  double worst_ratio;  ///< typical factor, at least 1, by which the pairs of `worst_cpu` changed, in either direction
  int worst_cpu;
  std::size_t pairs;     ///< that both matrices have
  bool drifted;          ///< caveat topology_drift: worst_ratio is over drift_threshold
  std::string sentence;  ///< for `details`: what moved and what to do about it; empty unless drifted
};

/// Two matrices taken one right after the other on a quiet machine differ by less than this, see README.md.
inline constexpr double drift_threshold = 1.5;

/// For each processor the median of |ln(later/earlier)| over its pairs, the largest of these against
/// ln(drift_threshold). By processor and not over all pairs, because a hypervisor moves one virtual processor at a
/// time, which changes only 2/n of the pairs. Nothing if the matrices have no measured pair in common.
[[nodiscard]] std::optional<latency_drift> drift(const latency_matrix& earlier, const latency_matrix& later);

/// The record's environment.core_to_core: cpus, start_ns, end_ns (null without `end`), note (null if empty). Null if
/// `start` is empty. Rows of `end` follow `start`'s processors.
[[nodiscard]] nlohmann::json core_to_core_json(const latency_matrix& start,
                                               const std::optional<latency_matrix>& end = std::nullopt,
                                               const std::string& note = "");

}  // namespace contend::host
