// SPDX-License-Identifier: MIT
// Boost.Lockfree's queues.
#pragma once

#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <type_traits>

#include "benchmarks/peers/limited.hpp"
#include "contend_peers/versions.hpp"
#include "primitives/queue/queue.hpp"

namespace contend::peers {

/// boost::lockfree::queue: Michael and Scott's list, nodes recycled under tagged pointers. Unbounded: the capacity is
/// how many nodes are made in advance. Payloads: trivially copyable.
template <class T>
class boost_lockfree_queue {
 public:
  static constexpr contend::facts facts{
      .name = "boost_lockfree_queue",
      .summary = "boost::lockfree::queue: a linked list, nodes recycled under tagged pointers",
      .admits = admission::barging,
      .waits = waiting::retry,
      .guarantees = progress::lock_free,
      .step = rung::lock_free,
      .source = "Boost.Lockfree " CONTEND_BOOST_VERSION "; Michael and Scott 1996",
      .delivers = delivery::fifo,
      .origin = "Boost"};
  static constexpr queue_sides sides{};

  explicit boost_lockfree_queue(std::size_t expected) : queue_(expected) {}
  [[nodiscard]] bool try_push(T&& v) { return queue_.push(v); }
  [[nodiscard]] bool try_pop(T& out) { return queue_.pop(out); }

 private:
  ::boost::lockfree::queue<T> queue_;
};

/// boost::lockfree::spsc_queue: a ring for one producer and one consumer. Payloads: copyable.
template <class T>
class boost_spsc_queue {
 public:
  static constexpr contend::facts facts{
      .name = "boost_spsc_queue",
      .summary = "boost::lockfree::spsc_queue: a ring for one producer and one consumer",
      .waits = waiting::none,
      .guarantees = progress::wait_free,
      .step = rung::lock_free,
      .source = "Boost.Lockfree " CONTEND_BOOST_VERSION,
      .delivers = delivery::fifo,
      .bounded = true,
      .origin = "Boost"};
  static constexpr queue_sides sides{.many_producers = false, .many_consumers = false};

  explicit boost_spsc_queue(std::size_t capacity) : queue_(capacity) {}
  [[nodiscard]] bool try_push(T&& v) { return queue_.push(v); }
  [[nodiscard]] bool try_pop(T& out) { return queue_.pop(out); }

 private:
  ::boost::lockfree::spsc_queue<T> queue_;
};

namespace of_boost {
using queues = type_list<limited<boost_lockfree_queue, std::is_trivially_copyable>,
                         limited<boost_spsc_queue, std::is_copy_constructible>>;
}

}  // namespace contend::peers
