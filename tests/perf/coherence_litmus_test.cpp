// SPDX-License-Identifier: MIT
// The weak memory against litmus tests: every outcome that it is to show is shown within four hundred schedules, and
// none that C++ forbids.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "perf/coherence/simulation.hpp"

namespace contend::coherence {
namespace {

using ::testing::UnorderedElementsAreArray;

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto acq_rel = std::memory_order_acq_rel;
constexpr auto seq_cst = std::memory_order_seq_cst;
using order = std::memory_order;

machine one_that_takes_time() {
  machine m;
  m.name = "test";
  m.load = m.store = 400;
  m.rmw = 4'500;
  m.pause = 12'000;
  m.system_call = m.futex = 150'000;
  return m;
}

/// What a litmus test has: three words and what was read of them.
struct litmus {
  alignas(128) std::atomic<int> x{0};
  alignas(128) std::atomic<int> y{0};
  alignas(128) std::atomic<int> z{0};
  std::array<int, 4> read{};
};
using body = std::function<void(litmus&)>;
using outcomes = std::set<std::string>;

constexpr std::uint64_t schedules = 400;

/// All that was read in four hundred schedules, as digits; `reads`: how many of them there are.
outcomes seen(unsigned reads, bool weak, const std::vector<body>& bodies) {
  outcomes all;
  for (std::uint64_t seed = 0; seed < schedules; ++seed) {
    litmus words;
    simulation run(one_that_takes_time(), static_cast<unsigned>(bodies.size()),
                   {.kind = seed % 2 == 0 ? schedule_kind::random : schedule_kind::pct,
                    .seed = seed,
                    .length = 10,
                    .weak = weak,
                    .keep_threads = true});
    run.run([&](unsigned i) { bodies[i](words); }, {}, 1'000'000'000);
    std::string digits;
    for (unsigned i = 0; i < reads; ++i) digits += static_cast<char>('0' + words.read[i]);
    all.insert(digits);
  }
  return all;
}

/// Without `weak` whatever the orders are, the outcomes are those of some interleaving.
void expect(unsigned reads, const std::vector<body>& bodies, const outcomes& interleaved, const outcomes& weakly = {}) {
  EXPECT_THAT(seen(reads, false, bodies), UnorderedElementsAreArray(interleaved)) << "strict";
  outcomes both = interleaved;
  both.insert(weakly.begin(), weakly.end());
  EXPECT_THAT(seen(reads, true, bodies), UnorderedElementsAreArray(both)) << "weak";
}

std::vector<body> store_buffering(order store, order load, bool fences = false) {
  const auto side = [=](auto mine, auto other, unsigned at) {
    return [=](litmus& l) {
      (l.*mine).store(1, store);
      if (fences) std::atomic_thread_fence(seq_cst);
      l.read[at] = (l.*other).load(load);
    };
  };
  return {side(&litmus::x, &litmus::y, 0), side(&litmus::y, &litmus::x, 1)};
}

TEST(weak_litmus, SB_needs_seq_cst_on_all_four_or_two_fences) {
  const outcomes interleaved{"01", "10", "11"};
  expect(2, store_buffering(relaxed, relaxed), interleaved, {"00"});
  expect(2, store_buffering(release, acquire), interleaved, {"00"});
  expect(2, store_buffering(seq_cst, acquire), interleaved, {"00"});
  expect(2, store_buffering(release, seq_cst), interleaved, {"00"});
  expect(2, store_buffering(seq_cst, seq_cst), interleaved);
  expect(2, store_buffering(relaxed, relaxed, true), interleaved);
}

TEST(weak_litmus, SB_is_not_stopped_by_one_fence_alone) {
  auto bodies = store_buffering(relaxed, relaxed, true);
  bodies[1] = store_buffering(relaxed, relaxed, false)[1];
  expect(2, bodies, {"01", "10", "11"}, {"00"});
}

std::vector<body> message_passing(order store, order load) {
  return {[=](litmus& l) {
            l.x.store(1, relaxed);
            l.y.store(1, store);
          },
          [=](litmus& l) {
            l.read[0] = l.y.load(load);
            l.read[1] = l.x.load(relaxed);
          }};
}

TEST(weak_litmus, MP_needs_release_and_acquire) {
  const outcomes interleaved{"00", "01", "11"};
  expect(2, message_passing(relaxed, relaxed), interleaved, {"10"});
  expect(2, message_passing(release, relaxed), interleaved, {"10"});
  expect(2, message_passing(relaxed, acquire), interleaved, {"10"});
  expect(2, message_passing(release, acquire), interleaved);
  expect(2, message_passing(seq_cst, seq_cst), interleaved);
}

TEST(weak_litmus, MP_by_fences) {
  const auto bodies = [](order writers, order readers) -> std::vector<body> {
    return {[=](litmus& l) {
              l.x.store(1, relaxed);
              std::atomic_thread_fence(writers);
              l.y.store(1, relaxed);
            },
            [=](litmus& l) {
              l.read[0] = l.y.load(relaxed);
              std::atomic_thread_fence(readers);
              l.read[1] = l.x.load(relaxed);
            }};
  };
  const outcomes interleaved{"00", "01", "11"};
  expect(2, bodies(release, acquire), interleaved);
  expect(2, bodies(acq_rel, acq_rel), interleaved);
  expect(2, bodies(seq_cst, seq_cst), interleaved);
  expect(2, bodies(acquire, acquire), interleaved, {"10"});
  expect(2, bodies(release, release), interleaved, {"10"});
}

TEST(weak_litmus, MP_through_a_read_modify_write_of_a_third_thread) {
  const auto bodies = [](order update) -> std::vector<body> {
    return {[](litmus& l) {
              l.x.store(1, relaxed);
              l.y.store(1, release);
            },
            [=](litmus& l) { l.y.fetch_add(2, update); },
            [](litmus& l) {
              l.read[0] = l.y.load(acquire);
              l.read[1] = l.x.load(relaxed);
            }};
  };
  // y: 1 is the store, 2 the update alone, 3 both, the update last; "10" and "30" need the release to be lost.
  const outcomes interleaved{"00", "01", "11", "20", "21", "31"};
  expect(2, bodies(relaxed), interleaved);
  expect(2, bodies(acq_rel), interleaved);
}

TEST(weak_litmus, coherence_of_one_word_holds_whatever_the_orders) {
  const std::vector<body> bodies{[](litmus& l) {
                                   l.x.store(1, relaxed);
                                   l.x.store(2, relaxed);
                                 },
                                 [](litmus& l) {
                                   l.read[0] = l.x.load(relaxed);
                                   l.read[1] = l.x.load(relaxed);
                                 }};
  expect(2, bodies, {"00", "01", "02", "11", "12", "22"});
}

TEST(weak_litmus, a_thread_reads_its_own_stores) {
  expect(1,
         {[](litmus& l) {
            l.x.store(1, relaxed);
            l.read[0] = l.x.load(relaxed);
          },
          [](litmus& l) { l.x.store(2, relaxed); }},
         {"1", "2"});
}

TEST(weak_litmus, IRIW_needs_seq_cst) {
  const auto bodies = [](order store, order load) -> std::vector<body> {
    return {[=](litmus& l) { l.x.store(1, store); }, [=](litmus& l) { l.y.store(1, store); },
            [=](litmus& l) {
              l.read[0] = l.x.load(load);
              l.read[1] = l.y.load(load);
            },
            [=](litmus& l) {
              l.read[2] = l.y.load(load);
              l.read[3] = l.x.load(load);
            }};
  };
  outcomes all;
  for (const char a : {'0', '1'})
    for (const char b : {'0', '1'})
      for (const char c : {'0', '1'})
        for (const char d : {'0', '1'}) all.insert({a, b, c, d});
  outcomes interleaved = all;
  interleaved.erase("1010");
  expect(4, bodies(release, acquire), interleaved, all);
  expect(4, bodies(seq_cst, seq_cst), interleaved);
}

TEST(weak_litmus, two_plus_two_W_needs_seq_cst) {
  const auto bodies = [](order store) -> std::vector<body> {
    return {[=](litmus& l) {
              l.x.store(1, store);
              l.y.store(2, store);
              l.z.fetch_add(1, acq_rel);
            },
            [=](litmus& l) {
              l.y.store(1, store);
              l.x.store(2, store);
              l.z.fetch_add(1, acq_rel);
            },
            [](litmus& l) {  // when both are done and known of: what came last
              while (l.z.load(acquire) != 2) relax();
              l.read[0] = l.x.load(relaxed);
              l.read[1] = l.y.load(relaxed);
            }};
  };
  const outcomes interleaved{"12", "21", "22"};
  expect(2, bodies(relaxed), interleaved, {"11"});
  expect(2, bodies(release), interleaved, {"11"});
  expect(2, bodies(seq_cst), interleaved);
}

TEST(weak_litmus, a_value_stored_later_is_never_read) {
  expect(2,
         {[](litmus& l) {
            l.read[0] = l.x.load(relaxed);
            l.y.store(1, relaxed);
          },
          [](litmus& l) {
            l.read[1] = l.y.load(relaxed);
            l.x.store(1, relaxed);
          }},
         {"00", "01", "10"});
}

TEST(weak_litmus, updates_are_atomic_and_none_is_lost) {
  for (const order by : {relaxed, acq_rel, seq_cst})
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      std::atomic<unsigned> count{0};
      simulation run(one_that_takes_time(), 3, {.kind = schedule_kind::random, .seed = seed, .weak = true});
      run.run(
          [&](unsigned i) {
            for (int k = 0; k < 20; ++k) {
              if (i == 0) {
                count.fetch_add(1, by);
              } else {
                unsigned now = count.load(relaxed);
                while (!(i == 1 ? count.compare_exchange_weak(now, now + 1, by, relaxed)
                                : count.compare_exchange_strong(now, now + 1, by, relaxed))) {
                }
              }
            }
          },
          {}, 1'000'000'000);
      ASSERT_EQ(count.load(), 60U) << "seed " << seed;
    }
}

TEST(weak_litmus, a_store_that_comes_late_may_be_overwritten_by_an_update_that_did_not_see_it) {
  expect(2,
         {[](litmus& l) {
            l.x.store(1, relaxed);
            l.read[0] = l.y.exchange(1, relaxed);
          },
          [](litmus& l) {
            l.y.store(2, relaxed);
            l.read[1] = l.x.exchange(2, relaxed);
          }},
         {"01", "20", "21"}, {"00"});
}

/// What was read by threads that begin up to some hundred ns apart, lines shared by all before, in virtual time.
outcomes seen_in_time(schedule_kind kind, unsigned reads, const std::vector<body>& bodies) {
  machine m = one_that_takes_time();
  m.near = m.far = m.remote = {4'000, 6'000, 12'000, 6'000};
  outcomes all;
  for (std::uint64_t seed = 0; seed < schedules; ++seed) {
    auto words = std::make_unique<litmus>();
    simulation run(m, static_cast<unsigned>(bodies.size()), {.kind = kind, .seed = seed, .keep_threads = true});
    run.run(
        [&](unsigned i) {
          (void)(words->x.load() + words->y.load() + words->z.load());
          sleep_until(2'000'000);
          pass((seed * (7 + 4 * i) % 40) * 1'000);
          bodies[i](*words);
        },
        {}, 1'000'000'000);
    std::string digits;
    for (unsigned i = 0; i < reads; ++i) digits += static_cast<char>('0' + words->read[i]);
    all.insert(digits);
  }
  return all;
}

TEST(timed_litmus, the_store_buffer_is_not_seen) {
  auto three = store_buffering(relaxed, relaxed);
  three[1] = [](litmus& l) {
    l.y.store(1, relaxed);
    l.read[1] = l.z.load(relaxed);
  };
  three.push_back([](litmus& l) {
    l.z.store(1, relaxed);
    l.read[2] = l.x.load(relaxed);
  });
  auto own_first = store_buffering(relaxed, relaxed);  // a thread sees its own store before anybody else does
  for (auto& one : own_first)
    one = [then = one](litmus& l) {
      then(l);
      (void)(l.x.load(relaxed) + l.y.load(relaxed));
    };
  for (const auto kind : {schedule_kind::none, schedule_kind::varied, schedule_kind::jitter}) {
    const auto two = seen_in_time(kind, 2, store_buffering(release, acquire));
    EXPECT_EQ(two.count("00"), 0U);
    EXPECT_GE(two.size(), 2U) << "the threads never overlapped in time: nothing was tried";
    EXPECT_EQ(seen_in_time(kind, 3, three).count("000"), 0U);
    EXPECT_EQ(seen_in_time(kind, 2, own_first).count("00"), 0U);
  }
}

}  // namespace
}  // namespace contend::coherence
