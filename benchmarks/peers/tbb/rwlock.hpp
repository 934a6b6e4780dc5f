// SPDX-License-Identifier: MIT
// oneTBB's reader-writer mutexes.
#pragma once

#include <oneapi/tbb/queuing_rw_mutex.h>
#include <oneapi/tbb/rw_mutex.h>
#include <oneapi/tbb/spin_rw_mutex.h>

#include "contend_peers/versions.hpp"
#include "primitives/rwlock/rwlock.hpp"

namespace contend::peers {

/// tbb::rw_mutex: a state word with a pending-writer bit; spins and yields for a while, then parks. No nested reads.
class tbb_rw_mutex : public ::tbb::rw_mutex, public shared_sections<tbb_rw_mutex> {
 public:
  static constexpr contend::facts facts{
      .name = "tbb_rw_mutex",
      .summary = "oneTBB's rw_mutex: a pending writer turns readers away; spins and yields before it parks",
      .admits = admission::writer_first,
      .waits = waiting::spin_then_park,
      .step = rung::shared_mutex,
      .source = "oneTBB " CONTEND_TBB_VERSION,
      .origin = "oneTBB",
      .unseen = "it waits in a compiled library, whose accesses the simulation does not see"};
};

/// tbb::spin_rw_mutex: the same state word; waits with exponential backoff that ends in sched_yield. No nested reads.
class tbb_spin_rw_mutex : public ::tbb::spin_rw_mutex, public shared_sections<tbb_spin_rw_mutex> {
 public:
  static constexpr contend::facts facts{
      .name = "tbb_spin_rw_mutex",
      .summary = "oneTBB's spin_rw_mutex: a pending writer turns readers away; backs off, then yields",
      .admits = admission::writer_first,
      .waits = waiting::spin_with_backoff,
      .step = rung::shared_mutex,
      .source = "oneTBB " CONTEND_TBB_VERSION,
      .origin = "oneTBB"};
};

/// tbb::queuing_rw_mutex: a fair queue of scoped_locks, each spinning on words of its own. No nested reads.
class tbb_queuing_rw_mutex {
 public:
  static constexpr contend::facts facts{
      .name = "tbb_queuing_rw_mutex",
      .summary = "oneTBB's queuing_rw_mutex: readers and writers in one fair queue",
      .admits = admission::fifo,
      .waits = waiting::spin_with_backoff,
      .step = rung::shared_mutex,
      .source = "oneTBB " CONTEND_TBB_VERSION "; Krieger et al. 1993",
      .origin = "oneTBB",
      .unseen = "its acquire and release are in a compiled library, whose accesses the simulation does not see"};

  template <class F>
  requires returns_value<F>
  auto read(F&& f) {
    const ::tbb::queuing_rw_mutex::scoped_lock held(mutex_, false);
    return f();
  }
  template <class F>
  requires returns_value<F>
  auto write(F&& f) {
    const ::tbb::queuing_rw_mutex::scoped_lock held(mutex_, true);
    return f();
  }

 private:
  ::tbb::queuing_rw_mutex mutex_;
};

namespace of_tbb {
using rwlocks = type_list<tbb_rw_mutex, tbb_spin_rw_mutex, tbb_queuing_rw_mutex>;
}

}  // namespace contend::peers
