// SPDX-License-Identifier: MIT
// `contend doctor`: looks at this machine for a few seconds and says what can be trusted on it.
#pragma once

#include <functional>
#include <string>

#include "perf/doctor/verdict.hpp"

namespace contend::doctor {

/// Called before each part of the examination with what it is.
using say = std::function<void(const char* part)>;

/// Examines this machine: at most 2 s core-to-core latency, 1 s watching, counting, at most 1 s core-to-core again.
/// Changes nothing. Blocking; must not overlap with a measurement. Throws std::runtime_error when hwloc cannot read
/// the machine.
[[nodiscard]] facts examine(const say& progress);

struct options {
  bool json = false;
  bool verbose = false;
  bool quiet = false;
  bool calibrate = false;           ///< measure what the coherence model needs instead, and write it into `results`
  std::string results = "results";  ///< folder for local.json
  std::string program = "contend";  ///< for the commands that it suggests
};

/// Examines and prints to standard output; progress on standard error. Returns the exit status: 0, or 2 with a
/// sentence on standard error if the machine could not be read.
int run(const options& asked);

}  // namespace contend::doctor
