// SPDX-License-Identifier: MIT
// Big-reader lock: every reader counts on a cache line of its own, a writer closes all of them.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <memory>

#include "detail/doorbell.hpp"
#include "detail/reader_slots.hpp"
#include "detail/writer_mutex.hpp"
#include "rwlock.hpp"

namespace contend {

/// One padded slot per processor. A reader touches only its thread's slot; a writer closes every slot and waits until
/// each is empty, which costs it two atomic operations per slot. A reader that meets a closed slot leaves no trace in
/// it, so those turned away never delay the writer. Count and closed bit share a word: there is no flag/count
/// handshake. Blocking; readers and writers barge when a writer leaves; spins, then sleeps.
/// unlock_shared() is called by the thread that called lock_shared(). Nested reads: not allowed.
/// Memory: one cache line per processor, from the heap; the constructor throws std::bad_alloc. A first read in a
/// thread throws as platform::thread_index() does.
/// Source: Linux brlock (I. Molnar, 2000); Hsieh and Weihl 1992, "Scalable reader-writer locks for parallel systems"
/// (static algorithm). Deviation: a slot is chosen by the thread's number, and readers of one slot do not exclude
/// each other.
class big_reader : public shared_sections<big_reader> {
 public:
  static constexpr contend::facts facts{.name = "big_reader",
                                        .summary = "readers count on a line per processor, a writer closes all lines",
                                        .admits = admission::barging,
                                        .waits = waiting::spin_then_park,
                                        .step = rung::sharded,
                                        .source = "Hsieh and Weihl 1992; Linux brlock 2000"};

  /// `slots`: a power of two, 1 to 128.
  explicit big_reader(unsigned slots = detail::default_reader_slots())
      : count_(slots), slots_(std::make_unique<slot[]>(slots)) {
    assert(slots != 0 && (slots & (slots - 1)) == 0);
  }

  void lock_shared() {
    std::atomic<std::uint32_t>& mine = slots_[detail::reader_slot(count_)].state;
    if (!enter(mine)) readers_.wait_until([&mine] { return enter(mine); });
  }

  [[nodiscard]] bool try_lock_shared() { return enter(slots_[detail::reader_slot(count_)].state); }

  void unlock_shared() {
    std::atomic<std::uint32_t>& mine = slots_[detail::reader_slot(count_)].state;
    // [drained] -> lock(), try_lock(); seq_cst: SB with drain_'s sleepers
    const std::uint32_t before = mine.fetch_sub(1, std::memory_order_seq_cst);
    assert((before & ~closed) != 0 && "unlock_shared() without lock_shared()");
    if (before == (closed | 1)) drain_.ring_one();
  }

  void lock() noexcept {
    writers_.lock();
    for (unsigned i = 0; i < count_; ++i) slots_[i].state.fetch_or(closed, std::memory_order_relaxed);
    for (unsigned i = 0; i < count_; ++i)
      // [drained] <- unlock_shared(): without it this write could overtake a read that has just ended.
      drain_.wait_until([this, i] { return slots_[i].state.load(std::memory_order_seq_cst) == closed; });
  }

  [[nodiscard]] bool try_lock() noexcept {
    if (!writers_.try_lock()) return false;
    for (unsigned i = 0; i < count_; ++i) {
      std::uint32_t empty = 0;
      // [drained] <- unlock_shared()
      if (slots_[i].state.compare_exchange_strong(empty, closed, std::memory_order_acquire, std::memory_order_relaxed))
        continue;
      open(i);
      return false;
    }
    return true;
  }

  void unlock() noexcept { open(count_); }

 private:
  static constexpr std::uint32_t closed = 1U << 31;

  struct alignas(platform::cache_line) slot {
    // value        meaning                                 changed by
    // n            n readers inside, open                  enter() +1, unlock_shared() -1
    // closed + n   a writer waits for those n to leave     lock() sets; unlock_shared() -1
    // closed       a writer inside, or about to be         lock(), try_lock() set; unlock() clears
    std::atomic<std::uint32_t> state{0};
  };
  static_assert(sizeof(slot) == platform::cache_line, "neighbouring slots must not share a line");

  static bool enter(std::atomic<std::uint32_t>& mine) noexcept {
    // [write done] <- open(): without it the reader could see data from before the last write; seq_cst as the bell's.
    std::uint32_t state = mine.load(std::memory_order_seq_cst);
    while ((state & closed) == 0) {
      // [write done] <- open()
      if (mine.compare_exchange_weak(state, state + 1, std::memory_order_seq_cst)) return true;
    }
    return false;
  }

  /// Opens the first `n` slots, wakes their readers and lets the next writer come.
  void open(unsigned n) noexcept {
    for (unsigned i = 0; i < n; ++i) {
      // [write done] -> enter(); seq_cst: SB with readers_' sleepers
      const std::uint32_t before = slots_[i].state.fetch_and(~closed, std::memory_order_seq_cst);
      assert(before == closed && "unlock() without lock(), or a reader beside the writer");
      (void)before;
    }
    readers_.ring_all();
    writers_.unlock();
  }

  const unsigned count_;
  const std::unique_ptr<slot[]> slots_;
  detail::writer_mutex writers_;
  detail::doorbell readers_;  // rung when the slots are open again
  detail::doorbell drain_;    // rung when a closed slot became empty
};

}  // namespace contend
