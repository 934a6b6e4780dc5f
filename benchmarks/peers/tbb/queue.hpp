// SPDX-License-Identifier: MIT
// oneTBB's queues.
#pragma once

#include <oneapi/tbb/concurrent_queue.h>

#include <cstddef>
#include <utility>

#include "contend_peers/versions.hpp"
#include "primitives/queue/queue.hpp"

namespace contend::peers {

/// tbb::concurrent_queue: eight micro-queues of pages, taken in turn by a ticket. Unbounded.
template <class T>
class tbb_concurrent_queue {
 public:
  static constexpr contend::facts facts{.name = "tbb_concurrent_queue",
                                        .summary = "oneTBB's concurrent_queue: eight lists of pages, tickets",
                                        .admits = admission::fifo,
                                        .waits = waiting::spin_then_park,
                                        .step = rung::lock_free,
                                        .source = "oneTBB " CONTEND_TBB_VERSION,
                                        .delivers = delivery::fifo,
                                        .weak = true,
                                        .origin = "oneTBB"};
  static constexpr queue_sides sides{};

  explicit tbb_concurrent_queue(std::size_t) {}
  [[nodiscard]] bool try_push(T&& v) {
    queue_.push(std::move(v));
    return true;
  }
  [[nodiscard]] bool try_pop(T& out) { return queue_.try_pop(out); }

 private:
  ::tbb::concurrent_queue<T> queue_;
};

/// tbb::concurrent_bounded_queue by its try forms. Its waiting forms end by abort(), which wakes only who waits
/// already; our close() wants more, so they are not offered.
template <class T>
class tbb_bounded_queue {
 public:
  static constexpr contend::facts facts{.name = "tbb_bounded_queue",
                                        .summary = "oneTBB's concurrent_bounded_queue, by its try forms",
                                        .admits = admission::fifo,
                                        .waits = waiting::spin_then_park,
                                        .step = rung::lock_free,
                                        .source = "oneTBB " CONTEND_TBB_VERSION,
                                        .delivers = delivery::fifo,
                                        .bounded = true,
                                        .weak = true,
                                        .origin = "oneTBB"};
  static constexpr queue_sides sides{};

  explicit tbb_bounded_queue(std::size_t capacity) { queue_.set_capacity(static_cast<std::ptrdiff_t>(capacity)); }
  [[nodiscard]] bool try_push(T&& v) { return queue_.try_push(std::move(v)); }
  [[nodiscard]] bool try_pop(T& out) { return queue_.try_pop(out); }

 private:
  ::tbb::concurrent_bounded_queue<T> queue_;
};

namespace of_tbb {
using queues = type_list<generic<tbb_concurrent_queue>, generic<tbb_bounded_queue>>;
}

}  // namespace contend::peers
