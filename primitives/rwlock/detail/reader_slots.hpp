// SPDX-License-Identifier: MIT
// How many places an rwlock with distributed readers has, and which of them is this thread's.
#pragma once

#include <algorithm>
#include <bit>
#include <thread>

#include "../../platform.hpp"

namespace contend::detail {

/// One place per processor, rounded up to a power of two, 1 to 128: a writer visits them all.
inline unsigned default_reader_slots() noexcept {
  return std::bit_ceil(std::clamp(std::thread::hardware_concurrency(), 1U, 128U));
}

/// The place of this thread among `slots` (a power of two): the same for the thread's whole life. Threads whose dense
/// numbers differ by a multiple of `slots` share one. Throws what platform::thread_index() throws, in a first call.
inline unsigned reader_slot(unsigned slots) { return platform::thread_index() & (slots - 1); }

}  // namespace contend::detail
