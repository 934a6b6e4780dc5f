// SPDX-License-Identifier: MIT
// Writing an atomic word.
#pragma once

#include <atomic>

#include "../platform.hpp"
#include "atomic.hpp"
#include "order.hpp"

namespace contend {

/// A word that is only written: the last store stands. Wait-free; any threads may overlap; returns its argument.
/// On x86 only seq_cst costs more (an exchange, or a store and a fence).
template <std::memory_order Order>
class alignas(platform::cache_line) store_word {
  static_assert(detail::can_store(Order), "a store is relaxed, release or seq_cst");

 public:
  static constexpr contend::facts facts{
      .name = detail::name_at(Order, "store_relaxed", "store_release", "store_seq_cst"),
      .summary = "std::atomic store",
      .guarantees = progress::wait_free,
      .step = rung::atomic,
      .source = "C++11 [atomics.types.operations]"};
  static constexpr word_effect effect = word_effect::write;

  explicit store_word(std::uint64_t initial) noexcept : word_(initial) {}
  std::uint64_t operate(std::uint64_t value) noexcept {
    word_.store(value, Order);
    return value;
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return word_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> word_;
};

}  // namespace contend
