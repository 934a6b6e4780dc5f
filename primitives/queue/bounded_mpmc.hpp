// SPDX-License-Identifier: MIT
// Bounded queue in an array whose slots carry sequence numbers.
#pragma once

#include "queue.hpp"
#include "sequenced_ring.hpp"

namespace contend {

/// A bounded queue of T: one CAS per operation, pushes and pops meet only at the slot. fifo; any threads may overlap.
///
/// No call ever waits, but both are *weak*: while another thread is between its claim of a slot and the end of its
/// call, try_pop may miss items pushed after that slot's, and try_push may find the queue full although a pop has
/// begun. Not lock-free for that reason: such a thread, when it stalls, keeps the others from delivering.
/// Every push and pop that *happened before* a call is seen by it, if no call before it is still under way.
/// Memory effect: a push synchronises with the pop that takes its item.
/// Source: Vyukov, "Bounded MPMC queue", 1024cores.net, 2010; deviations at sequenced_ring.
template <class T>
class bounded_mpmc {
 public:
  static constexpr contend::facts facts{.name = "bounded_mpmc",
                                        .summary = "array with a sequence number per slot, one CAS per operation",
                                        .admits = admission::barging,
                                        .waits = waiting::retry,
                                        .guarantees = progress::blocking,
                                        .step = rung::lock_free,
                                        .source = "Vyukov 2010, Bounded MPMC queue",
                                        .delivers = delivery::fifo,
                                        .bounded = true,
                                        .weak = true};
  static constexpr queue_sides sides{};

  /// Room for exactly `capacity` items (≥ 1; a power of two spares a division per call). Throws std::bad_alloc.
  explicit bounded_mpmc(std::size_t capacity) : ring_(capacity) {}

  /// True when v was taken; false when full, and v is as it was. Weak.
  [[nodiscard]] bool try_push(T&& v) noexcept { return ring_.try_push(std::move(v)) == ring::pushed::taken; }

  /// True when the oldest item was moved to out; false when empty. Weak. The slot keeps nothing of the item.
  [[nodiscard]] bool try_pop(T& out) noexcept { return ring_.try_pop(out) == ring::popped::taken; }

  [[nodiscard]] std::size_t capacity() const noexcept { return ring_.capacity(); }

 private:
  using ring = detail::sequenced_ring<T>;
  ring ring_;
};

}  // namespace contend
