// SPDX-License-Identifier: MIT
// Reader-writer lock that admits readers first: no reader waits unless a writer is inside.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>

#include "detail/doorbell.hpp"
#include "rwlock.hpp"

namespace contend {

/// A reader announces itself by one increment, also while a writer is inside: when that writer leaves, all announced
/// readers are in before any other writer. Readers: wait-free while no writer is inside. A stream of readers starves
/// the writers. Blocking; spins, then sleeps. Up to 2^31 - 1 readers at once.
/// Nested reads: allowed, also while writers wait.
/// Source: Courtois, Heymans and Parnas 1971, problem 1, in the strong form; one word in place of their two semaphores.
class reader_preferring : public shared_sections<reader_preferring> {
 public:
  static constexpr contend::facts facts{.name = "reader_preferring",
                                        .summary = "no reader waits unless a writer is inside; writers may starve",
                                        .admits = admission::reader_first,
                                        .waits = waiting::spin_then_park,
                                        .step = rung::shared_mutex,
                                        .source = "Courtois, Heymans and Parnas 1971, problem 1"};

  void lock_shared() noexcept {
    // [write done] <- unlock(): without acquire the reader could see data from before the last write.
    if ((state_.fetch_add(1, std::memory_order_acquire) & writer_inside) == 0) return;
    // Counted already, so that no other writer gets in once this one has left.
    readers_.wait_until([this] {
      // [write done] <- unlock(); seq_cst: SB with readers_' sleepers
      return (state_.load(std::memory_order_seq_cst) & writer_inside) == 0;
    });
  }

  [[nodiscard]] bool try_lock_shared() noexcept {
    std::uint32_t state = state_.load(std::memory_order_relaxed);
    while ((state & writer_inside) == 0) {
      // [write done] <- unlock()
      if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire, std::memory_order_relaxed))
        return true;
    }
    return false;
  }

  void unlock_shared() noexcept {
    // [read done] -> try_lock(); seq_cst: SB with writers_' sleepers
    const std::uint32_t before = state_.fetch_sub(1, std::memory_order_seq_cst);
    assert((before & ~writer_inside) != 0 && (before & writer_inside) == 0 && "unlock_shared() without lock_shared()");
    if (before == 1) writers_.ring_one();
  }

  void lock() noexcept {
    if (!try_lock()) writers_.wait_until([this] { return try_lock(); });
  }

  [[nodiscard]] bool try_lock() noexcept {
    // [read done] <- unlock_shared(): without it this write could overtake a read that has just ended.
    if (state_.load(std::memory_order_seq_cst) != 0) return false;
    std::uint32_t nobody = 0;
    // [read done] <- unlock_shared() and [write done] <- unlock(); seq_cst as the doorbell's rule
    return state_.compare_exchange_strong(nobody, writer_inside, std::memory_order_seq_cst);
  }

  void unlock() noexcept {
    // [write done] -> lock_shared(), try_lock_shared(), try_lock(); seq_cst: SB with both bells' sleepers
    const std::uint32_t before = state_.fetch_sub(writer_inside, std::memory_order_seq_cst);
    assert((before & writer_inside) != 0 && "unlock() without lock()");
    if (before != writer_inside)
      readers_.ring_all();  // they are inside now; the last of them rings for the writers
    else
      writers_.ring_one();
  }

 private:
  static constexpr std::uint32_t writer_inside = 1U << 31;

  // value                  meaning                               changed by
  // 0                      free
  // n                      n readers inside                      lock_shared() +1, unlock_shared() -1
  // writer_inside          a writer inside                       try_lock() from 0, unlock()
  // writer_inside + n      … and n readers wait for it to leave  lock_shared() +1
  std::atomic<std::uint32_t> state_{0};
  detail::doorbell readers_;  // rung when a writer left and readers are counted
  detail::doorbell writers_;  // rung when state_ became 0
};

static_assert(sizeof(reader_preferring) <= platform::cache_line, "state and bells are touched together: one line");

}  // namespace contend
