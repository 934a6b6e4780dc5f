// SPDX-License-Identifier: MIT
// What the machine was like before, during and after a run.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cell_results.hpp"
#include "perf/host/topology.hpp"

namespace contend::bench {

class run_environment {
 public:
  run_environment(const host::topology& machine, const std::string& placement);

  /// Measures the core-to-core matrix and reads the environment.
  nlohmann::ordered_json at_start();
  /// Measures the matrix again, and adds load and drift.
  nlohmann::ordered_json at_end();
  /// As at_end() without a second matrix.
  nlohmann::ordered_json at_interruption();
  bool topology_drifted() const { return drifted_; }

  disturbance since_last_call();

 private:
  const host::topology& machine_;
  nlohmann::ordered_json block_;
  bool drifted_ = false;
};

}  // namespace contend::bench
