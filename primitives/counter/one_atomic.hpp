// SPDX-License-Identifier: MIT
// One atomic word that all threads add to.
#pragma once

#include <atomic>

#include "../platform.hpp"
#include "counter.hpp"

namespace contend {

/// fetch_add on one word with a line of its own: right, simple, and every add waits for the line.
/// Wait-free where the machine has fetch_add (else lock-free). Any threads may overlap, with any slots.
/// sum() is one load, so here it is a snapshot. Memory effect: none, all accesses are relaxed.
/// Source: C++11 [atomics.types.int].
class one_atomic {
 public:
  static constexpr contend::facts facts{.name = "one_atomic",
                                        .summary = "fetch_add on one shared word",
                                        .guarantees = progress::wait_free,
                                        .step = rung::atomic,
                                        .baseline = true,
                                        .source = "C++11 [atomics.types.int]"};

  /// `slots` is not used: all threads share the word.
  explicit one_atomic(unsigned /*slots*/) noexcept {}
  one_atomic(const one_atomic&) = delete;
  one_atomic& operator=(const one_atomic&) = delete;

  /// Adds n; `slot` is not used.
  void add(unsigned /*slot*/, std::uint64_t n) noexcept { total_.fetch_add(n, std::memory_order_relaxed); }

  /// Everything added so far, modulo 2^64.
  [[nodiscard]] std::uint64_t sum() const noexcept { return total_.load(std::memory_order_relaxed); }

 private:
  alignas(platform::cache_line) std::atomic<std::uint64_t> total_{0};
};
static_assert(sizeof(one_atomic) == platform::cache_line, "the word must have its line to itself");

}  // namespace contend
