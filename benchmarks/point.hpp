// SPDX-License-Identifier: MIT
// What the regression gate asks of this program: its cells, and one cell's time, measured by a process of its own.
#pragma once

#include <nlohmann/json.hpp>

#include "matrix.hpp"
#include "options.hpp"
#include "perf/host/topology.hpp"
#include "selection.hpp"

namespace contend::bench {

/// What stands in a cell's name as its number of threads. Throws usage_error if nothing does.
unsigned threads_of(const std::string& cell_name);

/// Runs asked.trials throughput trials of the cell asked.point in this process and prints one line of JSON: "ns_per_op"
/// and "failed_per_op" (one per trial, what the record's metrics are; null where no operation was done), or, where
/// there is none, "caveat" (a code of the record's closed set) and "sentence". A trial that goes on for
/// asked.cell_limit after its end takes the process with it. Returns the exit status: 0 with numbers, 4 without. Throws
/// usage_error for a name that does not exist.
int measure_point(const matrix& all, const options& asked, const host::topology& machine, unsigned processors);

/// The cells of a selection of `all` as `--plan --json` tells them; "fingerprint" of the workload's source, or null.
nlohmann::ordered_json cells_to_json(const matrix& all, const selection& chosen, const options& asked,
                                     unsigned processors);

}  // namespace contend::bench
