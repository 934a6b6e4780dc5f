// SPDX-License-Identifier: MIT
// The lock that is none: the price of the apparatus, and the ideal that every lock is measured against.
#pragma once

#include "lock.hpp"

namespace contend {

/// Excludes nobody, so it may guard only data that one thread owns: workloads give each thread its own
/// (see `excludes`). Wait-free.
class no_lock {
 public:
  static constexpr contend::facts facts{.name = "no_lock",
                                        .summary = "no lock at all, on data of each thread's own",
                                        .guarantees = progress::wait_free,
                                        .step = rung::no_sharing,
                                        .baseline = true};
  no_lock() = default;
  no_lock(const no_lock&) = delete;
  no_lock& operator=(const no_lock&) = delete;
  void lock() noexcept {}
  [[nodiscard]] bool try_lock() noexcept { return true; }
  void unlock() noexcept {}
};

}  // namespace contend
