// SPDX-License-Identifier: MIT
// The benchmark program, as a function: the suite's own main and contend_add_bench's call it.
#pragma once

#include "matrix.hpp"

namespace contend::bench {

/// Runs the whole program. `extend` adds cells to the catalogue's, or is null.
/// Returns the exit status: 0 ok, 2 usage or tool error, 4 a cell's check failed, 130 interrupted.
int run_suite(int argc, char** argv, void (*extend)(matrix&) = nullptr);

}  // namespace contend::bench
