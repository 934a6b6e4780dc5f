// SPDX-License-Identifier: MIT
// Bounded queue whose two sides park when they have to wait, and make no system call when nobody waits.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "../platform.hpp"
#include "queue.hpp"
#include "sequenced_ring.hpp"

namespace contend {

/// sequenced_ring with an event count for each side: who finds it full (empty) spins a little, announces itself, looks
/// again and parks. Blocking, barging; fifo. Any threads may overlap. try_* never wait and are weak as in bounded_mpmc.
///
/// Because the ring is weak, one wake-up per item is not enough: an item that was published before an older one is
/// reported while it cannot be taken yet. So each call that moved an end of the ring looks whether that end is still
/// good for another waiter, and passes the wake-up on.
///
/// Memory effect: a push synchronises with the pop that takes its item; close() with a pop that returns false.
/// Source: the ring as bounded_mpmc; event count: Reed and Kanodia 1979, in the form of Vyukov, 1024cores.net, 2010.
template <class T>
class blocking_bounded {
 public:
  static constexpr contend::facts facts{.name = "blocking_bounded",
                                        .summary = "the array with sequence numbers; both sides spin, then park",
                                        .admits = admission::barging,
                                        .waits = waiting::spin_then_park,
                                        .guarantees = progress::blocking,
                                        .step = rung::lock_free,
                                        .source = "Vyukov 2010 (ring, event count); Reed and Kanodia 1979",
                                        .delivers = delivery::fifo,
                                        .bounded = true,
                                        .weak = true};
  static constexpr queue_sides sides{};

  /// Room for exactly `capacity` items (≥ 1). Throws std::bad_alloc.
  explicit blocking_bounded(std::size_t capacity) : ring_(capacity) {}

  /// True when v was taken; false when full or closed, and v is as it was. Weak.
  [[nodiscard]] bool try_push(T&& v) noexcept {
    return after_push(ring_.try_push(std::move(v))) == ring::pushed::taken;
  }

  /// True when the oldest item was moved to out; false when empty. Weak.
  [[nodiscard]] bool try_pop(T& out) noexcept {
    if (ring_.try_pop(out) != ring::popped::taken) return false;
    after_pop();
    return true;
  }

  /// Waits while full. True when v was taken; false once closed, and v is as it was.
  [[nodiscard]] bool push(T&& v) noexcept {
    auto result = ring::pushed::full;
    wait(pushers_, [&] { return (result = ring_.try_push(std::move(v))) != ring::pushed::full; });
    return after_push(result) == ring::pushed::taken;
  }

  /// Waits while empty. True when the oldest item was moved to out; false once closed and drained.
  [[nodiscard]] bool pop(T& out) noexcept {
    bool taken = false;
    wait(poppers_, [&] {
      taken = ring_.try_pop(out) == ring::popped::taken;
      return taken || ring_.head() == ring::at_head::drained;
    });
    if (taken) after_pop();
    return taken;
  }

  /// No item is taken from now on, what is in the queue can still be popped; all waiters wake. Idempotent.
  void close() noexcept {
    ring_.close();
    wake_all(pushers_);
    wake_all(poppers_);
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return ring_.capacity(); }

 private:
  using ring = detail::sequenced_ring<T>;

  /// Those who wait for one condition.
  struct event {
    std::atomic<std::uint32_t> waiting{0};  // threads that announced themselves, parked or about to
    std::atomic<std::uint32_t> wakes{0};    // the futex word: wake-ups so far, modulo 2^32
  };

  static constexpr unsigned spins = 128;  // a few µs: about what a park and its wake-up cost

  template <class Attempt>
  static void wait(event& on, Attempt attempt) noexcept {
    for (unsigned turn = 0; turn < spins; ++turn) {
      if (attempt()) return;
      platform::relax();
    }
    on.waiting.fetch_add(1, std::memory_order_relaxed);
    // [announce] <- after_push(), after_pop(): orders the announcement before the attempts below. Litmus SB: with less
    // than seq_cst on either side the attempt may miss the item while the other side misses the announcement.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    for (;;) {
      // [wake] <- wake_one(), wake_all(): a waiter that saw the wake-up sees what it was about, and does not park.
      const std::uint32_t seen = on.wakes.load(std::memory_order_acquire);
      if (attempt()) break;
      platform::park(on.wakes, seen);
    }
    on.waiting.fetch_sub(1, std::memory_order_relaxed);
  }

  static void wake_one(event& of) noexcept {
    of.wakes.fetch_add(1, std::memory_order_release);  // [wake] -> wait()
    platform::wake_one(of.wakes);
  }
  static void wake_all(event& of) noexcept {
    of.wakes.fetch_add(1, std::memory_order_release);  // [wake] -> wait()
    platform::wake_all(of.wakes);
  }

  typename ring::pushed after_push(typename ring::pushed result) noexcept {
    if (result != ring::pushed::taken) return result;
    // [announce] -> wait(): orders the item, and the tail, before the looks at who waits.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (poppers_.waiting.load(std::memory_order_relaxed) != 0) wake_one(poppers_);
    if (pushers_.waiting.load(std::memory_order_relaxed) != 0 && ring_.has_room()) wake_one(pushers_);
    return result;
  }

  void after_pop() noexcept {
    // [announce] -> wait(): orders the free slot, and the head, before the looks at who waits.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (pushers_.waiting.load(std::memory_order_relaxed) != 0) wake_one(pushers_);
    if (poppers_.waiting.load(std::memory_order_relaxed) == 0) return;
    switch (ring_.head()) {
      case ring::at_head::item:
        wake_one(poppers_);
        break;
      case ring::at_head::drained:
        wake_all(poppers_);
        break;
      case ring::at_head::nothing:
        break;
    }
  }

  ring ring_;
  alignas(platform::cache_line) event pushers_;  // with poppers_ on one line: read at every call, written by who waits
  event poppers_;
};

}  // namespace contend
