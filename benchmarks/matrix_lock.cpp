// SPDX-License-Identifier: MIT
// Cells of the lock family.
#include "matrix.hpp"
#include "primitives/catalogue.hpp"
#include "workloads/critical_section.hpp"
#include "workloads/keyed_counters.hpp"
#include "workloads/lock_placement.hpp"

namespace contend::bench {
void add_locks(matrix& all) {
  all.add<critical_section>(locks{});
  all.add<lock_placement>(locks{});
  all.add<keyed_counters>(locks{});
}
}  // namespace contend::bench
