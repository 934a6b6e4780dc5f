// SPDX-License-Identifier: MIT
// What the machine was like before, during and after a run.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cell_results.hpp"
#include "perf/host/core_to_core.hpp"
#include "perf/host/environment.hpp"

namespace contend::bench {

class run_environment {
 public:
  /// Reads the machine; about a quarter of a second.
  run_environment();

  /// The block without any core-to-core matrix, for a run that times nothing.
  nlohmann::ordered_json block();
  /// The block with the core-to-core matrix of now; seconds.
  nlohmann::ordered_json at_start();
  /// The block with what the run saw and, unless the run was interrupted, a second matrix.
  nlohmann::ordered_json at_end(bool interrupted);
  /// Why the two matrices differ too much, or empty.
  const std::string& topology_drift() const { return drift_; }

  /// What happened since the last call; call it right before and right after a trial.
  disturbance since_last_call();

 private:
  host::environment machine_;
  host::representatives cpus_;
  host::latency_matrix first_;
  host::load_snapshot last_;
  std::vector<int> available_;  ///< steal on the others is not ours
  std::string drift_;
};

}  // namespace contend::bench
