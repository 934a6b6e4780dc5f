// SPDX-License-Identifier: MIT
// Cells of the rcu family.
#include "contend_peers/rcu.hpp"
#include "matrix.hpp"
#include "primitives/catalogue.hpp"
#include "workloads/published_config.hpp"

namespace contend::bench {
void add_rcus(matrix& all) { all.add<published_config>(peers::joined<rcus, peers::rcus>{}); }
}  // namespace contend::bench
