// SPDX-License-Identifier: MIT
// moodycamel::ConcurrentQueue through its adapter and straight.
#include "benchmarks/peers/direct.hpp"

#include "queue.hpp"

namespace contend::peers {
namespace {

moodycamel_queue<std::uint64_t> adapter(1024);
::moodycamel::ConcurrentQueue<std::uint64_t> direct(1024);
std::uint64_t count = 0;

[[maybe_unused]] const bool added = compare(
    "moodycamel_queue, push and pop", adapter, direct,
    [](moodycamel_queue<std::uint64_t>& q) {
      std::uint64_t item = count;
      if (q.try_push(std::move(item)) && q.try_pop(item)) count = item + 1;
    },
    [](::moodycamel::ConcurrentQueue<std::uint64_t>& q) {
      std::uint64_t item = count;
      if (q.enqueue(item) && q.try_dequeue(item)) count = item + 1;
    });

}  // namespace
}  // namespace contend::peers
