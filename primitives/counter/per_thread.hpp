// SPDX-License-Identifier: MIT
// A counter whose slots have one writer each, so that an add needs no atomic read-modify-write.
#pragma once

#include <atomic>
#include <cassert>
#include <memory>

#include "counter.hpp"
#include "counter_array.hpp"

namespace contend {

/// One slot per thread, 128 bytes apart (a pair of lines: some prefetchers fetch two); an add is a plain load and a
/// plain store. Wait-free.
/// Two threads must not use one slot at the same time, or updates are lost: the contract's rule, and here it matters.
/// A slot may pass from thread to thread if the hand-over synchronises. sum() may overlap with everything and is not
/// a snapshot. Memory effect: none, all accesses are relaxed.
/// Source: McKenney, "Is Parallel Programming Hard", section 5.2.2 (array-based per-thread counters).
class per_thread {
 public:
  static constexpr contend::facts facts{.name = "per_thread",
                                        .summary = "one slot per thread with one writer: load and store, no RMW",
                                        .guarantees = progress::wait_free,
                                        .step = rung::sharded,
                                        .source = "McKenney, Is Parallel Programming Hard, section 5.2.2"};

  /// An array of `slots` (≥ 1) zeros. Throws std::bad_alloc.
  explicit per_thread(unsigned slots) : slots_(slots), words_(std::make_unique<word[]>(slots)) { assert(slots >= 1); }

  /// Adds n to slot `slot` (below the number of slots), of which this thread is the only writer now.
  void add(unsigned slot, std::uint64_t n) noexcept {
    assert(slot < slots_);
    auto& mine = words_[slot].value;
    mine.store(mine.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  /// Everything added so far, modulo 2^64; linear in the number of slots.
  [[nodiscard]] std::uint64_t sum() const noexcept {
    std::uint64_t total = 0;
    for (unsigned slot = 0; slot < slots_; ++slot) total += words_[slot].value.load(std::memory_order_relaxed);
    return total;
  }

 private:
  using word = padded_to<std::atomic<std::uint64_t>, 128>;
  static_assert(sizeof(word) == 128, "slots must not share a line");

  unsigned slots_;
  std::unique_ptr<word[]> words_;
};

}  // namespace contend
