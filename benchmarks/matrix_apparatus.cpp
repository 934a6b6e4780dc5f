// SPDX-License-Identifier: MIT
// Cells of the apparatus itself.
#include "matrix.hpp"
#include "workloads/empty.hpp"

namespace contend::bench {
void add_apparatus(matrix& all) { all.add<empty>(type_list<nothing>{}); }
}  // namespace contend::bench
