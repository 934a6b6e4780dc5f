// SPDX-License-Identifier: MIT
// std::shared_mutex as a member of the rwlock family: the baseline that everybody has.
#pragma once

#include <shared_mutex>

#include "rwlock.hpp"

namespace contend {

/// The standard library's reader-writer lock. Blocking; the standard leaves the order of admission open (libstdc++ on
/// glibc lets readers pass a waiting writer). Nested reads: never (undefined behaviour). Source: C++17,
/// [thread.sharedmutex.class].
class std_shared_mutex : public shared_sections<std_shared_mutex> {
 public:
  static constexpr contend::facts facts{.name = "std_shared_mutex",
                                        .summary = "std::shared_mutex: one word that all readers count in",
                                        .admits = admission::barging,
                                        .waits = waiting::park,
                                        .step = rung::shared_mutex,
                                        .baseline = true,
                                        .source = "C++17 [thread.sharedmutex.class]"};
  void lock() { mutex_.lock(); }
  [[nodiscard]] bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }
  void lock_shared() { mutex_.lock_shared(); }
  [[nodiscard]] bool try_lock_shared() { return mutex_.try_lock_shared(); }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

}  // namespace contend
