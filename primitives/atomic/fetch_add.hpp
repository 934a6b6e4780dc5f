// SPDX-License-Identifier: MIT
// Adding to an atomic word.
#pragma once

#include <atomic>

#include "../platform.hpp"
#include "atomic.hpp"
#include "order.hpp"

namespace contend {

/// Adds and returns the value before, modulo 2^64. Wait-free on machines with such an instruction (x86, Arm with LSE);
/// any threads may overlap.
template <std::memory_order Order>
class alignas(platform::cache_line) fetch_add_word {
 public:
  static constexpr contend::facts facts{
      .name = detail::name_at(Order, "fetch_add_relaxed", "fetch_add_acq_rel", "fetch_add_seq_cst"),
      .summary = "std::atomic fetch_add",
      .guarantees = progress::wait_free,
      .step = rung::atomic,
      .source = "C++11 [atomics.types.operations]"};
  static constexpr word_effect effect = word_effect::add;

  explicit fetch_add_word(std::uint64_t initial) noexcept : word_(initial) {}
  std::uint64_t operate(std::uint64_t value) noexcept { return word_.fetch_add(value, Order); }
  [[nodiscard]] std::uint64_t value() const noexcept { return word_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> word_;
};

}  // namespace contend
