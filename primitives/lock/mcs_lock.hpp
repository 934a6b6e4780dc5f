// SPDX-License-Identifier: MIT
// MCS queue lock: every waiter spins in a node of its own.
#pragma once

#include <atomic>
#include <cassert>

#include "../platform.hpp"
#include "lock.hpp"

namespace contend {

/// A linked queue whose nodes live on the callers' stacks; a hand-over touches the successor's line and no other.
/// Blocking, fifo. A waiter that is not running holds up all behind it: not for more threads than processors.
/// Source: Mellor-Crummey and Scott 1991, section 2.4, figure 5.
class mcs_lock {
 public:
  static constexpr contend::facts facts{.name = "mcs",
                                        .summary = "queue spin lock: each waiter watches its own node",
                                        .admits = admission::fifo,
                                        .waits = waiting::spin,
                                        .step = rung::mutex,
                                        .source = "Mellor-Crummey and Scott 1991, section 2.4"};

  /// One acquisition's place in the queue, on a line of its own, because its owner spins there.
  class alignas(platform::cache_line) node {
   public:
    node() = default;
    node(const node&) = delete;
    node& operator=(const node&) = delete;

   private:
    friend class mcs_lock;
    std::atomic<node*> successor_{nullptr};
    std::atomic<bool> granted_{false};
  };

  mcs_lock() = default;
  mcs_lock(const mcs_lock&) = delete;
  mcs_lock& operator=(const mcs_lock&) = delete;

  void lock(node& mine) noexcept {
    prepare(mine);
    // [queue] <-> lock(), try_lock(), unlock(): release, so that the successor finds `mine` prepared before it links
    // itself there; acquire for the same at the predecessor, and for the data of a holder that left an empty queue.
    node* const predecessor = tail_.exchange(&mine, std::memory_order_acq_rel);
    if (predecessor == nullptr) return;
    predecessor->successor_.store(&mine, std::memory_order_release);  // [link] -> unlock()
    // [grant] <- unlock(): without acquire the critical section could read data from before the last holder's.
    while (!mine.granted_.load(std::memory_order_acquire)) platform::relax();
  }

  [[nodiscard]] bool try_lock(node& mine) noexcept {
    prepare(mine);
    node* nobody = nullptr;
    // [queue] <-> lock(), unlock(): as in lock()
    return tail_.compare_exchange_strong(nobody, &mine, std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  void unlock(node& mine) noexcept {
    // [link] <- lock(): the store to the successor's node must not come before the successor prepared it.
    node* successor = mine.successor_.load(std::memory_order_acquire);
    if (successor == nullptr) {
      node* last = &mine;
      // [queue] -> lock(), try_lock()
      if (tail_.compare_exchange_strong(last, nullptr, std::memory_order_release, std::memory_order_relaxed)) return;
      assert(last != nullptr && "unlock() of a lock that nobody holds");
      // Somebody is behind us, and about to link.
      // [link] <- lock(): as above
      while ((successor = mine.successor_.load(std::memory_order_acquire)) == nullptr) platform::relax();
    }
    successor->granted_.store(true, std::memory_order_release);  // [grant] -> lock()
  }

  /// Whether `mine` was the last in the queue, or the holder with nobody behind.
  [[nodiscard]] bool was_last(const node& mine) const noexcept {
    return tail_.load(std::memory_order_relaxed) == &mine;
  }

 private:
  static void prepare(node& mine) noexcept {
    mine.successor_.store(nullptr, std::memory_order_relaxed);
    mine.granted_.store(false, std::memory_order_relaxed);
  }

  // nullptr: free. Otherwise the node of the last in the queue; the first in the queue holds the lock.
  // Joiners exchange it for their node; the holder sets it to nullptr if it is still the last.
  std::atomic<node*> tail_{nullptr};
};

static_assert(any_lock<mcs_lock>);
static_assert(sizeof(mcs_lock::node) == platform::cache_line, "two waiters must not spin on one line");

}  // namespace contend
