// SPDX-License-Identifier: MIT
// nsync's mutex as a reader-writer lock.
#pragma once

#include <nsync.h>

#include "contend_peers/versions.hpp"
#include "primitives/rwlock/rwlock.hpp"

namespace contend::peers {

/// nsync_mu in its reader and writer modes. No nested reads.
class nsync_mu_rw : public shared_sections<nsync_mu_rw> {
 public:
  static constexpr contend::facts facts{
      .name = "nsync_mu",
      .summary = "nsync's mutex in reader and writer mode: one word, spins before it parks",
      .admits = admission::barging,
      .waits = waiting::spin_then_park,
      .step = rung::shared_mutex,
      .source = "nsync " CONTEND_NSYNC_VERSION,
      .origin = "nsync",
      .unseen = "its code is in a compiled library, whose accesses the simulation does not see"};

  nsync_mu_rw() { ::nsync::nsync_mu_init(&mutex_); }
  void lock() { ::nsync::nsync_mu_lock(&mutex_); }
  [[nodiscard]] bool try_lock() { return ::nsync::nsync_mu_trylock(&mutex_) != 0; }
  void unlock() { ::nsync::nsync_mu_unlock(&mutex_); }
  void lock_shared() { ::nsync::nsync_mu_rlock(&mutex_); }
  [[nodiscard]] bool try_lock_shared() { return ::nsync::nsync_mu_rtrylock(&mutex_) != 0; }
  void unlock_shared() { ::nsync::nsync_mu_runlock(&mutex_); }

 private:
  ::nsync::nsync_mu mutex_;
};

namespace of_nsync {
using rwlocks = type_list<nsync_mu_rw>;
}

}  // namespace contend::peers
