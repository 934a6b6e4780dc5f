// SPDX-License-Identifier: MIT
// What a reclamation domain may keep, when it calls a reader stalled, and how it says so.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "../../platform.hpp"

namespace contend {

/// A reader that has kept retired objects from being freed for at least reclaim_limits::stall_timeout.
struct stalled_reader {
  unsigned thread_index = 0;             ///< platform::thread_index() of the thread that registered the reader
  std::uint64_t epoch = 0;               ///< epoch (epoch, qsbr) or retire number (hazard_pointer) that it is stuck at
  std::chrono::nanoseconds stuck_for{};  ///< since a waiting updater or stalled() first found it in the way
};

/// Bounds of one domain. The defaults are for production; tests make the rare paths common with small ones.
struct reclaim_limits {
  std::size_t backlog = 4096;                ///< objects retired and not yet freed, at most (>= 1)
  unsigned batch = 64;                       ///< retirements by one reader between two attempts to free (>= 1)
  unsigned readers = platform::max_threads;  ///< readers registered at the same time, at most (>= 1)
  std::chrono::nanoseconds stall_timeout{std::chrono::milliseconds{100}};  ///< in the way for longer = stalled
  /// Called once per stall, in the thread that waits (reserve, try_reserve, synchronize) or asks (stalled). It must
  /// not throw and must not use the domain.
  std::function<void(const stalled_reader&)> on_stall{};
};

}  // namespace contend
