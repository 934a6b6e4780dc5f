// SPDX-License-Identifier: MIT
// The small mutex that lets one writer at a time into an rwlock whose readers never touch it.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>

#include "doorbell.hpp"

namespace contend::detail {

/// Blocking, barging, spins then sleeps. No system call unless somebody sleeps.
class writer_mutex {
 public:
  void lock() noexcept {
    if (!try_lock()) bell_.wait_until([this] { return try_lock(); });
  }

  [[nodiscard]] bool try_lock() noexcept {
    // [free] <- unlock(): without it this writer could miss what the last one wrote; seq_cst as the doorbell's rule.
    if (held_.load(std::memory_order_seq_cst) != 0) return false;
    // [free] <- unlock()
    return held_.exchange(1, std::memory_order_seq_cst) == 0;
  }

  void unlock() noexcept {
    assert(held_.load(std::memory_order_relaxed) == 1 && "unlock() without lock()");
    held_.store(0, std::memory_order_seq_cst);  // [free] -> try_lock(); seq_cst: SB with bell_'s sleepers
    bell_.ring_one();
  }

 private:
  std::atomic<std::uint32_t> held_{0};  // 0 free, 1 held; try_lock() sets, unlock() clears
  doorbell bell_;
};

}  // namespace contend::detail
