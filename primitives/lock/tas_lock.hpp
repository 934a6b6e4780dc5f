// SPDX-License-Identifier: MIT
// Test-and-set spin lock: the smallest lock there is, and the worst neighbour.
#pragma once

#include <atomic>
#include <cassert>
#include <chrono>

#include "../platform.hpp"
#include "lock.hpp"
#include "timed.hpp"

namespace contend {

/// Writes the flag until it was free before. Every attempt moves the line, so waiters slow the holder down.
/// Blocking, barging: a thread can starve. Never parks: with more threads than processors a waiter burns its slice.
/// Source: Rudolph and Segall 1984, section 3.
class tas_lock {
 public:
  static constexpr contend::facts facts{.name = "tas",
                                        .summary = "test-and-set spin lock: every attempt writes",
                                        .admits = admission::barging,
                                        .waits = waiting::spin,
                                        .step = rung::mutex,
                                        .source = "Rudolph and Segall 1984, section 3"};
  tas_lock() = default;
  tas_lock(const tas_lock&) = delete;
  tas_lock& operator=(const tas_lock&) = delete;

  void lock() noexcept {
    while (!try_lock()) platform::relax();
  }

  [[nodiscard]] bool try_lock() noexcept {
    // [hand-over] <- unlock(): without acquire the critical section could read data from before the last holder's.
    return !held_.exchange(true, std::memory_order_acquire);
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
  std::atomic<bool> held_{false};
};

static_assert(any_lock<tas_lock> && timed_lock<tas_lock>);

}  // namespace contend
