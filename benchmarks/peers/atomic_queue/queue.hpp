// SPDX-License-Identifier: MIT
// Egorushkin's atomic_queue.
#pragma once

#include <atomic_queue/atomic_queue.h>

#include <cstddef>
#include <utility>

#include "contend_peers/versions.hpp"
#include "primitives/queue/queue.hpp"

namespace contend::peers {

/// atomic_queue::AtomicQueueB2: a ring with a state per slot; indices are shuffled over the lines. A claimed slot is
/// waited for, spinning. Takes at least `capacity` items: sizes are powers of two, and at least 4096 states' worth of
/// wants, so that smaller capacities are all alike.
template <class T>
class atomic_queue {
 public:
  static constexpr contend::facts facts{
      .name = "atomic_queue",
      .summary = "AtomicQueueB2: a ring with a state per slot, neighbours spread over the lines",
      .admits = admission::fifo,
      .waits = waiting::retry,
      .step = rung::lock_free,
      .source = "atomic_queue " CONTEND_ATOMIC_QUEUE_VERSION,
      .delivers = delivery::fifo,
      .bounded = true,
      .origin = "atomic_queue"};
  static constexpr queue_sides sides{};
  static constexpr bool rounds_capacity_up = true;

  explicit atomic_queue(std::size_t capacity) : queue_(static_cast<unsigned>(capacity)) {}
  [[nodiscard]] bool try_push(T&& v) { return queue_.try_push(std::move(v)); }
  [[nodiscard]] bool try_pop(T& out) { return queue_.try_pop(out); }

 private:
  ::atomic_queue::AtomicQueueB2<T> queue_;
};

namespace of_atomic_queue {
using queues = type_list<generic<atomic_queue>>;
}

}  // namespace contend::peers
