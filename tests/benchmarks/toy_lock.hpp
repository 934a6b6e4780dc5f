// SPDX-License-Identifier: MIT
// A lock that somebody adds to the catalogue: one header, one line.
#pragma once

#include <atomic>

#include "../platform.hpp"
#include "lock.hpp"

namespace contend {

class toy_lock {
 public:
  static constexpr contend::facts facts{.name = "toy", .summary = "a toy", .waits = waiting::spin};
  void lock() noexcept {
    while (!try_lock()) platform::yield();
  }
  // [toy] <- unlock(): the data of the last holder
  [[nodiscard]] bool try_lock() noexcept { return !held_.test_and_set(std::memory_order_acquire); }
  void unlock() noexcept { held_.clear(std::memory_order_release); }  // [toy] -> try_lock()

 private:
  std::atomic_flag held_{};
};

}  // namespace contend
