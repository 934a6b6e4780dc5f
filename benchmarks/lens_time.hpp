// SPDX-License-Identifier: MIT
// The lens `time`: cells become registered benchmarks, a repetition becomes one trial of each kind.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cell_results.hpp"
#include "lens_counters.hpp"
#include "options.hpp"
#include "selection.hpp"
#include "worker.hpp"

namespace contend::bench {

struct time_lens {
  const options& asked;
  const selection& chosen;
  supervisor& trials;
  const volatile int& interrupted;
  std::function<disturbance()> since_last_call;  ///< what disturbed the machine since it was last asked
  std::function<void()> between_trials;          ///< called now and then: to save what is finished
  const event_plan* events;                      ///< what counter trials count; null: there are none
};

/// Runs the trials through Google Benchmark, shuffled over all cells; fills `results` and, where events are counted,
/// `counted` (one per chosen cell, in its order) as it goes. Returns the text of google_benchmark.json.
std::string run_time_lens(const time_lens& lens, std::vector<cell_results>& results,
                          std::vector<counter_results>& counted);

}  // namespace contend::bench
