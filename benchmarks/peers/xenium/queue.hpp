// SPDX-License-Identifier: MIT
// xenium's queues.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <utility>
#include <xenium/michael_scott_queue.hpp>
#include <xenium/reclamation/generic_epoch_based.hpp>
#include <xenium/vyukov_bounded_queue.hpp>

#include "contend_peers/versions.hpp"
#include "primitives/queue/queue.hpp"

namespace contend::peers {

/// xenium::vyukov_bounded_queue with its strong try forms, which wait for a claimed slot. Takes at least `capacity`
/// items: sizes are powers of two from two on.
template <class T>
class xenium_vyukov_queue {
 public:
  static constexpr contend::facts facts{
      .name = "xenium_vyukov_queue",
      .summary = "xenium's vyukov_bounded_queue: an array with sequence numbers, strong try forms",
      .admits = admission::barging,
      .waits = waiting::retry,
      .step = rung::lock_free,
      .source = "xenium " CONTEND_XENIUM_VERSION "; Vyukov",
      .delivers = delivery::fifo,
      .bounded = true,
      .origin = "xenium"};
  static constexpr queue_sides sides{};
  static constexpr bool rounds_capacity_up = true;

  explicit xenium_vyukov_queue(std::size_t capacity) : queue_(std::bit_ceil(std::max<std::size_t>(capacity, 2))) {}
  [[nodiscard]] bool try_push(T&& v) { return queue_.try_push_strong(std::move(v)); }
  [[nodiscard]] bool try_pop(T& out) { return queue_.try_pop_strong(out); }

 private:
  ::xenium::vyukov_bounded_queue<T> queue_;
};

/// xenium::michael_scott_queue whose nodes are freed by xenium's epoch-based reclamation. Unbounded.
template <class T>
class xenium_michael_scott_queue {
 public:
  static constexpr contend::facts facts{.name = "xenium_michael_scott_queue",
                                        .summary = "xenium's michael_scott_queue: a linked list, nodes freed by epochs",
                                        .admits = admission::barging,
                                        .waits = waiting::retry,
                                        .guarantees = progress::lock_free,
                                        .step = rung::lock_free,
                                        .source = "xenium " CONTEND_XENIUM_VERSION "; Michael and Scott 1996",
                                        .delivers = delivery::fifo,
                                        .origin = "xenium"};
  static constexpr queue_sides sides{};

  explicit xenium_michael_scott_queue(std::size_t) {}
  [[nodiscard]] bool try_push(T&& v) {
    queue_.push(std::move(v));
    return true;
  }
  [[nodiscard]] bool try_pop(T& out) { return queue_.try_pop(out); }

 private:
  ::xenium::michael_scott_queue<T, ::xenium::policy::reclaimer<::xenium::reclamation::epoch_based<>>> queue_;
};

namespace of_xenium {
using queues = type_list<generic<xenium_vyukov_queue>, generic<xenium_michael_scott_queue>>;
}

}  // namespace contend::peers
