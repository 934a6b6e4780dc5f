// SPDX-License-Identifier: MIT
// Desrochers's ReaderWriterQueue.
#pragma once

#include <readerwriterqueue/readerwriterqueue.h>

#include <cstddef>
#include <utility>

#include "contend_peers/versions.hpp"
#include "primitives/queue/queue.hpp"

namespace contend::peers {

/// moodycamel::ReaderWriterQueue by try_enqueue: a circle of rings for one producer and one consumer. Takes at least
/// `capacity` items, since its blocks are powers of two.
template <class T>
class moodycamel_spsc_queue {
 public:
  static constexpr contend::facts facts{
      .name = "moodycamel_spsc_queue",
      .summary = "moodycamel::ReaderWriterQueue: a circle of rings for one producer and one consumer",
      .waits = waiting::none,
      .guarantees = progress::wait_free,
      .step = rung::lock_free,
      .source = "moodycamel::ReaderWriterQueue " CONTEND_READERWRITERQUEUE_VERSION,
      .delivers = delivery::fifo,
      .bounded = true,
      .origin = "moodycamel"};
  static constexpr queue_sides sides{.many_producers = false, .many_consumers = false};
  static constexpr bool rounds_capacity_up = true;

  explicit moodycamel_spsc_queue(std::size_t capacity) : queue_(capacity) {}
  [[nodiscard]] bool try_push(T&& v) { return queue_.try_enqueue(std::move(v)); }
  [[nodiscard]] bool try_pop(T& out) { return queue_.try_dequeue(out); }

 private:
  ::moodycamel::ReaderWriterQueue<T> queue_;
};

namespace of_readerwriterqueue {
using queues = type_list<generic<moodycamel_spsc_queue>>;
}

}  // namespace contend::peers
