// SPDX-License-Identifier: MIT
// oneTBB's mutexes as locks.
#pragma once

#include <oneapi/tbb/mutex.h>
#include <oneapi/tbb/queuing_mutex.h>
#include <oneapi/tbb/spin_mutex.h>

#include "contend_peers/versions.hpp"
#include "primitives/lock/lock.hpp"

namespace contend::peers {

/// tbb::mutex: a flag; spins and yields for a while, then parks in the library's table of waiters.
class tbb_mutex : public ::tbb::mutex {
 public:
  static constexpr contend::facts facts{
      .name = "tbb_mutex",
      .summary = "oneTBB's mutex: a flag, spins and yields before it parks",
      .admits = admission::barging,
      .waits = waiting::spin_then_park,
      .source = "oneTBB " CONTEND_TBB_VERSION,
      .origin = "oneTBB",
      .unseen = "it waits in a compiled library, whose accesses the simulation does not see"};
};

/// tbb::spin_mutex: test-and-set with exponential backoff that ends in sched_yield.
class tbb_spin_mutex : public ::tbb::spin_mutex {
 public:
  static constexpr contend::facts facts{.name = "tbb_spin_mutex",
                                        .summary = "oneTBB's spin_mutex: test-and-set, backs off, then yields",
                                        .admits = admission::barging,
                                        .waits = waiting::spin_with_backoff,
                                        .source = "oneTBB " CONTEND_TBB_VERSION,
                                        .origin = "oneTBB"};
};

/// tbb::queuing_mutex: an MCS queue of scoped_locks, each spinning on a word of its own.
class tbb_queuing_mutex {
 public:
  static constexpr contend::facts facts{.name = "tbb_queuing_mutex",
                                        .summary = "oneTBB's queuing_mutex: MCS, backs off, then yields",
                                        .admits = admission::fifo,
                                        .waits = waiting::spin_with_backoff,
                                        .source = "oneTBB " CONTEND_TBB_VERSION "; Mellor-Crummey and Scott 1991",
                                        .origin = "oneTBB"};
  using node = ::tbb::queuing_mutex::scoped_lock;

  void lock(node& mine) { mine.acquire(mutex_); }
  [[nodiscard]] bool try_lock(node& mine) { return mine.try_acquire(mutex_); }
  void unlock(node& mine) { mine.release(); }

 private:
  ::tbb::queuing_mutex mutex_;
};

namespace of_tbb {
using locks = type_list<tbb_mutex, tbb_spin_mutex, tbb_queuing_mutex>;
}

}  // namespace contend::peers
