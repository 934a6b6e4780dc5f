// SPDX-License-Identifier: MIT
// The memory order in the name of an operation: the members of the atomic family are one operation at one order each.
#pragma once

#include <atomic>
#include <string_view>

namespace contend::detail {

/// Of the three names of an operation the one for `order`: the relaxed, the half-strong (acquire for a load, release
/// for a store, both for a read-modify-write) or the sequentially consistent one.
constexpr std::string_view name_at(std::memory_order order, std::string_view relaxed, std::string_view half,
                                   std::string_view seq_cst) {
  if (order == std::memory_order_relaxed) return relaxed;
  return order == std::memory_order_seq_cst ? seq_cst : half;
}

/// The order of a failed compare-and-exchange: it only reads.
constexpr std::memory_order on_failure(std::memory_order order) {
  return order == std::memory_order_acq_rel ? std::memory_order_acquire : order;
}

/// Orders that a load may have.
constexpr bool can_load(std::memory_order order) {
  return order == std::memory_order_relaxed || order == std::memory_order_acquire || order == std::memory_order_seq_cst;
}
/// Orders that a store may have.
constexpr bool can_store(std::memory_order order) {
  return order == std::memory_order_relaxed || order == std::memory_order_release || order == std::memory_order_seq_cst;
}

}  // namespace contend::detail
