// SPDX-License-Identifier: MIT
// A stress loop that nobody leaves before everybody has done its share.
#pragma once

#include <atomic>
#include <cstdint>

namespace contend::testing {

/// Makes threads overlap on a loaded machine too: where each does a fixed number of turns, the first is often done
/// before the last has got a processor, and nothing is tested. Here each goes on until the last has done `share`.
class overlapping {
 public:
  overlapping(unsigned threads, std::uint64_t share) : threads_(threads), share_(share) {}

  /// Calls turn(i) for i = 0, 1, … until every thread has called it `share` times. Returns this thread's calls.
  template <class Turn>
  std::uint64_t run(Turn turn) {
    std::uint64_t turns = 0;
    while (satisfied_.load(std::memory_order_relaxed) < threads_) {
      turn(turns);
      if (++turns == share_) satisfied_.fetch_add(1, std::memory_order_relaxed);
    }
    return turns;
  }

 private:
  unsigned threads_;
  std::uint64_t share_;
  std::atomic<unsigned> satisfied_{0};
};

/// Calls burst(round) for up to `bursts` rounds, numbered from attempt × bursts, and stops at the first that finds
/// something wrong (a number other than 0), which it returns. One attempt is so many short runs and not a long one:
/// a primitive that is right pays for all of them, a broken twin for one or two.
template <class Burst>
std::uint64_t first_violation(unsigned bursts, std::uint64_t attempt, Burst burst) {
  for (unsigned i = 0; i < bursts; ++i)
    if (const std::uint64_t violations = burst(attempt * bursts + i)) return violations;
  return 0;
}

}  // namespace contend::testing
