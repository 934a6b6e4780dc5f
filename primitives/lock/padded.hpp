// SPDX-License-Identifier: MIT
// A lock on cache lines of its own, so that neither its data nor a neighbouring lock is falsely shared with it.
#pragma once

#include "../platform.hpp"
#include "lock.hpp"

namespace contend {

/// The lock L, aligned and padded to whole cache lines: for arrays of locks, and for small locks from the heap, which
/// the allocator would pack several to a line. Behaves as L in every other way.
template <class L>
struct alignas(alignof(L) > platform::cache_line ? alignof(L) : platform::cache_line) padded : L {
  using L::L;
};

}  // namespace contend
