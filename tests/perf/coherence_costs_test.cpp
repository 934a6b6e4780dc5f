// SPDX-License-Identifier: MIT
// What accesses that hit take, to the picosecond.
#include <gtest/gtest.h>

#include <atomic>
#include <tuple>

#include "tests/perf/simulated.hpp"

namespace contend::coherence {
namespace {

struct alignas(128) own_line {
  volatile unsigned long word = 0;
};
own_line own_lines[2];
alignas(128) std::atomic<unsigned long> counter{0};

/// What so many loads and stores of lines that hit, an atomic addition before them, take on a machine whose
/// read-modify-writes hide so much. `between`: done after the addition.
picoseconds addition_and_hits(
    picoseconds overlap, int loads, int stores, void (*between)() = [] {}) {
  machine m = round_machine();
  m.rmw_overlap = overlap;
  picoseconds taken = 0;
  simulation all(m, 1);
  all.run(
      [&](unsigned) {
        const auto [l, s, f] = std::tuple(loads, stores, between);  // in registers: reading them costs, too
        for (int k = 0; k < 2; ++k) {                               // the second time all lines are there
          pass(microsecond);
          const picoseconds start = now();
          counter.fetch_add(1, std::memory_order_relaxed);
          f();
          for (int i = 0; i < l; ++i) (void)own_lines[0].word;
          for (int i = 0; i < s; ++i) own_lines[1].word = 1;
          const outside here;
          taken = now() - start;
        }
      },
      [] {}, millisecond);
  return taken;
}

TEST(costs, hits_go_on_beside_a_read_modify_write_for_as_long_as_the_machine_says) {
  EXPECT_EQ(addition_and_hits(0, 3, 2), 5'000U + 3 * 400 + 2 * 300);
  EXPECT_EQ(addition_and_hits(1'000, 3, 2), 5'000U + 3 * 400 + 2 * 300 - 1'000) << "two and half of the third";
  EXPECT_EQ(addition_and_hits(5'000, 3, 2), 5'000U);
  EXPECT_EQ(addition_and_hits(5'000, 10, 10), 5'000U + 10 * 400 + 10 * 300 - 5'000);
  EXPECT_EQ(addition_and_hits(1'000, 1, 0, [] { pass(700); }), 5'000U + 700 + 400 - 1'000) << "so does work";
  EXPECT_EQ(addition_and_hits(1'000, 2, 0, [] { relax(); }), 5'000U + 12'000 + 2 * 400) << "a pause waits for all";
  EXPECT_EQ(addition_and_hits(1'000, 3, 0, [] { fence(); }), 5'000U + 6'000 + 3 * 400 - 1'000) << "a fence is like it";
}

}  // namespace
}  // namespace contend::coherence
