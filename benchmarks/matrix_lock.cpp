// SPDX-License-Identifier: MIT
// Cells of the lock family.
#include "matrix.hpp"
#include "primitives/catalogue.hpp"
#include "workloads/critical_section.hpp"

namespace contend::bench {
void add_locks(matrix& all) { all.add<critical_section>(locks{}); }
}  // namespace contend::bench
