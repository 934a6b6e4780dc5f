// SPDX-License-Identifier: MIT
// The contract of the queue family.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "../facts.hpp"
#include "../generic.hpp"

namespace contend {

/// How many threads may push and pop at once.
struct queue_sides {
  bool many_producers = true;
  bool many_consumers = true;
};

/// A queue of T, constructed with a capacity in items (≥ 1; unbounded queues take it as a hint).
/// try_push(v): false when full; v is moved from only when it was taken.
/// try_pop(out): false when empty. Both are *weak* where facts say so: with a claimed but unpublished slot ahead,
/// later completed items look absent, and a full queue may look full although a pop has begun.
/// `sides`: who may overlap.
template <class Q, class T>
concept queue_of = described<Q> && std::constructible_from<Q, std::size_t> && requires(Q& q, T& item, T&& moved) {
  { q.try_push(static_cast<T&&>(moved)) } -> std::same_as<bool>;
  { q.try_pop(item) } -> std::same_as<bool>;
  { Q::sides } -> std::convertible_to<queue_sides>;
};

/// A queue that can wait. push(v): waits while full, false once closed (v is kept). pop(out): waits while empty, false
/// once closed *and* drained. close(): idempotent, wakes all; try_push fails from then on.
template <class Q, class T>
concept blocking_queue_of = queue_of<Q, T> && requires(Q& q, T& item, T&& moved) {
  { q.push(static_cast<T&&>(moved)) } -> std::same_as<bool>;
  { q.pop(item) } -> std::same_as<bool>;
  q.close();
};

}  // namespace contend
