// SPDX-License-Identifier: MIT
// CLH queue lock: every waiter spins on its predecessor's cell, and takes that cell along when it leaves.
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "../platform.hpp"
#include "lock.hpp"
#include "ttas_lock.hpp"

namespace contend {

namespace detail {
/// What a CLH node lends to the queue: a flag on a line of its own.
struct alignas(platform::cache_line) clh_cell {
  std::atomic<bool> busy{false};  // true from joining the queue to unlock; written by its present owner only
  std::uint32_t uses = 0;         // times it joined a queue; its present owner's
  clh_cell* next_free = nullptr;  // the pool's
};
static_assert(sizeof(clh_cell) == platform::cache_line, "two waiters must not spin on one line");

/// Cells go from node to node and are never given back to the allocator, because a try_lock() that was delayed may
/// still look at one that has long left its lock. There are as many as nodes and locks lived at the same time.
class clh_pool {
 public:
  static clh_pool& instance() {
    static clh_pool& pool = *new clh_pool;  // never destroyed: nodes of static storage may outlive everything else
    return pool;
  }
  clh_cell* take() {
    {
      guard<ttas_lock> held(lock_);
      if (free_ != nullptr) {
        clh_cell* const cell = free_;
        free_ = cell->next_free;
        return cell;
      }
    }
    return new clh_cell;
  }
  void give(clh_cell* cell) noexcept {
    guard<ttas_lock> held(lock_);
    cell->next_free = free_;
    free_ = cell;
  }

 private:
  ttas_lock lock_;
  clh_cell* free_ = nullptr;
};
}  // namespace detail

/// A queue without links: joining tells who goes before. A hand-over touches one line and no other.
/// Blocking, fifo. A waiter that is not running holds up all behind it: not for more threads than processors.
/// Source: Craig 1993; Magnusson, Landin and Hagersten 1994. Deviation: cells come from a pool and the queue's word
/// counts a cell's uses in its low bits; both exist for try_lock(), which the original does not have.
class clh_lock {
  using cell = detail::clh_cell;

 public:
  static constexpr contend::facts facts{.name = "clh",
                                        .summary = "queue spin lock: each waiter watches its predecessor's cell",
                                        .admits = admission::fifo,
                                        .waits = waiting::spin,
                                        .step = rung::mutex,
                                        .source = "Craig 1993; Magnusson, Landin and Hagersten 1994"};

  /// Owns a cell on the heap, another one after each acquisition. May outlive the lock, and serve several in turn.
  /// Making one takes a lock on a pool: keep one per thread. Throws std::bad_alloc.
  class node {
   public:
    node() : mine_(detail::clh_pool::instance().take()) {}
    ~node() { detail::clh_pool::instance().give(mine_); }
    node(const node&) = delete;
    node& operator=(const node&) = delete;

   private:
    friend class clh_lock;
    cell* mine_;
    cell* predecessors_ = nullptr;  // while in the queue
  };

  /// Throws std::bad_alloc.
  clh_lock() {
    cell* const first = detail::clh_pool::instance().take();
    first->busy.store(false, std::memory_order_relaxed);  // a try_lock() that failed leaves its cell busy
    tail_.store(ticket_of(first), std::memory_order_relaxed);
  }
  /// Precondition: nobody holds it or waits.
  ~clh_lock() { detail::clh_pool::instance().give(cell_of(tail_.load(std::memory_order_relaxed))); }
  clh_lock(const clh_lock&) = delete;
  clh_lock& operator=(const clh_lock&) = delete;

  void lock(node& n) noexcept {
    const std::uintptr_t ticket = prepare(n);
    // [queue] <-> lock(), try_lock(): release, so that the successor finds our cell busy; acquire for the same at the
    // predecessor's. Without them the successor could see the flag of the cell's last use, and walk in.
    n.predecessors_ = cell_of(tail_.exchange(ticket, std::memory_order_acq_rel));
    await(*n.predecessors_);
  }

  /// Fails where it sees the last cell busy. Waits only if, between its two steps, that cell joined this queue again
  /// a multiple of 64 times: then it is in the queue and must see it through.
  [[nodiscard]] bool try_lock(node& n) noexcept {
    // [queue] <- lock(): as there
    std::uintptr_t last = tail_.load(std::memory_order_acquire);
    if (cell_of(last)->busy.load(std::memory_order_relaxed)) return false;
    const std::uintptr_t ticket = prepare(n);
    // [queue] <-> lock(), try_lock(): as in lock()
    if (!tail_.compare_exchange_strong(last, ticket, std::memory_order_acq_rel, std::memory_order_relaxed))
      return false;
    n.predecessors_ = cell_of(last);
    await(*n.predecessors_);
    return true;
  }

  void unlock(node& n) noexcept {
    assert(n.predecessors_ != nullptr && "unlock() by a node that does not hold the lock");
    cell* const mine = n.mine_;
    n.mine_ = n.predecessors_;  // ours may be watched for a while yet; nobody watches this one any more
    n.predecessors_ = nullptr;
    mine->busy.store(false, std::memory_order_release);  // [hand-over] -> await()
  }

  /// Whether `n`, which is in the queue, was the last there, or the holder with nobody behind.
  [[nodiscard]] bool was_last(const node& n) const noexcept {
    return cell_of(tail_.load(std::memory_order_relaxed)) == n.mine_;
  }

 private:
  static constexpr std::uintptr_t uses_mask = alignof(cell) - 1;

  static std::uintptr_t ticket_of(const cell* c) noexcept {
    return reinterpret_cast<std::uintptr_t>(c) | (c->uses & uses_mask);
  }
  static cell* cell_of(std::uintptr_t ticket) noexcept { return reinterpret_cast<cell*>(ticket & ~uses_mask); }

  static std::uintptr_t prepare(node& n) noexcept {
    n.mine_->busy.store(true, std::memory_order_relaxed);
    ++n.mine_->uses;
    return ticket_of(n.mine_);
  }
  static void await(const cell& predecessors) noexcept {
    // [hand-over] <- unlock(): without acquire the critical section could read data from before the last holder's.
    while (predecessors.busy.load(std::memory_order_acquire)) platform::relax();
  }

  // The cell that joined last, with the low bits of its count of uses. The lock is free if that cell is not busy.
  std::atomic<std::uintptr_t> tail_{0};
};

static_assert(any_lock<clh_lock>);

}  // namespace contend
