// SPDX-License-Identifier: MIT
// A counter with about as many stripes as processors, shared by however many threads there are.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <memory>
#include <thread>

#include "counter.hpp"
#include "counter_array.hpp"

namespace contend {

/// Stripes 128 bytes apart, min(slots, processors rounded up to a power of two) of them, so memory and the time of
/// sum() do not grow with the threads. A hash of the slot's number chooses its stripe (multiplicative hashing, then
/// the high bits), so slots share stripes even where there would be one for each: that is what not numbering the
/// threads costs, and why an add is fetch_add.
///
/// Wait-free. Any threads may overlap, with any slots. sum() is not a snapshot. Memory effect: none, all is relaxed.
/// Source: the JDK's Striped64 and LongAdder (Lea, 2011); here the stripes are fixed, and a thread does not move to
/// another stripe after a collision.
class striped {
 public:
  static constexpr contend::facts facts{.name = "striped",
                                        .summary = "about one padded stripe per processor, chosen by a hash",
                                        .guarantees = progress::wait_free,
                                        .step = rung::sharded,
                                        .source = "JDK LongAdder (Lea 2011), stripes fixed"};

  /// Stripes for `slots` (≥ 1) threads, zeros. Throws std::bad_alloc.
  explicit striped(unsigned slots)
      : stripes_(std::min(slots, std::bit_ceil(std::max(1U, std::thread::hardware_concurrency())))),
        words_(std::make_unique<word[]>(stripes_)) {
    assert(slots >= 1);
  }

  /// Adds n to the stripe of `slot` (any number).
  void add(unsigned slot, std::uint64_t n) noexcept {
    words_[stripe_of(slot)].value.fetch_add(n, std::memory_order_relaxed);
  }

  /// Everything added so far, modulo 2^64; linear in the number of stripes.
  [[nodiscard]] std::uint64_t sum() const noexcept {
    std::uint64_t total = 0;
    for (unsigned stripe = 0; stripe < stripes_; ++stripe)
      total += words_[stripe].value.load(std::memory_order_relaxed);
    return total;
  }

  [[nodiscard]] unsigned stripes() const noexcept { return stripes_; }

  /// The stripe of `slot`, below stripes(): Knuth's multiplicative hash, scaled to the number of stripes.
  [[nodiscard]] unsigned stripe_of(unsigned slot) const noexcept {
    const std::uint32_t hash = slot * 2'654'435'769U;  // 2^32 / golden ratio
    return static_cast<unsigned>((std::uint64_t{hash} * stripes_) >> 32);
  }

 private:
  using word = padded_to<std::atomic<std::uint64_t>, 128>;
  static_assert(sizeof(word) == 128, "stripes must not share a line");

  unsigned stripes_;
  std::unique_ptr<word[]> words_;
};

}  // namespace contend
