// SPDX-License-Identifier: MIT
// Cells of the rwlock family.
#include "contend_peers/rwlock.hpp"
#include "matrix.hpp"
#include "primitives/catalogue.hpp"
#include "workloads/read_mostly_map.hpp"

namespace contend::bench {
void add_rwlocks(matrix& all) { all.add<read_mostly_map>(peers::joined<rwlocks, peers::rwlocks>{}); }
}  // namespace contend::bench
