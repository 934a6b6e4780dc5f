// SPDX-License-Identifier: MIT
// Test-and-test-and-set spin lock with truncated exponential backoff.
#pragma once

#include <atomic>
#include <cassert>
#include <chrono>

#include "../platform.hpp"
#include "lock.hpp"
#include "timed.hpp"

namespace contend {

/// Spins on a shared copy of the flag, and only then tries to take it; backs off after a lost race.
/// Blocking, barging: a thread can starve. Never parks: with more threads than processors a waiter burns its slice.
/// Source: Rudolph and Segall 1984; backoff: Anderson 1990, section 3.
class ttas_lock {
 public:
  static constexpr contend::facts facts{.name = "ttas",
                                        .summary = "test-and-test-and-set spin lock with exponential backoff",
                                        .admits = admission::barging,
                                        .waits = waiting::spin_with_backoff,
                                        .step = rung::mutex,
                                        .source = "Anderson 1990, section 3"};
  ttas_lock() = default;
  ttas_lock(const ttas_lock&) = delete;
  ttas_lock& operator=(const ttas_lock&) = delete;

  void lock() noexcept {
    for (unsigned pause = 1; !try_lock();) {
      for (unsigned i = 0; i < pause; ++i) platform::relax();
      if (pause < longest_pause) pause *= 2;
      while (held_.load(std::memory_order_relaxed)) platform::relax();
    }
  }

  [[nodiscard]] bool try_lock() noexcept {
    // [hand-over] <- unlock(): without acquire the critical section could read data from before the last holder's.
    return !held_.load(std::memory_order_relaxed) && !held_.exchange(true, std::memory_order_acquire);
  }

  /// Spins until held or the deadline has passed. See timed_lock.
  [[nodiscard]] bool try_lock_until(std::chrono::steady_clock::time_point deadline) noexcept {
    return detail::spin_until(deadline, [this] { return try_lock(); });
  }
  [[nodiscard]] bool try_lock_for(std::chrono::nanoseconds patience) noexcept {
    return try_lock() || try_lock_until(deadline_after(patience));
  }

  void unlock() noexcept {
    assert(held_.load(std::memory_order_relaxed) && "unlock() of a lock that nobody holds");
    held_.store(false, std::memory_order_release);  // [hand-over] -> try_lock()
  }

 private:
  static constexpr unsigned longest_pause =
      64;  // about 2 µs of PAUSE on x86: Anderson's bound, one hand-over per waiter
  std::atomic<bool> held_{false};
};

static_assert(any_lock<ttas_lock> && timed_lock<ttas_lock>);

}  // namespace contend
