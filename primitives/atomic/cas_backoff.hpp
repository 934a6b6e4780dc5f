// SPDX-License-Identifier: MIT
// Adding by a compare-and-exchange loop that steps back after a lost race.
#pragma once

#include <atomic>

#include "../platform.hpp"
#include "atomic.hpp"
#include "order.hpp"

namespace contend {

/// As cas_word, and after a lost race waits a random number of relax() turns below a bound that doubles each time, up
/// to 64. The draw differs by thread and by call, so that losers do not come back together. Lock-free.
template <std::memory_order Order>
class alignas(platform::cache_line) cas_backoff_word {
 public:
  static constexpr contend::facts facts{
      .name = detail::name_at(Order, "cas_backoff_relaxed", "cas_backoff_acq_rel", "cas_backoff_seq_cst"),
      .summary = "compare-and-exchange loop with jittered exponential backoff",
      .guarantees = progress::lock_free,
      .step = rung::atomic,
      .source = "Anderson 1990; Dice, Hendler and Mirsky 2013"};
  static constexpr word_effect effect = word_effect::add;

  explicit cas_backoff_word(std::uint64_t initial) noexcept : word_(initial) {}
  std::uint64_t operate(std::uint64_t value) noexcept {
    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    for (std::uint64_t bound = 2; !word_.compare_exchange_weak(seen, seen + value, Order, detail::on_failure(Order));) {
      for (std::uint64_t turns = draw() % bound; turns > 0; --turns) platform::relax();
      if (bound < longest) bound *= 2;
      seen = word_.load(std::memory_order_relaxed);  // the value is old by now
    }
    return seen;
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return word_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint64_t longest = 64;  // about 2 µs of PAUSE: a few hand-overs of a contended line

  /// xorshift64 (Marsaglia 2003), seeded per thread: one seed for all would keep the herd together.
  static std::uint64_t draw() noexcept {
    thread_local std::uint64_t state = (std::uint64_t{platform::thread_index()} + 1) * 0x9E3779B97F4A7C15U;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state >> 32;
  }

  std::atomic<std::uint64_t> word_;
};

}  // namespace contend
