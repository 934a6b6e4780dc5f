// SPDX-License-Identifier: MIT
// std::mutex where an rwlock is asked for: readers exclude each other too. The baseline of every rwlock plot.
#pragma once

#include <mutex>

#include "rwlock.hpp"

namespace contend {

/// One mutex for both sides. Blocking, barging. Nested reads: never (undefined behaviour).
/// Source: C++11, [thread.mutex.class].
class std_mutex_rw : public shared_sections<std_mutex_rw> {
 public:
  static constexpr contend::facts facts{.name = "std_mutex",
                                        .summary = "std::mutex on both sides: readers exclude each other",
                                        .admits = admission::barging,
                                        .waits = waiting::park,
                                        .step = rung::mutex,
                                        .baseline = true,
                                        .source = "C++11 [thread.mutex.class]"};
  void lock() { mutex_.lock(); }
  [[nodiscard]] bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }
  void lock_shared() { mutex_.lock(); }
  [[nodiscard]] bool try_lock_shared() { return mutex_.try_lock(); }
  void unlock_shared() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

}  // namespace contend
