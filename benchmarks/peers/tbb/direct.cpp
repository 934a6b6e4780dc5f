// SPDX-License-Identifier: MIT
// oneTBB through its adapters and straight.
#include "benchmarks/peers/direct.hpp"

#include "counter.hpp"
#include "lock.hpp"
#include "queue.hpp"

namespace contend::peers {
namespace {

tbb_spin_mutex adapter;
struct queuing {  // with one node for all acquisitions, as the workloads have one per thread
  tbb_queuing_mutex mutex{};
  tbb_queuing_mutex::node node{};
};
queuing queuing_adapter;
tbb_concurrent_queue<std::uint64_t> queue_adapter(1);
tbb_combinable combinable_adapter(1);
::tbb::spin_mutex direct;
struct bare_queuing {
  ::tbb::queuing_mutex mutex{};
  ::tbb::queuing_mutex::scoped_lock node{};
};
bare_queuing queuing_direct;
::tbb::concurrent_queue<std::uint64_t> queue_direct;
::tbb::combinable<std::uint64_t> combinable_direct([] { return std::uint64_t{0}; });
std::uint64_t count = 0;

[[maybe_unused]] const bool added =
    compare(
        "tbb_spin_mutex, lock", adapter, direct,
        [](tbb_spin_mutex& m) {
          const guard<tbb_spin_mutex> held(m);
          ++count;
        },
        [](::tbb::spin_mutex& m) {
          const ::tbb::spin_mutex::scoped_lock held(m);
          ++count;
        }) &&
    compare(
        "tbb_queuing_mutex, lock", queuing_adapter, queuing_direct,
        [](queuing& q) {
          const node_guard<tbb_queuing_mutex> held(q.mutex, q.node);
          ++count;
        },
        [](bare_queuing& q) {
          q.node.acquire(q.mutex);
          ++count;
          q.node.release();
        }) &&
    compare(
        "tbb_concurrent_queue, push and pop", queue_adapter, queue_direct,
        [](tbb_concurrent_queue<std::uint64_t>& q) {
          std::uint64_t item = count;
          if (q.try_push(std::move(item)) && q.try_pop(item)) count = item + 1;
        },
        [](::tbb::concurrent_queue<std::uint64_t>& q) {
          std::uint64_t item = count;
          q.push(item);
          if (q.try_pop(item)) count = item + 1;
        }) &&
    compare(
        "tbb_combinable, add", combinable_adapter, combinable_direct, [](tbb_combinable& c) { c.add(0, 1); },
        [](::tbb::combinable<std::uint64_t>& c) { ++c.local(); });

}  // namespace
}  // namespace contend::peers
