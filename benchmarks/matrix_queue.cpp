// SPDX-License-Identifier: MIT
// Cells of the queue family.
#include "contend_peers/queue.hpp"
#include "matrix.hpp"
#include "primitives/catalogue.hpp"
#include "workloads/producer_consumer.hpp"

namespace contend::bench {
void add_queues(matrix& all) { all.add<producer_consumer>(peers::joined<queues, peers::queues>{}); }
}  // namespace contend::bench
