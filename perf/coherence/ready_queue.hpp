// SPDX-License-Identifier: MIT
// Who runs next: the thread with the earliest time, among equals the one with the lowest number.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "machine.hpp"

namespace contend::coherence {

/// A tournament: a leaf for each thread, and in each node above the earlier one of the two below. A change is one walk
/// to the root whose length is always the same, so processors can tell beforehand where it goes, which with a heap they
/// cannot: that is 3 times as fast. Beyond 2^55 ps (10 hours) of virtual time order is by number alone.
class ready_queue {
 public:
  struct entry {
    picoseconds when = 0;
    unsigned thread = 0;
  };

  /// For threads 0 … threads−1, at most 256.
  explicit ready_queue(unsigned threads)
      : leaves_(std::bit_ceil(std::size_t{threads})), nodes_(2 * leaves_, nobody), when_(threads) {}

  [[nodiscard]] bool empty() const noexcept { return nodes_[1] == nobody; }
  /// Of those that wait; there must be one.
  [[nodiscard]] entry top() const noexcept {
    const unsigned first = thread_of(nodes_[1]);
    return {when_[first], first};
  }
  /// Whether somebody waits who comes before a thread at a time.
  [[nodiscard]] bool anyone_before(picoseconds when, unsigned thread) const noexcept {
    return nodes_[1] < key(when, thread);
  }
  /// The time of top(); one that never comes if nobody waits.
  [[nodiscard]] picoseconds first_time() const noexcept { return nodes_[1] >> 8; }
  /// For when a thread waits; a time that never comes if it does not.
  [[nodiscard]] picoseconds time_of(unsigned thread) const noexcept { return nodes_[leaves_ + thread] >> 8; }
  /// The thread waits until then, whatever it waited for before.
  void put(unsigned thread, picoseconds when) noexcept {
    when_[thread] = when;
    set(thread, key(when, thread));
  }
  /// It does not wait.
  void remove(unsigned thread) noexcept { set(thread, nobody); }
  entry take_first() noexcept {
    const entry first = top();
    remove(first.thread);
    return first;
  }

 private:
  static constexpr std::uint64_t nobody = ~std::uint64_t{0};
  static std::uint64_t key(picoseconds when, unsigned thread) noexcept {
    return std::min(when, picoseconds{1} << 55) << 8 | thread;
  }
  static unsigned thread_of(std::uint64_t key) noexcept { return static_cast<unsigned>(key & 0xff); }
  void set(unsigned thread, std::uint64_t to) noexcept {
    std::size_t at = leaves_ + thread;
    nodes_[at] = to;
    for (; at > 1; at /= 2) {
      to = std::min(to, nodes_[at ^ 1]);
      nodes_[at / 2] = to;
    }
  }

  std::size_t leaves_;
  std::vector<std::uint64_t> nodes_;  // 1: the root; 2i and 2i + 1 are below i
  std::vector<picoseconds> when_;
};

}  // namespace contend::coherence
