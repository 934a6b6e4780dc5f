// SPDX-License-Identifier: MIT
// Cells of the lock family.
#include "contend_peers/lock.hpp"
#include "matrix.hpp"
#include "primitives/catalogue.hpp"
#include "workloads/critical_section.hpp"
#include "workloads/keyed_counters.hpp"
#include "workloads/lock_placement.hpp"

namespace contend::bench {
void add_locks(matrix& all) {
  using all_locks = peers::joined<locks, peers::locks>;
  all.add<critical_section>(all_locks{});
  all.add<lock_placement>(all_locks{});
  all.add<keyed_counters>(all_locks{});
}
}  // namespace contend::bench
