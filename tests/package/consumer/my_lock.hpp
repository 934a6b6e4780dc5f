// SPDX-License-Identifier: MIT
// Somebody's own lock: it knows nothing of contend.
#pragma once

#include <atomic>
#include <thread>

class my_lock {
 public:
  void lock() {
    while (!try_lock()) std::this_thread::yield();
  }
  bool try_lock() { return !held_.test_and_set(std::memory_order_acquire); }
  void unlock() { held_.clear(std::memory_order_release); }

 private:
  std::atomic_flag held_{};
};
