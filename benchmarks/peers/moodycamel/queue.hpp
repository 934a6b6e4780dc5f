// SPDX-License-Identifier: MIT
// Desrochers's ConcurrentQueue.
#pragma once

#include <concurrentqueue/concurrentqueue.h>

#include <cstddef>
#include <utility>

#include "contend_peers/versions.hpp"
#include "primitives/queue/queue.hpp"

namespace contend::peers {

/// moodycamel::ConcurrentQueue without tokens: a list of blocks per producing thread; consumers go round them.
/// Unbounded: the capacity is how many items fit without a further allocation.
template <class T>
class moodycamel_queue {
 public:
  static constexpr contend::facts facts{
      .name = "moodycamel_queue",
      .summary = "moodycamel::ConcurrentQueue: a list of blocks per producer, consumers go round them",
      .admits = admission::barging,
      .waits = waiting::retry,
      .guarantees = progress::lock_free,
      .step = rung::lock_free,
      .source = "moodycamel::ConcurrentQueue " CONTEND_MOODYCAMEL_VERSION,
      .delivers = delivery::per_producer,
      .weak = true,
      .origin = "moodycamel"};
  static constexpr queue_sides sides{};

  explicit moodycamel_queue(std::size_t expected) : queue_(expected) {}
  [[nodiscard]] bool try_push(T&& v) { return queue_.enqueue(std::move(v)); }
  [[nodiscard]] bool try_pop(T& out) { return queue_.try_dequeue(out); }

 private:
  ::moodycamel::ConcurrentQueue<T> queue_;
};

namespace of_moodycamel {
using queues = type_list<generic<moodycamel_queue>>;
}

}  // namespace contend::peers
