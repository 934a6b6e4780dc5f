// SPDX-License-Identifier: MIT
// abseil's mutex as a reader-writer lock.
#pragma once

#include <absl/synchronization/mutex.h>

#include "contend_peers/versions.hpp"
#include "primitives/rwlock/rwlock.hpp"

namespace contend::peers {

/// absl::Mutex in its shared and exclusive modes. No nested reads: a waiting writer turns readers away.
class absl_mutex_rw : public shared_sections<absl_mutex_rw> {
 public:
  static constexpr contend::facts facts{
      .name = "absl_mutex",
      .summary = "abseil's Mutex in reader and writer mode: one word, spins before it parks",
      .admits = admission::barging,
      .waits = waiting::spin_then_park,
      .step = rung::shared_mutex,
      .source = "abseil " CONTEND_ABSL_VERSION,
      .origin = "abseil",
      .unseen = "its code is in a compiled library, whose accesses the simulation does not see"};

  void lock() { mutex_.WriterLock(); }
  [[nodiscard]] bool try_lock() { return mutex_.WriterTryLock(); }
  void unlock() { mutex_.WriterUnlock(); }
  void lock_shared() { mutex_.ReaderLock(); }
  [[nodiscard]] bool try_lock_shared() { return mutex_.ReaderTryLock(); }
  void unlock_shared() { mutex_.ReaderUnlock(); }

 private:
  ::absl::Mutex mutex_;
};

namespace of_absl {
using rwlocks = type_list<absl_mutex_rw>;
}

}  // namespace contend::peers
