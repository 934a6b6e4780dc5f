// SPDX-License-Identifier: MIT
// Cells of the rcu family.
#include "matrix.hpp"
#include "primitives/catalogue.hpp"
#include "workloads/published_config.hpp"

namespace contend::bench {
void add_rcus(matrix& all) { all.add<published_config>(rcus{}); }
}  // namespace contend::bench
