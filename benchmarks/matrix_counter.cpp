// SPDX-License-Identifier: MIT
// Cells of the counter family.
#include "matrix.hpp"
#include "primitives/catalogue.hpp"
#include "workloads/counting.hpp"

namespace contend::bench {
void add_counters(matrix& all) {
  all.add<increment>(counters{});
  all.add<increment_and_sum>(counters{});
}
}  // namespace contend::bench
