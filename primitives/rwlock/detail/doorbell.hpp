// SPDX-License-Identifier: MIT
// Where the threads of an rwlock wait: a while spinning, then asleep until someone who changed the state rings.
#pragma once

#include <atomic>
#include <cstdint>

#include "../../platform.hpp"

namespace contend::detail {

/// An event count: it keeps "is somebody asleep" out of the state word, so that a lock without sleepers makes no
/// system call and its state has no bits for waiting.
/// Rule: the ringer first changes the state by a seq_cst access and then rings; done() looks at that state by seq_cst.
/// A ring reaches everyone who began to sleep before it; who comes later sees the changed state.
/// Blocking. All operations may overlap. Source: D. Vyukov's event count (1024cores, 2010).
class doorbell {
 public:
  /// Returns when done() was true. done() may have effects (take a lock); it is not called again once it was true.
  template <class Done>
  void wait_until(Done done) noexcept {
    for (unsigned turn = 0; turn < spins; ++turn) {
      if (done()) return;
      platform::relax();
    }
    // [sleeper] -> ring_one(), ring_all(): litmus SB between this, done()'s look at the state, the ringer's change of
    // the state and its look at sleepers_. With less than seq_cst both may miss the other: asleep for ever.
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    for (;;) {
      // [ring] <- ring(): read before the state, or a ring between the two would be slept through.
      const std::uint32_t heard = rings_.load(std::memory_order_acquire);
      if (done()) break;
      platform::park(rings_, heard);
    }
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
  }

  /// Wakes one sleeper, if there is any: enough where only one of them could go on.
  void ring_one() noexcept {
    // [sleeper] <- wait_until()
    if (sleepers_.load(std::memory_order_seq_cst) == 0) return;
    ring();
    platform::wake_one(rings_);
  }

  /// Wakes all sleepers, if there are any.
  void ring_all() noexcept {
    // [sleeper] <- wait_until()
    if (sleepers_.load(std::memory_order_seq_cst) == 0) return;
    ring();
    platform::wake_all(rings_);
  }

 private:
  static constexpr unsigned spins = 64;  // about 2 µs of PAUSE on x86: what falling asleep and waking costs

  void ring() noexcept {
    rings_.fetch_add(1, std::memory_order_release);  // [ring] -> wait_until()
  }

  std::atomic<std::uint32_t> sleepers_{0};  // threads that sleep or are about to
  std::atomic<std::uint32_t> rings_{0};  // the word they sleep on; 2^32 rings between look and sleep are not expected
};

}  // namespace contend::detail
