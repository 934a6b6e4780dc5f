// SPDX-License-Identifier: MIT
// Swapping a value into an atomic word.
#pragma once

#include <atomic>

#include "../platform.hpp"
#include "atomic.hpp"
#include "order.hpp"

namespace contend {

/// Puts a value in and takes the old one out. Wait-free on machines with such an instruction; any threads may overlap.
template <std::memory_order Order>
class alignas(platform::cache_line) exchange_word {
 public:
  static constexpr contend::facts facts{
      .name = detail::name_at(Order, "exchange_relaxed", "exchange_acq_rel", "exchange_seq_cst"),
      .summary = "std::atomic exchange",
      .guarantees = progress::wait_free,
      .step = rung::atomic,
      .source = "C++11 [atomics.types.operations]"};
  static constexpr word_effect effect = word_effect::swap;

  explicit exchange_word(std::uint64_t initial) noexcept : word_(initial) {}
  std::uint64_t operate(std::uint64_t value) noexcept { return word_.exchange(value, Order); }
  [[nodiscard]] std::uint64_t value() const noexcept { return word_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> word_;
};

}  // namespace contend
