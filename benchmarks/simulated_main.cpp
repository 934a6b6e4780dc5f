// SPDX-License-Identifier: MIT
// The catalogue's cells in virtual time, for the lens `coherence`.
#include "simulated_cells.hpp"

int main() { return contend::bench::serve_simulations(); }
