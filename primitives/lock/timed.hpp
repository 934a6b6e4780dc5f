// SPDX-License-Identifier: MIT
// The timed forms of the lock family: what they promise, and the parts that timed locks share.
#pragma once

#include <chrono>
#include <concepts>

#include "../platform.hpp"
#include "lock.hpp"

namespace contend {

/// A plain lock that can give up. Deadlines are of the steady clock: a wall clock that is set would move them.
/// try_lock_until(t): tries at least once, also when t has passed; true when now held, false once t has passed.
/// try_lock_for(d): the same with t = now + d.
template <class L>
concept timed_lock = plain_lock<L> &&
    requires(L& l, std::chrono::steady_clock::time_point deadline, std::chrono::nanoseconds patience) {
  { l.try_lock_until(deadline) } -> std::same_as<bool>;
  { l.try_lock_for(patience) } -> std::same_as<bool>;
};

/// Now + patience, or the end of time where that does not fit.
inline std::chrono::steady_clock::time_point deadline_after(std::chrono::nanoseconds patience) noexcept {
  using clock = std::chrono::steady_clock;
  const auto now = clock::now();
  return patience > clock::time_point::max() - now ? clock::time_point::max() : now + patience;
}

namespace detail {
/// Calls attempt() until it is true or the deadline has passed; looks at the clock every 32 turns, about 1 µs on x86.
template <class Attempt>
bool spin_until(std::chrono::steady_clock::time_point deadline, Attempt attempt) noexcept {
  for (unsigned turn = 0;; ++turn) {
    if (attempt()) return true;
    if (turn % 32 == 0 && std::chrono::steady_clock::now() >= deadline) return false;
    platform::relax();
  }
}
}  // namespace detail

}  // namespace contend
