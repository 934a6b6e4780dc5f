// SPDX-License-Identifier: MIT
// Adding to an atomic word by a compare-and-exchange loop.
#pragma once

#include <atomic>

#include "../platform.hpp"
#include "atomic.hpp"
#include "order.hpp"

namespace contend {

/// Adds by trying until nobody came between the read and the write. Lock-free: some thread always gets on, a given one
/// may not. Any threads may overlap. One try without the loop would lose updates.
template <std::memory_order Order>
class alignas(platform::cache_line) cas_word {
 public:
  static constexpr contend::facts facts{.name = detail::name_at(Order, "cas_relaxed", "cas_acq_rel", "cas_seq_cst"),
                                        .summary = "addition by a compare-and-exchange loop",
                                        .guarantees = progress::lock_free,
                                        .step = rung::atomic,
                                        .source = "Herlihy 1991"};
  static constexpr word_effect effect = word_effect::add;

  explicit cas_word(std::uint64_t initial) noexcept : word_(initial) {}
  std::uint64_t operate(std::uint64_t value) noexcept {
    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    while (!word_.compare_exchange_weak(seen, seen + value, Order, detail::on_failure(Order))) {
    }
    return seen;
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return word_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> word_;
};

}  // namespace contend
