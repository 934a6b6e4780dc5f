// SPDX-License-Identifier: MIT
// A trial: n threads released together, run for a time, stopped, and counted.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "cell.hpp"
#include "perf/counters/event.hpp"

namespace contend::bench {

/// What one thread did between its own start and stop stamps. A thread that got its processor late started late.
struct thread_report {
  std::uint64_t done = 0;  ///< all, those after the stop flag too
  std::uint64_t failed = 0;
  std::int64_t start_ns = 0;  ///< steady clock
  std::int64_t stop_ns = 0;
  std::int64_t cpu_ns = 0;  ///< processor time, user and kernel
  std::int64_t involuntary_switches = 0;
  std::int64_t voluntary_switches = 0;
  int cpu = -1;            ///< processor it is pinned to, -1 if to none
  std::uint64_t late = 0;  ///< of `done`, those after the stop flag: outside the window
  std::int64_t page_faults = 0;
  std::uint64_t metered = 0;                ///< counter trials: of `done`, those that `counts` are over
  std::vector<counters::reading> counts{};  ///< counter trials: one per event
};

/// Waiting times of a latency trial, ns.
struct wait_summary {
  std::uint64_t count = 0;
  double p50 = 0, p99 = 0, p999 = 0, max = 0;
};

struct trial_result {
  std::vector<thread_report> threads;
  std::int64_t window_ns = 0;         ///< from the release of the threads to the raising of the stop flag
  std::optional<wait_summary> waits;  ///< latency trials
  std::optional<double>
      self_handoff;  ///< handoff trials with at least two owners: share of owners that were the last one
  std::vector<extra_metric> extras;           ///< throughput trials
  std::vector<counters::obstacle> obstacles;  ///< counter trials: one per event; why a thread could not open it
  std::string wrong;                          ///< what check() found, or empty
};

/// Threads that live as long as the team and sleep between trials. One trial at a time, from one thread.
class team {
 public:
  /// Thread i is pinned to placement[i % size]; to nothing if placement is empty.
  explicit team(std::vector<int> placement);
  ~team();
  team(const team&) = delete;
  team& operator=(const team&) = delete;

  /// Runs one trial for `window`; a counter trial counts `events` on every thread. Throws what a step or a state's
  /// constructor threw.
  trial_result run(const cell& what, trial_kind kind, std::chrono::microseconds window,
                   std::span<const counters::event> events = {});

 private:
  struct member;
  struct job;
  void grow(unsigned threads);

  std::vector<int> placement_;
  std::vector<std::unique_ptr<member>> members_;
};

}  // namespace contend::bench
