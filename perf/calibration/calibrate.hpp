// SPDX-License-Identifier: MIT
// Calibration: a few seconds of probes on this machine, and the machine description that the model fits to them.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "perf/calibration/figures.hpp"
#include "perf/coherence/machine.hpp"
#include "perf/host/topology.hpp"

namespace contend::calibration {

/// Called before each round with what is going on.
using say = std::function<void(const char* part)>;

/// What is known about a machine's processors, as the model needs it. Pure.
[[nodiscard]] host_facts facts_of(const host::topology& machine);

/// Runs every probe once per round, 25 rounds or until `budget` is over, at least five: what drifts, drifts for all
/// alike. A probe that cannot run has no median and says why. Takes 1 to 3 s; must not overlap with a measurement.
[[nodiscard]] figures measure(const host::topology& machine, const say& progress,
                              std::chrono::milliseconds budget = std::chrono::milliseconds(8'000));

/// The document of the figures that goes into the machine's file: taken, took_s, program, rounds, virtual_machine,
/// caveats, and per probe ns, low, high, rounds, model_ns and residual (model ÷ figure − 1), or ns null and why.
[[nodiscard]] nlohmann::ordered_json calibration_json(const figures& found, const host_facts& host,
                                                      const coherence::machine& fitted);

struct options {
  std::filesystem::path results = "results";
  bool json = false;
  bool quiet = false;
  bool table = true;  ///< print what was found
};

/// `contend doctor --calibrate`: measures, fits, writes results/local.json whole or not at all, and prints the table,
/// or with `json` one object: machine (the file), took_s, rounds, worst_residual, not_measured. Progress on standard
/// error. Returns the exit status: 0, or 2 with a sentence on standard error.
int run(const options& asked);

}  // namespace contend::calibration
