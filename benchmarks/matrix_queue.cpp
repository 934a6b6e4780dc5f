// SPDX-License-Identifier: MIT
// Cells of the queue family.
#include "matrix.hpp"
#include "primitives/catalogue.hpp"
#include "workloads/producer_consumer.hpp"

namespace contend::bench {
void add_queues(matrix& all) { all.add<producer_consumer>(queues{}); }
}  // namespace contend::bench
