// SPDX-License-Identifier: MIT
// Reading an atomic word.
#pragma once

#include <atomic>

#include "../platform.hpp"
#include "atomic.hpp"
#include "order.hpp"

namespace contend {

/// A word that is only read. Wait-free; any threads may overlap. The argument of operate() is not used.
/// On x86 a load is the same instruction at every order; on Arm acquire and seq_cst are a load-acquire.
template <std::memory_order Order>
class alignas(platform::cache_line) load_word {
  static_assert(detail::can_load(Order), "a load is relaxed, acquire or seq_cst");

 public:
  static constexpr contend::facts facts{.name = detail::name_at(Order, "load_relaxed", "load_acquire", "load_seq_cst"),
                                        .summary = "std::atomic load",
                                        .guarantees = progress::wait_free,
                                        .step = rung::atomic,
                                        .source = "C++11 [atomics.types.operations]"};
  static constexpr word_effect effect = word_effect::read;

  explicit load_word(std::uint64_t initial) noexcept : word_(initial) {}
  std::uint64_t operate(std::uint64_t /*unused*/) noexcept { return word_.load(Order); }
  [[nodiscard]] std::uint64_t value() const noexcept { return word_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> word_;
};

}  // namespace contend
