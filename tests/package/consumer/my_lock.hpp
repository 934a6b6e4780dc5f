// SPDX-License-Identifier: MIT
// Somebody's own lock: it knows nothing of contend.
#pragma once

#include <atomic>
#include <thread>

#if defined(__SANITIZE_THREAD__)
#error "this is compiled with other code than what ships"
#endif

class my_lock {
 public:
  void lock() {
    for (int turn = 1; !try_lock(); ++turn) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
      if (turn % 32 == 0) std::this_thread::yield();
    }
  }
  bool try_lock() { return !held_.test_and_set(std::memory_order_acquire); }
  void unlock() { held_.clear(std::memory_order_release); }

 private:
  std::atomic_flag held_{};
};
