// SPDX-License-Identifier: MIT
// The program that simulates cells for the lens `coherence`; run_suite() of the measuring program starts it.
#pragma once

namespace contend::bench {

class matrix;

/// Reads requests from standard input and answers on standard output, one JSON object a line; see simulated_cells.cpp.
/// `extend` as in run_suite(). Returns the exit status.
int serve_simulations(void (*extend)(matrix&) = nullptr);

}  // namespace contend::bench
