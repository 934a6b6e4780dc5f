// SPDX-License-Identifier: MIT
// Cells of the atomic, fence and metrics families.
#include "matrix.hpp"
#include "primitives/catalogue.hpp"
#include "workloads/request_metrics.hpp"
#include "workloads/store_load.hpp"
#include "workloads/words.hpp"

namespace contend::bench {
void add_atomics(matrix& all) {
  all.add<single_word>(atomics{});
  all.add<n_words>(atomics{});
  all.add<store_load>(fences{});
  all.add<request_metrics>(metrics_pairs{});
}
}  // namespace contend::bench
