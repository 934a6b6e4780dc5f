// SPDX-License-Identifier: MIT
// Which cells a run has, and which of them it measures.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "matrix.hpp"
#include "options.hpp"

namespace contend::bench {

struct chosen_cell {
  const cell* what;
  std::string skipped;  ///< why it is not measured though it belongs to the run; empty = measured
};

struct selection {
  std::vector<chosen_cell> cells;
  std::string rule;  ///< one sentence, for the record
  std::size_t measured() const;
};

/// Thread counts of a profile on a machine with that many usable processors: 1, 2, 4 … processors and one
/// oversubscribed point, twice the processors. The quick profile keeps four of them: 1, 2, processors, the last.
std::vector<unsigned> thread_counts(const options& asked, unsigned processors);

/// The cells that the options ask for. Throws usage_error for a name that does not exist, with the nearest ones that
/// do, or when nothing is left.
selection select(const matrix& all, const options& asked, unsigned processors);

/// Why a cell is not measured with more threads than processors unless --oversubscribe-spinners is given, or empty.
std::string collapses(const cell& c, unsigned processors);

/// Numbers of simulated threads: those of --threads, else 1, 2, 4 … 64 (quick) or 128 (full), up to the machine's
/// cores.
std::vector<unsigned> simulated_threads(const options& asked, unsigned cores);

/// The cells that the lens `coherence` has: of the quick profile every parameter set that it knows, on every primitive,
/// ours or not. Throws as select() does.
selection select_simulated(const matrix& all, const options& asked);

/// The cells of every profile that the families, workloads, primitives and filter ask for. Throws as select() does for
/// names that do not exist.
std::vector<const cell*> chosen_by_name(const matrix& all, const options& asked);

/// About how long the simulated cells will take, on this many processors.
std::chrono::duration<double> planned_simulation(const selection& simulated, const options& asked, unsigned processors);

/// Time that the trials will take, without the core-to-core matrices and the report.
std::chrono::duration<double> planned_time(const selection& chosen, const options& asked, bool counter_trials);

}  // namespace contend::bench
