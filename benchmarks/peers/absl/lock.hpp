// SPDX-License-Identifier: MIT
// abseil's mutex as a lock.
#pragma once

#include <absl/synchronization/mutex.h>

#include "contend_peers/versions.hpp"
#include "primitives/lock/lock.hpp"

namespace contend::peers {

/// absl::Mutex: one word; spins for a while, then queues and parks. Barging, but a waiter that waited long is served.
class absl_mutex {
 public:
  static constexpr contend::facts facts{
      .name = "absl_mutex",
      .summary = "abseil's Mutex: one word, a queue of waiters behind it, spins before it parks",
      .admits = admission::barging,
      .waits = waiting::spin_then_park,
      .source = "abseil " CONTEND_ABSL_VERSION,
      .origin = "abseil",
      .unseen = "its code is in a compiled library, whose accesses the simulation does not see"};

  void lock() { mutex_.Lock(); }
  [[nodiscard]] bool try_lock() { return mutex_.TryLock(); }
  void unlock() { mutex_.Unlock(); }

 private:
  ::absl::Mutex mutex_;
};

namespace of_absl {
using locks = type_list<absl_mutex>;
}

}  // namespace contend::peers
