// SPDX-License-Identifier: MIT
// How well the simulation predicts this machine: the same cells with real threads and with simulated ones, side by
// side.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lens_coherence.hpp"
#include "options.hpp"
#include "selection.hpp"

namespace contend::bench {

/// One cell both ways.
struct compared_cell {
  const cell* what;
  std::vector<double> measured_ns{};  ///< per operation, of the trials that count
  std::optional<double> simulated_ns{};
  std::string why_not{};  ///< why it is not compared, where one of the two is missing
};

/// Takes over what was simulated, the median of the schedules that have a number; without one it says why.
void take_simulated(compared_cell& into, const coherence_results& simulated);

/// How far a set of predictions is off.
struct fidelity {
  std::size_t cells = 0;
  std::optional<double> median_ape;  ///< median of |simulated ÷ measured − 1|
  /// Kendall's tau-b of the rankings: pairs of primitives at one question and thread count, all questions together.
  std::optional<double> kendall_tau;
  /// The same over those pairs alone whose measured medians are more than a tenth apart: what a ranking is asked for.
  std::optional<double> kendall_tau_distinct;
  std::size_t pairs = 0;           ///< of kendall_tau
  std::size_t distinct_pairs = 0;  ///< of kendall_tau_distinct
};

/// Of those cells that have both; of one family, or of all if it is empty. Pure.
[[nodiscard]] fidelity fidelity_of(const std::vector<compared_cell>& cells, const std::string& family);

/// `contend simulate --validate`: calibrates this machine, runs the chosen cells at 1 … processors natively and
/// simulated in the same minutes, prints median_ape and kendall_tau over all and per family, writes
/// <results>/validation.json for the report of later runs with that calibration, and the same with a row per cell to
/// --json FILE. Trials during which the processors were not in one cluster are thrown away: a virtual machine's move.
/// Returns the exit status.
int validate(const options& asked, void (*extend)(matrix&));

}  // namespace contend::bench
