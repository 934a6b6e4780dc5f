// SPDX-License-Identifier: MIT
// Phase-fair ticket lock (PF-T): read phases and write phases alternate while both sides wait.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>

#include "detail/doorbell.hpp"
#include "rwlock.hpp"

namespace contend {

/// A reader waits for at most one write phase, a writer for the readers that came before it and for the writers with
/// lower tickets: nobody starves. Blocking; writers fifo. Up to 2^24 - 1 readers at once.
/// Nested reads: not allowed, the inner one hangs when a writer has come in between.
/// Source: Brandenburg and Anderson 2010, "Spin-based reader-writer synchronization for multiprocessor real-time
/// systems", listing 3 (PF-T). Deviations: waiters sleep after a while; try forms.
class phase_fair : public shared_sections<phase_fair> {
 public:
  static constexpr contend::facts facts{.name = "phase_fair",
                                        .summary = "read and write phases alternate: nobody starves (PF-T)",
                                        .admits = admission::phase_fair,
                                        .waits = waiting::spin_then_park,
                                        .step = rung::shared_mutex,
                                        .source = "Brandenburg and Anderson 2010, PF-T"};

  void lock_shared() noexcept {
    // [phase] <- unlock(): without acquire the reader could see data from before the last write.
    const std::uint32_t writer = in_.fetch_add(one_reader, std::memory_order_acquire) & writer_bits;
    if (writer == 0) return;
    // That writer's leaving is enough: the next one has counted this reader and waits for it.
    readers_.wait_until([this, writer] {
      // [phase] <- unlock(); seq_cst: SB with readers_' sleepers
      return (in_.load(std::memory_order_seq_cst) & writer_bits) != writer;
    });
  }

  [[nodiscard]] bool try_lock_shared() noexcept {
    std::uint32_t in = in_.load(std::memory_order_relaxed);
    while ((in & writer_bits) == 0) {
      // [phase] <- unlock()
      if (in_.compare_exchange_weak(in, in + one_reader, std::memory_order_acquire, std::memory_order_relaxed))
        return true;
    }
    return false;
  }

  void unlock_shared() noexcept {
    assert(readers_counted() != 0 && "unlock_shared() without lock_shared()");
    out_.fetch_add(one_reader, std::memory_order_seq_cst);  // [drained] -> lock(); seq_cst: SB with drain_'s sleepers
    drain_.ring_one();
  }

  void lock() noexcept {
    const std::uint32_t ticket = tickets_.fetch_add(1, std::memory_order_relaxed);
    // [turn] <- pass_turn(): without it this writer could miss what the last one wrote; seq_cst as the doorbell's rule.
    turn_.wait_until([this, ticket] { return served_.load(std::memory_order_seq_cst) == ticket; });
    const std::uint32_t arrived = in_.fetch_add(bits_of(ticket), std::memory_order_relaxed);
    assert((arrived & writer_bits) == 0);
    // [drained] <- unlock_shared(): without it this write could overtake a read that has just ended.
    drain_.wait_until([this, arrived] { return out_.load(std::memory_order_seq_cst) == arrived; });
  }

  /// Fails also while a writer waits for its turn or another try_lock() is under way.
  [[nodiscard]] bool try_lock() noexcept {
    std::uint32_t ticket = served_.load(std::memory_order_acquire);  // [turn] <- pass_turn()
    const std::uint32_t mine = ticket;
    if (!tickets_.compare_exchange_strong(ticket, mine + 1, std::memory_order_relaxed)) return false;
    std::uint32_t arrived = out_.load(std::memory_order_acquire);  // [drained] <- unlock_shared()
    // Succeeds only if all that ever came in had gone out: then nobody is inside.
    if (in_.compare_exchange_strong(arrived, arrived + bits_of(mine), std::memory_order_relaxed)) return true;
    pass_turn();
    return false;
  }

  void unlock() noexcept {
    // [phase] -> lock_shared(), try_lock_shared(); seq_cst: SB with readers_' sleepers
    [[maybe_unused]] const std::uint32_t before = in_.fetch_and(~writer_bits, std::memory_order_seq_cst);
    assert((before & writer_bits) != 0 && "unlock() without lock()");
    readers_.ring_all();
    pass_turn();
  }

 private:
  static constexpr std::uint32_t phase_bit = 1;  // parity of the writer's ticket: tells two phases apart
  static constexpr std::uint32_t present = 2;    // a writer is inside or drains the readers
  static constexpr std::uint32_t writer_bits = 3;
  static constexpr std::uint32_t one_reader = 0x100;

  static constexpr std::uint32_t bits_of(std::uint32_t ticket) noexcept { return present | (ticket & phase_bit); }

  void pass_turn() noexcept {
    served_.fetch_add(1, std::memory_order_seq_cst);  // [turn] -> lock(), try_lock(); seq_cst: SB with turn_'s sleepers
    turn_.ring_all();                                 // each waits for a ticket of its own
  }

  /// Readers inside or waiting. Exact only with one's own read held: then it is not 0.
  [[nodiscard]] std::uint32_t readers_counted() const noexcept {
    // [drained] <- unlock_shared(): out first, or readers that come and go between the loads would look like an excess.
    const std::uint32_t out = out_.load(std::memory_order_acquire);
    return (in_.load(std::memory_order_relaxed) & ~writer_bits) - out;
  }

  // word      bits   meaning                         changed by
  // in_       8-31   readers that came (mod 2^24)    lock_shared(), try_lock_shared()
  //           1      a writer is present             lock(), try_lock() set, unlock() clears
  //           0      the parity of its ticket        as bit 1
  // out_      8-31   readers that left (mod 2^24)    unlock_shared()
  // tickets_  all    next ticket to draw             lock(), try_lock()
  // served_   all    ticket whose writer has the turn  unlock(), try_lock() that failed
  std::atomic<std::uint32_t> in_{0};
  std::atomic<std::uint32_t> out_{0};
  std::atomic<std::uint32_t> tickets_{0};
  std::atomic<std::uint32_t> served_{0};
  detail::doorbell readers_;  // rung when a writer left
  detail::doorbell drain_;    // rung when a reader left
  detail::doorbell turn_;     // rung when the turn passed on
};

static_assert(sizeof(phase_fair) <= platform::cache_line, "words and bells are touched together: one line");

}  // namespace contend
