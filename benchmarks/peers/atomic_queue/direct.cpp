// SPDX-License-Identifier: MIT
// atomic_queue through its adapter and straight.
#include "benchmarks/peers/direct.hpp"

#include "queue.hpp"

namespace contend::peers {
namespace {

atomic_queue<std::uint64_t> adapter(1024);
::atomic_queue::AtomicQueueB2<std::uint64_t> direct(1024);
std::uint64_t count = 0;

[[maybe_unused]] const bool added = compare(
    "atomic_queue, push and pop", adapter, direct,
    [](atomic_queue<std::uint64_t>& q) {
      std::uint64_t item = count;
      if (q.try_push(std::move(item)) && q.try_pop(item)) count = item + 1;
    },
    [](::atomic_queue::AtomicQueueB2<std::uint64_t>& q) {
      std::uint64_t item = count;
      if (q.try_push(std::move(item)) && q.try_pop(item)) count = item + 1;
    });

}  // namespace
}  // namespace contend::peers
