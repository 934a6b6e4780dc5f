// SPDX-License-Identifier: MIT
// What accesses that hit take, to the picosecond.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <ctime>
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
  EXPECT_EQ(addition_and_hits(1'000, 3, 2), 5'000U + 3 * 400 + 2 * 300 - 1'000) << "as long as two and a half";
  EXPECT_EQ(addition_and_hits(5'000, 3, 2), 5'000U);
  EXPECT_EQ(addition_and_hits(5'000, 10, 10), 5'000U + 10 * 400 + 10 * 300 - 5'000);
  EXPECT_EQ(addition_and_hits(1'000, 1, 0, [] { pass(700); }), 5'000U + 700 + 400 - 1'000) << "so does work";
  EXPECT_EQ(addition_and_hits(1'000, 2, 0, [] { relax(); }), 5'000U + 12'000 + 2 * 400) << "a pause waits for all";
  EXPECT_EQ(addition_and_hits(1'000, 3, 0, [] { fence(); }), 5'000U + 6'000 + 3 * 400 - 1'000) << "a fence is like it";
  for (const picoseconds overlap : {0, 5'000}) {  // none of these goes on beside it
    EXPECT_EQ(addition_and_hits(overlap, 0, 0, [] { yield(); }), 5'000U + 150'000);
    EXPECT_EQ(addition_and_hits(overlap, 0, 0, [] { usleep(0); }), 5'000U + 150'000);
    EXPECT_EQ(addition_and_hits(overlap, 0, 0, [] { (void)time(nullptr); }), 5'000U + 40'000);
    EXPECT_EQ(addition_and_hits(overlap, 0, 0, [] { fence_everywhere(); }), 5'000U + 150'000);
  }
}

struct race {
  unsigned long won[2] = {};
  event_counts counts;
};

/// Two threads that test and set one flag, back to back, each taking a pause when it has lost.
race race_for_a_flag(const machine& m) {
  schedule_options varied;
  varied.kind = schedule_kind::varied;
  simulation all(m, 2, varied);
  static own_line guarded;
  alignas(128) static std::atomic<unsigned> flag{0};
  race out;
  all.run(
      [&](unsigned thread) {
        while (now() < 200 * microsecond) {
          while (flag.exchange(1, std::memory_order_acquire) != 0) relax();
          guarded.word = guarded.word + 1;
          flag.store(0, std::memory_order_release);
          const outside here;
          ++out.won[thread];
        }
      },
      [] {}, millisecond);
  out.counts = all.model().counts();
  return out;
}

TEST(costs, nobody_wins_every_race) {
  // Until version 4 what followed a read-modify-write began when that was over: a flag that was set and cleared back to
  // back was never seen clear, and threads in step lost every time.
  machine m = round_machine();  // with legs and hits as on a Zen 4
  m.near = {3'900, 3'900, 15'200, 3'900};
  m.load = 90;
  m.store = 136;
  m.rmw = m.rmw_overlap = 2'030;
  m.pause = 24'400;
  const race out = race_for_a_flag(m);
  const auto [least, most] = std::minmax(out.won[0], out.won[1]);
  EXPECT_GT(least, 1'000U);
  EXPECT_LT(most, 2 * least);
  EXPECT_GT(out.counts.spins, 100U) << "and each loses now and then";
}

}  // namespace
}  // namespace contend::coherence
