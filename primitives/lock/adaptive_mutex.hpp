// SPDX-License-Identifier: MIT
// Adaptive mutex: one word, spins for a bounded time, then parks; no system call without contention.
#pragma once

#include <atomic>
#include <cassert>
#include <chrono>
#include <cstdint>

#include "../platform.hpp"
#include "lock.hpp"
#include "timed.hpp"

namespace contend {

namespace detail {
/// Parking as the platform does it. A test may stand another in, to count.
struct platform_parking {
  static void park(const std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    platform::park(word, expected);
  }
  static bool park_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                         std::chrono::steady_clock::time_point deadline) noexcept {
    return platform::park_until(word, expected, deadline);
  }
  static void wake_one(const std::atomic<std::uint32_t>& word) noexcept { platform::wake_one(word); }
};
}  // namespace detail

/// Spins a bounded number of turns, because most critical sections are shorter than a way into the kernel, then parks.
/// Blocking, barging: a thread can starve, but none burns a processor for longer than `spin_turns`.
/// try_lock() never fails spuriously. After a waiter gave up at its deadline, one unlock may wake nobody for nothing.
/// Source: Drepper 2011, "Futexes are tricky", section 6 (mutex 2), with a bounded spin and a timed form.
template <class Parking = detail::platform_parking>
class basic_adaptive_mutex {
 public:
  static constexpr contend::facts facts{.name = "adaptive_mutex",
                                        .summary = "one futex word: spins for a bounded time, then parks",
                                        .admits = admission::barging,
                                        .waits = waiting::spin_then_park,
                                        .step = rung::mutex,
                                        .source = "Drepper 2011, \"Futexes are tricky\", section 6"};
  basic_adaptive_mutex() = default;
  basic_adaptive_mutex(const basic_adaptive_mutex&) = delete;
  basic_adaptive_mutex& operator=(const basic_adaptive_mutex&) = delete;

  void lock() noexcept {
    if (try_lock()) return;
    wait([this] {
      Parking::park(state_, held_parked);
      return true;
    });
  }

  [[nodiscard]] bool try_lock() noexcept {
    std::uint32_t expected = free;
    // [hand-over] <- unlock(): without acquire the critical section could read data from before the last holder's.
    return state_.compare_exchange_strong(expected, held, std::memory_order_acquire, std::memory_order_relaxed);
  }

  /// Spins, then parks, until held or the deadline has passed. See timed_lock.
  [[nodiscard]] bool try_lock_until(std::chrono::steady_clock::time_point deadline) noexcept {
    if (try_lock()) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    return wait([this, deadline] { return Parking::park_until(state_, held_parked, deadline); });
  }
  [[nodiscard]] bool try_lock_for(std::chrono::nanoseconds patience) noexcept {
    return try_lock() || try_lock_until(deadline_after(patience));
  }

  void unlock() noexcept {
    const std::uint32_t before = state_.exchange(free, std::memory_order_release);  // [hand-over] -> try_lock(), wait()
    assert(before != free && "unlock() of a lock that nobody holds");
    // From here on the mutex may be gone: the next holder may destroy it. Waking a word that is gone wakes nobody, or
    // somebody who looks again.
    if (before == held_parked) Parking::wake_one(state_);
  }

 private:
  /// park() returns false when it has waited long enough.
  template <class Park>
  [[gnu::noinline]] bool wait(Park park) noexcept {
    for (unsigned turn = 0; turn < spin_turns; ++turn) {
      if (state_.load(std::memory_order_relaxed) == free && try_lock()) return true;
      platform::relax();
    }
    // From here on we take it as held_parked, even when we find it free: others may be parked, and the one wake-up
    // that brought us here is spent. A time-out may return only after a failed attempt, or it would swallow that
    // wake-up: park() says false only if it was not woken.
    // [hand-over] <- unlock(): as in try_lock()
    while (state_.exchange(held_parked, std::memory_order_acquire) != free)
      if (!park()) return false;
    return true;
  }

  static constexpr std::uint32_t free = 0, held = 1, held_parked = 2;
  static constexpr unsigned spin_turns = 100;  // 4 µs of PAUSE at most, about what parking and waking cost

  // value        meaning                          who changes it
  // free         nobody holds it                  unlock()
  // held         held, and nobody is parked       try_lock() and spinners, from free
  // held_parked  held, and somebody may be parked those who are about to park, from any; those who were woken
  std::atomic<std::uint32_t> state_{free};
};

using adaptive_mutex = basic_adaptive_mutex<>;

static_assert(any_lock<adaptive_mutex> && timed_lock<adaptive_mutex>);
static_assert(sizeof(adaptive_mutex) == 4, "one futex word, so that it fits beside the data that it guards");

}  // namespace contend
