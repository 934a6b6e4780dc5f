// SPDX-License-Identifier: MIT
// The contract of the counter family: many threads add, somebody sums.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "../facts.hpp"

namespace contend {

/// A counter made for `slots` threads (≥ 1). add(slot, n) adds n on behalf of thread number `slot` (< slots; no two
/// threads use one slot at the same time); sum() may overlap with add() and is then not a snapshot: every add that
/// happened before it is in it, none that happens after it is.
template <class C>
concept counter = described<C> && std::constructible_from<C, unsigned> &&
    requires(C& c, unsigned slot, std::uint64_t n) {
  c.add(slot, n);
  { c.sum() } -> std::same_as<std::uint64_t>;
};

}  // namespace contend
