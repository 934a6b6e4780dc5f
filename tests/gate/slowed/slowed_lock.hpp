// SPDX-License-Identifier: MIT
// A lock that does busy work of a length declared when it is compiled: the same cells, slower by a known share.
#pragma once

#include <atomic>

#include "primitives/platform.hpp"

#if !defined(SLOWED_PERCENT)
#error "SLOWED_PERCENT says by how much more this build works than the steady one: 0, 10, 25"
#endif

class slowed_lock {
 public:
  void lock() noexcept {
    for (unsigned i = 0; i < 2000U * (100U + SLOWED_PERCENT) / 100U; ++i) asm volatile("" : "+r"(i));
    while (!try_lock()) contend::platform::relax();
  }
  // [slowed] <- unlock(): the data of the last holder
  [[nodiscard]] bool try_lock() noexcept { return !held_.test_and_set(std::memory_order_acquire); }
  void unlock() noexcept { held_.clear(std::memory_order_release); }  // [slowed] -> try_lock()

 private:
  std::atomic_flag held_{};
};
