// SPDX-License-Identifier: MIT
// Cells of the counter family.
#include "contend_peers/counter.hpp"
#include "matrix.hpp"
#include "primitives/catalogue.hpp"
#include "workloads/counting.hpp"

namespace contend::bench {
void add_counters(matrix& all) {
  all.add<increment>(peers::joined<counters, peers::counters>{});
  all.add<increment_and_sum>(peers::joined<counters, peers::counters>{});
}
}  // namespace contend::bench
