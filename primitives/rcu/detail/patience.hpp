// SPDX-License-Identifier: MIT
// Waiting for readers that will not wake anybody: spin, then yield, then sleep in growing steps.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "../../platform.hpp"

namespace contend::detail {

/// The wait of an updater for readers. A reader that leaves tells nobody (that would cost it a store and a fence), so
/// the updater polls: at once, then every 50 µs doubling to 1 ms, with the processor given away in between.
class patience {
 public:
  void pause() noexcept {
    if (turns_ < spins) {
      platform::relax();
    } else if (turns_ < spins + yields) {
      platform::yield();
    } else {
      platform::park_until(nobody_, 0, std::chrono::steady_clock::now() + sleep_);
      sleep_ = std::min(sleep_ * 2, longest_sleep);
      return;
    }
    ++turns_;
  }

  /// True once pause() sleeps: from now on reading a clock costs nothing that matters.
  [[nodiscard]] bool sleeps() const noexcept { return turns_ == spins + yields; }

 private:
  static constexpr unsigned spins = 64;   // about one hand-over of a line between cores
  static constexpr unsigned yields = 16;  // a reader that was pre-empted on this core
  static constexpr std::chrono::nanoseconds longest_sleep{1'000'000};
  unsigned turns_ = 0;
  std::chrono::nanoseconds sleep_{50'000};
  std::atomic<std::uint32_t> nobody_{0};  // nobody wakes it
};

}  // namespace contend::detail
