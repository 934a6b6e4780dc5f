// SPDX-License-Identifier: MIT
// One run: its cells lens by lens, what is written of them and when, and how it ends.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "lens_coherence.hpp"
#include "lens_counters.hpp"
#include "options.hpp"
#include "run_environment.hpp"
#include "run_record.hpp"
#include "selection.hpp"

namespace contend::bench {

/// Both rules of a run that measures and simulates, as one sentence.
std::string in_one(const selection& measured, const selection& simulated);

class bench_run {
 public:
  /// `to_measure` may be empty, `to_simulate` with `simulation` and `simulated` too, but not both; `events` null: none
  /// are counted. Makes the run's directory; throws usage_error if it cannot.
  bench_run(const matrix& all, const options& asked, unsigned processors, const selection& to_measure,
            const selection& to_simulate, const event_plan* events, simulation_plan* simulation,
            const matrix* simulated);

  /// Measures, simulates, writes, draws. Returns the exit status.
  int go();

 private:
  void describe(nlohmann::ordered_json block);
  void measure();
  void simulate();
  void close_cells();
  bool save(bool complete, bool finished);
  void save_now_and_then();
  int conclude();

  const options& asked_;
  const selection& to_measure_;
  const selection& to_simulate_;
  const event_plan* events_;
  simulation_plan* simulation_;
  const matrix* simulated_;
  run_record record_;
  run_environment environment_;
  nlohmann::ordered_json block_;
  std::vector<cell_results> timed_;
  std::vector<counter_results> counted_;
  std::vector<coherence_results> predicted_;
  cell_list cells_;
  std::string google_;  ///< google_benchmark.json; empty: nothing was measured
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
  bool writable_ = true;
};

}  // namespace contend::bench
