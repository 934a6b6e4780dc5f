// SPDX-License-Identifier: MIT
// Seeded schedules: one seed, one schedule; every interleaving of a small race is reached; nobody who spins stops the
// others; a deadlock, a livelock and a data race are told.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <string>
#include <vector>

#include "perf/coherence/simulation.hpp"

namespace contend::coherence {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

machine plain_machine() {
  machine m;
  m.name = "test";
  m.near = {4'000, 6'000, 6'000, 6'000};
  m.load = m.store = 400;
  m.rmw = 4'500;
  m.pause = 12'000;
  m.memory = 60'000;
  m.system_call = 150'000;
  return m;
}

constexpr picoseconds long_enough = 1'000'000'000;

/// Who incremented a word in which order, and what time it was at the end.
struct trace {
  std::string order;
  picoseconds end = 0;
  bool operator==(const trace&) const = default;
  bool operator<(const trace& other) const { return order < other.order; }
};

trace trace_of(const schedule_options& options, const machine& m = plain_machine()) {
  static volatile unsigned long word;
  word = 0;
  trace seen;
  simulation all(m, 3, options);
  all.run(
      [&](unsigned i) {
        for (int k = 0; k < 3; ++k) {
          word = word + 1;
          const outside here;
          seen.order += static_cast<char>('a' + i);
          seen.end = now();
        }
      },
      {}, long_enough);
  return seen;
}

TEST(schedules, one_seed_is_one_schedule) {
  for (const auto kind : {schedule_kind::jitter, schedule_kind::random, schedule_kind::pct})
    for (std::uint64_t seed = 0; seed < 20; ++seed)
      EXPECT_EQ(trace_of({.kind = kind, .seed = seed}), trace_of({.kind = kind, .seed = seed}));
}

TEST(schedules, seeds_differ) {
  for (const auto kind : {schedule_kind::jitter, schedule_kind::random, schedule_kind::pct}) {
    std::set<trace> seen;
    for (std::uint64_t seed = 0; seed < 100; ++seed) seen.insert(trace_of({.kind = kind, .seed = seed, .length = 20}));
    EXPECT_GT(seen.size(), 6U) << static_cast<int>(kind);  // with three threads there are six orders to run through
  }
}

// The numbers themselves: whatever draws them may not change, or a seed that was written down finds nothing any more.
TEST(schedules, a_seed_written_down_is_good_for_ever) {
  EXPECT_EQ(trace_of({.kind = schedule_kind::random, .seed = 1}).order, "abbcaccba");
  EXPECT_EQ(trace_of({.kind = schedule_kind::random, .seed = 3}).order, "aaccbbbca");
  EXPECT_EQ(trace_of({.kind = schedule_kind::pct, .seed = 1, .length = 20}).order, "aaabbbccc");
  EXPECT_EQ(trace_of({.kind = schedule_kind::pct, .seed = 3, .length = 20}).order, "bbcccbaaa");
}

TEST(schedules, lines_and_latencies_decide_nothing_when_threads_run_one_at_a_time) {
  machine slow = plain_machine();
  slow.near = {400'000, 600'000, 600'000, 600'000};
  slow.line_size = 128;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(trace_of({.kind = schedule_kind::random, .seed = seed}),
              trace_of({.kind = schedule_kind::random, .seed = seed}, slow));
    EXPECT_EQ(trace_of({.kind = schedule_kind::pct, .seed = seed, .length = 20}),
              trace_of({.kind = schedule_kind::pct, .seed = seed, .length = 20}, slow));
  }
}

// Two threads add one in two steps each: 1 or 2, and every order of the four accesses.
TEST(schedules, both_outcomes_of_a_race_are_reached) {
  for (const auto kind : {schedule_kind::jitter, schedule_kind::random, schedule_kind::pct}) {
    std::set<unsigned long> results;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      volatile unsigned long word = 0;
      simulation all(plain_machine(), 2, {.kind = kind, .seed = seed, .depth = 2, .length = 4});
      all.run([&](unsigned) { word = word + 1; }, {}, long_enough);
      results.insert(static_cast<unsigned long>(word));
    }
    EXPECT_EQ(results, (std::set<unsigned long>{1, 2})) << static_cast<int>(kind);
  }
}

TEST(schedules, a_thread_that_spins_lets_the_others_run) {
  enum class wait { relaxing, yielding, sleeping, loading, taking };
  for (const auto how : {wait::relaxing, wait::yielding, wait::sleeping, wait::loading, wait::taking})
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      std::atomic<int> turn{0};
      simulation all(plain_machine(), 3, {.kind = schedule_kind::pct, .seed = seed, .length = 20});
      all.run(
          [&](unsigned i) {  // each waits for the one before it
            for (;;) {
              if (how == wait::taking) {
                int mine = static_cast<int>(i);
                if (turn.compare_exchange_strong(mine, mine)) break;
              } else if (turn.load() == static_cast<int>(i)) {
                break;
              }
              if (how == wait::relaxing) relax();
              if (how == wait::yielding) yield();
              if (how == wait::sleeping) sleep_until(now() + 1'000);
            }
            turn.fetch_add(1);
          },
          {}, long_enough);
      ASSERT_EQ(turn.load(), 3);
    }
}

TEST(schedules, who_sleeps_or_waits_for_a_deadline_goes_on_in_time) {
  for (const auto kind : {schedule_kind::random, schedule_kind::pct}) {
    std::uint32_t word = 0;
    std::vector<picoseconds> woke(3);
    simulation all(plain_machine(), 3, {.kind = kind, .seed = 5});
    all.run(
        [&](unsigned i) {
          if (i == 0) sleep_until(3'000'000);
          const bool woken = i == 1 && park(&word, 0, 2'000'000);
          EXPECT_FALSE(woken);
          if (i == 2) pass(1'000'000);
          const outside here;
          woke[i] = now();
        },
        {}, long_enough);
    EXPECT_GE(woke[0], 3'000'000U);
    EXPECT_GE(woke[1], 2'000'000U);
    EXPECT_LT(woke[1], 3'000'000U);
  }
}

std::string ending(const schedule_options& options, const std::function<void(unsigned)>& body) {
  simulation all(plain_machine(), 2, options);
  try {
    all.run(body, {}, long_enough);
  } catch (const std::exception& told) {
    return told.what();
  }
  return "it ended";
}

TEST(schedules, deadlocks_and_livelocks_are_told) {
  for (const auto kind : {schedule_kind::jitter, schedule_kind::random, schedule_kind::pct}) {
    std::uint32_t word = 0;
    std::atomic<int> never{0};
    EXPECT_THAT(ending({.kind = kind}, [&](unsigned) { park(&word, 0, 0); }),
                StartsWith("every thread waits for another one; thread 0 parked"));
    EXPECT_THAT(ending({.kind = kind},
                       [&](unsigned) {
                         while (never.load() == 0) relax();
                       }),
                StartsWith("virtual time ran out; thread 0 at tests/perf/coherence_schedules_test.cpp"));
  }
}

TEST(schedules, a_depth_of_0_is_refused) {
  EXPECT_THROW(simulation(plain_machine(), 1, {.kind = schedule_kind::pct, .depth = 0}), std::invalid_argument);
  EXPECT_EQ(trace_of({.kind = schedule_kind::pct, .depth = 1}).order.size(), 9U)
      << "the one before left nothing behind";
}

TEST(data_races, are_told_with_both_places_and_only_with_weak_memory) {
  std::uint64_t word = 0;
  const auto race = [&](unsigned) { *const_cast<volatile std::uint64_t*>(&word) = 1; };
  EXPECT_EQ(ending({.kind = schedule_kind::random}, race), "it ended");
  const std::string told = ending({.kind = schedule_kind::random, .weak = true}, race);
  EXPECT_THAT(told, StartsWith("data race: thread "));
  EXPECT_THAT(told, HasSubstr(" wrote at tests/perf/coherence_schedules_test.cpp:"));
  EXPECT_THAT(told, HasSubstr("; neither happens before the other"));
}

TEST(data_races, are_not_told_where_something_orders_the_accesses) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    volatile std::uint64_t word = 0;
    volatile char bytes[8] = {};
    std::atomic<bool> held{false}, ready{false};
    std::uint64_t published = 0;
    EXPECT_EQ(ending({.kind = seed % 2 == 0 ? schedule_kind::random : schedule_kind::pct, .seed = seed, .weak = true},
                     [&](unsigned i) {
                       bytes[i] = 1;  // beside each other is not the same
                       while (held.exchange(true, std::memory_order_acquire)) relax();
                       word = word + 1;
                       held.store(false, std::memory_order_release);
                       if (i == 0) {
                         published = 1;
                         std::atomic_thread_fence(std::memory_order_release);
                         ready.store(true, std::memory_order_relaxed);
                       } else {
                         while (!ready.load(std::memory_order_relaxed)) relax();
                         std::atomic_thread_fence(std::memory_order_acquire);
                         published = published + 1;
                       }
                     }),
              "it ended");
    EXPECT_EQ(word, 2U);
    EXPECT_EQ(published, 2U);
  }
}

// As libstdc++ looks at both counts of a shared_ptr at once.
TEST(data_races, atomics_of_two_sizes_order_like_others) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    alignas(8) std::atomic<std::uint32_t> halves[2] = {1, 1};
    std::uint64_t data = 0;
    EXPECT_EQ(ending({.kind = schedule_kind::random, .seed = seed, .weak = true},
                     [&](unsigned i) {
                       if (i == 0) {
                         data = 1;
                         halves[0].store(2, std::memory_order_release);
                         return;
                       }
                       auto& both = reinterpret_cast<std::atomic<std::uint64_t>&>(halves);
                       while (both.load(std::memory_order_acquire) == (1ULL << 32 | 1)) relax();
                       EXPECT_EQ(*const_cast<volatile std::uint64_t*>(&data), 1U);
                     }),
              "it ended");
  }
}

TEST(data_races, a_free_races_with_a_use_and_a_new_block_with_nothing) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::atomic<std::uint64_t*> shared{new std::uint64_t(1)};
    std::uint64_t sum = 0;
    EXPECT_THAT(ending({.kind = schedule_kind::random, .seed = seed, .weak = true},
                       [&](unsigned i) {
                         if (i == 0)
                           delete shared.load(std::memory_order_relaxed);
                         else
                           sum = *static_cast<volatile std::uint64_t*>(shared.load(std::memory_order_relaxed));
                       }),
                StartsWith("data race: "));
    EXPECT_EQ(ending({.kind = schedule_kind::random, .seed = seed, .weak = true},
                     [&](unsigned i) {
                       for (int k = 0; k < 20; ++k) {  // blocks go from thread to thread through the heap
                         auto* const mine = new volatile std::uint64_t(i);
                         EXPECT_EQ(*mine, i);
                         delete mine;
                       }
                     }),
              "it ended");
  }
}

TEST(data_races, a_plain_access_races_with_an_atomic_one) {
  std::atomic<std::uint64_t> word{0};
  EXPECT_THAT(ending({.kind = schedule_kind::random, .weak = true},
                     [&](unsigned i) {
                       if (i == 0)
                         word.store(1);
                       else
                         new (&word) std::atomic<std::uint64_t>(2);
                     }),
              HasSubstr(", atomically"));
}

bool told = false;

TEST(virtual_time, who_pauses_sees_at_once_what_is_said_outside) {
  told = false;
  const machine m = plain_machine();
  picoseconds told_at = 0, seen_at = 0;
  simulation all(m, 2);
  all.run(
      [&](unsigned i) {
        if (i == 1) {
          pass(100 * m.pause);
          const outside here;
          told = true;
          told_at = now();
          return;
        }
        for (bool over = false; !over; relax()) {
          const outside here;
          over = told;
        }
        const outside here;
        seen_at = now();
      },
      nullptr, long_enough);
  EXPECT_GE(seen_at, told_at);
  EXPECT_LE(seen_at, told_at + 2 * m.pause);
}

TEST(virtual_time, who_pauses_sees_what_the_kernel_says) {
  const int file = ::open("/dev/null", O_RDONLY);
  const machine m = plain_machine();
  picoseconds seen_at = 0;
  simulation all(m, 2);
  all.run(
      [&, file](unsigned i) {
        if (i == 1) {
          pass(100 * m.pause);
          ::fcntl(file, F_SETFL, O_NONBLOCK);
          return;
        }
        for (const int mine = file; (::fcntl(mine, F_GETFL) & O_NONBLOCK) == 0;) relax();
        const outside here;
        seen_at = now();
      },
      nullptr, long_enough);
  ::close(file);
  EXPECT_GE(seen_at, 100 * m.pause);
  EXPECT_LE(seen_at, 200 * m.pause);
}

}  // namespace
}  // namespace contend::coherence
