// SPDX-License-Identifier: MIT
// std::mutex as a member of the lock family: the baseline of every lock plot.
#pragma once

#include <mutex>

#include "lock.hpp"

namespace contend {

/// The standard library's mutex (with glibc: a futex word, spinning not at all by default).
/// Blocking, barging. Source: C++11, [thread.mutex.class].
class std_mutex {
 public:
  static constexpr contend::facts facts{.name = "std_mutex",
                                        .summary = "std::mutex: parks in the kernel when contended",
                                        .admits = admission::barging,
                                        .waits = waiting::park,
                                        .step = rung::mutex,
                                        .baseline = true,
                                        .source = "C++11 [thread.mutex.class]"};
  void lock() { mutex_.lock(); }
  [[nodiscard]] bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

}  // namespace contend
