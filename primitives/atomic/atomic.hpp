// SPDX-License-Identifier: MIT
// The contracts of the three atomic families: operations on one word, fences, and a pair of metrics.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>

#include "../facts.hpp"

namespace contend {

/// What an operation does to its word, and so how a workload proves it right.
enum class word_effect {
  read,   ///< operate() returns the value and changes nothing
  write,  ///< operate(v) makes the value v; the result is v
  swap,   ///< operate(v) makes the value v and returns the one it replaced
  add,    ///< operate(v) adds v and returns the value before
};

constexpr std::string_view to_string(word_effect effect) {
  switch (effect) {
    case word_effect::read:
      return "read";
    case word_effect::write:
      return "write";
    case word_effect::swap:
      return "swap";
    case word_effect::add:
      return "add";
  }
  return "";
}

/// Family `atomic`: one 64-bit word with one operation. Any threads may overlap in operate().
/// value(): the word, exact when nobody operates.
template <class W>
concept word_operation = described<W> && std::constructible_from<W, std::uint64_t> && requires(W& w, std::uint64_t v) {
  { w.operate(v) }
  noexcept->std::same_as<std::uint64_t>;
  { w.value() } -> std::same_as<std::uint64_t>;
  { W::effect } -> std::convertible_to<word_effect>;
};

/// Family `fence`: what stands between a store and a load. light() on the frequent side, heavy() on the rare one;
/// the same for a symmetric fence. `orders_store_load`: with light() on one side and heavy() on the other (or heavy()
/// on both), two threads that store and then load each other's word cannot both miss (litmus SB).
template <class F>
concept fence = described<F> && requires {
  F::light();
  F::heavy();
  { F::orders_store_load } -> std::convertible_to<bool>;
  { F::available() } -> std::same_as<bool>;
};

/// A reading of a pair of metrics.
struct metrics_snapshot {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;  ///< requests that failed, so never more than requests in a consistent snapshot
};

/// Family `metrics`: counts of requests and errors. record() and snapshot() may overlap from any threads.
/// `consistent`: a snapshot is a state that the pair was really in.
template <class M>
concept metrics_pair = described<M> && std::default_initializable<M> && requires(M& m, bool failed) {
  m.record(failed);
  { m.snapshot() } -> std::same_as<metrics_snapshot>;
  { M::consistent } -> std::convertible_to<bool>;
};

}  // namespace contend
