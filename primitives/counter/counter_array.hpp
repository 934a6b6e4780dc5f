// SPDX-License-Identifier: MIT
// A value that has its bytes to itself on both sides, and the padded and unpadded arrays of counters made of it.
#pragma once

#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <memory>
#include <string_view>

#include "../platform.hpp"
#include "counter.hpp"

namespace contend {

/// A T whose block of `Bytes` bytes (a power of two) holds nothing else: it starts on a multiple of Bytes, and the
/// padding follows the value too, so neighbours in an array, or what comes after the last field of a struct, lie in
/// another block. (Padding written by hand between two fields leaves the second one next to whatever follows.)
template <class T, std::size_t Bytes>
struct alignas(Bytes > alignof(T) ? Bytes : alignof(T)) padded_to {
  static_assert(std::has_single_bit(Bytes), "padding is a power of two");
  T value{};
};
static_assert(sizeof(padded_to<char, 64>) == 64 && alignof(padded_to<char, 64>) == 64, "padding must follow the value");
static_assert(sizeof(padded_to<char[65], 64>) == 128, "a value of more than one block is padded to whole blocks");

/// One atomic per slot, `Stride` bytes from one to the next: 8 is the unpadded array, 64, 128 and 256 the padded ones.
/// The array starts and ends on a multiple of max(Stride, cache line), so it shares a line with nothing but itself and
/// the stride is the only difference between the members. 64 bytes separate lines; 128 also separate the pairs of
/// lines that x86 prefetchers fetch together, and are one line on Apple and POWER; 256 are one line on s390x.
///
/// Wait-free. Any threads may overlap; more than one may use a slot (it is fetch_add), it only costs time.
/// sum() is not a snapshot: it passes over the slots one after the other. Memory effect: none, all is relaxed.
template <std::size_t Stride>
class counter_array {
  static_assert(std::has_single_bit(Stride) && Stride >= sizeof(std::uint64_t));
  static constexpr std::size_t block_bytes = Stride > platform::cache_line ? Stride : platform::cache_line;
  static constexpr std::size_t per_block = block_bytes / Stride;

  using word = padded_to<std::atomic<std::uint64_t>, Stride>;
  struct alignas(block_bytes) block {
    word words[per_block];
  };
  static_assert(sizeof(word) == Stride, "the stride from slot to slot is what the name says");
  static_assert(sizeof(block) == block_bytes, "blocks follow each other without a gap");

  static constexpr std::string_view name() {
    switch (Stride) {
      case 8:
        return "unpadded";
      case 64:
        return "padded_64";
      case 128:
        return "padded_128";
      case 256:
        return "padded_256";
    }
    return "";
  }
  static constexpr std::string_view summary() {
    switch (Stride) {
      case 8:
        return "one slot per thread, side by side on the same lines";
      case 64:
        return "one slot per thread, 64 bytes apart";
      case 128:
        return "one slot per thread, 128 bytes apart (a pair of lines)";
      case 256:
        return "one slot per thread, 256 bytes apart";
    }
    return "";
  }

 public:
  static constexpr contend::facts facts{.name = name(),
                                        .summary = summary(),
                                        .guarantees = progress::wait_free,
                                        .step = rung::sharded,
                                        .source = "Torrellas, Lam and Hennessy 1994, section 3 (false sharing)"};
  static constexpr std::size_t stride = Stride;  ///< bytes from slot to slot

  /// An array of `slots` (≥ 1) zeros. Throws std::bad_alloc.
  explicit counter_array(unsigned slots)
      : slots_(slots), blocks_(std::make_unique<block[]>((slots + per_block - 1) / per_block)) {
    assert(slots >= 1);
  }

  /// Adds n to slot `slot` (below the number of slots).
  void add(unsigned slot, std::uint64_t n) noexcept { at(slot).fetch_add(n, std::memory_order_relaxed); }

  /// Everything added so far, modulo 2^64; linear in the number of slots.
  [[nodiscard]] std::uint64_t sum() const noexcept {
    std::uint64_t total = 0;
    for (unsigned slot = 0; slot < slots_; ++slot) total += at(slot).load(std::memory_order_relaxed);
    return total;
  }

  /// Where slot `slot` lies, for those who check the layout.
  [[nodiscard]] const void* address(unsigned slot) const noexcept { return &at(slot); }

 private:
  std::atomic<std::uint64_t>& at(unsigned slot) const noexcept {
    assert(slot < slots_);
    return blocks_[slot / per_block].words[slot % per_block].value;
  }

  unsigned slots_;
  std::unique_ptr<block[]> blocks_;
};

using unpadded = counter_array<8>;
using padded_64 = counter_array<64>;
using padded_128 = counter_array<128>;
using padded_256 = counter_array<256>;

}  // namespace contend
