// SPDX-License-Identifier: MIT
// Reader-writer lock that admits writers first: no reader gets in while a writer waits.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>

#include "detail/doorbell.hpp"
#include "rwlock.hpp"

namespace contend {

/// A writer announces itself; from then on readers are held back until no writer is announced. Writers barge among
/// themselves. A stream of writers starves the readers. Blocking; spins, then sleeps. Up to 65535 readers inside and
/// 32767 writers announced at once.
/// Nested reads: not allowed, the inner one hangs when a writer has announced itself in between.
/// Source: Courtois, Heymans and Parnas 1971, problem 2; one word in place of their five semaphores.
class writer_preferring : public shared_sections<writer_preferring> {
 public:
  static constexpr contend::facts facts{.name = "writer_preferring",
                                        .summary = "no reader gets in while a writer waits; readers may starve",
                                        .admits = admission::writer_first,
                                        .waits = waiting::spin_then_park,
                                        .step = rung::shared_mutex,
                                        .source = "Courtois, Heymans and Parnas 1971, problem 2"};

  void lock_shared() noexcept {
    if (!try_lock_shared()) readers_.wait_until([this] { return try_lock_shared(); });
  }

  [[nodiscard]] bool try_lock_shared() noexcept {
    // [write done] <- unlock(): without it the reader could see data from before the last write; seq_cst as the bell's.
    std::uint32_t state = state_.load(std::memory_order_seq_cst);
    while ((state & writers) == 0) {
      assert((state & readers) != readers && "more than 65535 readers");
      // [write done] <- unlock()
      if (state_.compare_exchange_weak(state, state + 1, std::memory_order_seq_cst)) return true;
    }
    return false;
  }

  void unlock_shared() noexcept {
    // [read done] -> enter(); seq_cst: SB with writers_' sleepers
    const std::uint32_t before = state_.fetch_sub(1, std::memory_order_seq_cst);
    assert((before & readers) != 0 && "unlock_shared() without lock_shared()");
    if ((before & readers) == 1 && (before & writers) != 0) writers_.ring_one();
  }

  void lock() noexcept {
    if (try_lock()) return;
    // Announced before it looks: from here on no further reader gets in.
    [[maybe_unused]] const std::uint32_t before = state_.fetch_add(one_writer, std::memory_order_relaxed);
    assert((before & writers) != writers && "more than 32767 writers");
    writers_.wait_until([this] { return enter(0); });
  }

  [[nodiscard]] bool try_lock() noexcept { return enter(one_writer); }

  void unlock() noexcept {
    // [write done] -> try_lock_shared(), enter(); seq_cst: SB with both bells' sleepers
    const std::uint32_t before = state_.fetch_sub(writer_inside + one_writer, std::memory_order_seq_cst);
    assert((before & writer_inside) != 0 && "unlock() without lock()");
    if ((before & writers) != one_writer)
      writers_.ring_one();
    else
      readers_.ring_all();
  }

 private:
  static constexpr std::uint32_t readers = 0xFFFF;
  static constexpr std::uint32_t one_writer = 0x1'0000;
  static constexpr std::uint32_t writers = 0x7FFF'0000;
  static constexpr std::uint32_t writer_inside = 0x8000'0000;

  /// Takes the place inside if it is free, adding `announce` to the announced writers; never fails spuriously.
  [[nodiscard]] bool enter(std::uint32_t announce) noexcept {
    // [read done] <- unlock_shared(): without it this write could overtake a read that has just ended.
    std::uint32_t state = state_.load(std::memory_order_seq_cst);
    while ((state & (readers | writer_inside)) == 0) {
      // [read done] <- unlock_shared() and [write done] <- unlock(); seq_cst as the doorbell's rule
      if (state_.compare_exchange_weak(state, (state + announce) | writer_inside, std::memory_order_seq_cst))
        return true;
    }
    return false;
  }

  // bits    meaning                                   changed by
  // 0-15    readers inside                            try_lock_shared() +1 while no writer is announced,
  //                                                   unlock_shared() -1
  // 16-30   writers announced: waiting or inside      lock(), try_lock() +1, unlock() -1
  // 31      one of them is inside (then bits 0-15 = 0)  enter() sets, unlock() clears
  std::atomic<std::uint32_t> state_{0};
  detail::doorbell readers_;  // rung when no writer is announced any more
  detail::doorbell writers_;  // rung when the place inside became free and writers are announced
};

static_assert(sizeof(writer_preferring) <= platform::cache_line, "state and bells are touched together: one line");

}  // namespace contend
