// SPDX-License-Identifier: MIT
// nsync's mutex as a lock.
#pragma once

#include <nsync.h>

#include "contend_peers/versions.hpp"
#include "primitives/lock/lock.hpp"

namespace contend::peers {

/// nsync_mu: one word and a queue of waiters; spins for a while, then parks. Barging, but who waited long is served.
class nsync_mu {
 public:
  static constexpr contend::facts facts{
      .name = "nsync_mu",
      .summary = "nsync's mutex: one word, a queue of waiters behind it, spins before it parks",
      .admits = admission::barging,
      .waits = waiting::spin_then_park,
      .source = "nsync " CONTEND_NSYNC_VERSION,
      .origin = "nsync",
      .unseen = "its code is in a compiled library, whose accesses the simulation does not see"};

  nsync_mu() { ::nsync::nsync_mu_init(&mutex_); }
  nsync_mu(const nsync_mu&) = delete;
  nsync_mu& operator=(const nsync_mu&) = delete;
  void lock() { ::nsync::nsync_mu_lock(&mutex_); }
  [[nodiscard]] bool try_lock() { return ::nsync::nsync_mu_trylock(&mutex_) != 0; }
  void unlock() { ::nsync::nsync_mu_unlock(&mutex_); }

 private:
  ::nsync::nsync_mu mutex_;
};

namespace of_nsync {
using locks = type_list<nsync_mu>;
}

}  // namespace contend::peers
