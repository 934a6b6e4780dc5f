// SPDX-License-Identifier: MIT
// Simulated threads: known answers about sharing, the same in every run, and everything that a thread may expect.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "perf/coherence/simulation.hpp"

namespace contend::coherence {
namespace {

machine test_machine(unsigned line_size = 64) {
  machine m;
  m.name = "test";
  m.line_size = line_size;
  m.near = {4'000, 6'000, 6'000, 6'000};
  m.far = {20'000, 30'000, 30'000, 20'000};
  m.remote = {40'000, 60'000, 60'000, 40'000};
  m.load = 400;
  m.store = 400;
  m.rmw = 4'500;
  m.fence = 6'000;
  m.pause = 12'000;
  m.memory = 60'000;
  m.system_call = m.futex = 150'000;
  m.block = 500'000;
  m.wake = 500'000;
  m.wake_latency = 1'500'000;
  return m;
}

constexpr int rounds = 2'000;
constexpr picoseconds long_enough = 100'000'000'000;  // 0.1 s

/// Words of known places: a and b on one line, c on the next, d on the one after.
struct alignas(128) places {
  volatile unsigned long a = 0, b = 0;
  char rest[48] = {};
  volatile unsigned long c = 0;
  char more[56] = {};
  volatile unsigned long d = 0;
};
places words;
alignas(128) std::atomic<unsigned long> counter{0};

struct seen {
  event_counts counts;
  std::vector<picoseconds> ends;
  bool operator==(const seen& o) const {
    return ends == o.ends && counts.accesses == o.counts.accesses && counts.line_transfers == o.counts.line_transfers &&
           counts.invalidations == o.counts.invalidations && counts.upgrades == o.counts.upgrades &&
           counts.true_sharing == o.counts.true_sharing && counts.false_sharing == o.counts.false_sharing;
  }
};

/// Runs `step(i)` so many times on each of n threads; counted is from when all have done 200 and no line is
/// cold.
template <class Step>
seen run(unsigned n, Step step, const machine& m = test_machine()) {
  simulation all(m, n);
  seen out;
  out.ends.resize(n);
  std::atomic<unsigned> warm{0};
  all.run(
      [&](unsigned i) {
        for (int k = 0; k < rounds; ++k) {
          step(i);
          if (k == 200) {
            const outside here;
            if (warm.fetch_add(1) + 1 == n) all.model().reset_counts();
          }
        }
        const outside here;
        out.ends[i] = now();
      },
      [] {}, long_enough);
  out.counts = all.model().counts();
  return out;
}

void bump(volatile unsigned long& word) { word = word + 1; }

TEST(sharing, two_words_of_one_line_are_falsely_shared_and_nothing_else) {
  const auto r = run(2, [](unsigned i) { bump(i == 0 ? words.a : words.b); });
  EXPECT_EQ(r.counts.true_sharing, 0U);
  EXPECT_GT(r.counts.false_sharing, 0U);
  EXPECT_EQ(r.counts.false_sharing, r.counts.line_transfers + r.counts.upgrades);
}

TEST(sharing, one_word_is_truly_shared_and_nothing_else) {
  const auto r = run(2, [](unsigned) { bump(words.a); });
  EXPECT_EQ(r.counts.false_sharing, 0U);
  EXPECT_GT(r.counts.true_sharing, 0U);
}

TEST(sharing, two_lines_are_not_shared) {
  const auto r = run(2, [](unsigned i) { bump(i == 0 ? words.a : words.c); });
  EXPECT_EQ(r.counts.false_sharing + r.counts.true_sharing + r.counts.line_transfers, 0U);
}

TEST(sharing, what_64_bytes_keep_apart_is_shared_on_a_line_of_128) {
  const auto apart = run(
      2, [](unsigned i) { bump(i == 0 ? words.a : words.c); }, test_machine(128));
  EXPECT_GT(apart.counts.false_sharing, 0U);
  EXPECT_EQ(apart.counts.true_sharing, 0U);
  const auto further = run(
      2, [](unsigned i) { bump(i == 0 ? words.a : words.d); }, test_machine(128));
  EXPECT_EQ(further.counts.false_sharing, 0U);
}

TEST(sharing, a_reader_and_a_writer) {
  const auto beside = run(2, [](unsigned i) {
    if (i == 0)
      (void)words.a;
    else
      words.b = 1;
  });
  EXPECT_EQ(beside.counts.true_sharing, 0U);
  EXPECT_GT(beside.counts.false_sharing, 0U);
  const auto same = run(2, [](unsigned i) {
    if (i == 0)
      (void)words.a;
    else
      words.a = 1;
  });
  EXPECT_EQ(same.counts.false_sharing, 0U);
  EXPECT_GT(same.counts.true_sharing, 0U);
}

TEST(sharing, readers_alone_share_nothing) {
  const auto r = run(8, [](unsigned) { (void)words.a; });
  EXPECT_EQ(r.counts.line_transfers, 0U) << "after the first read of each";
  EXPECT_EQ(r.counts.invalidations, 0U);
}

TEST(sharing, at_every_number_of_threads_padded_is_free_and_unpadded_is_false) {
  struct alignas(128) slot {
    volatile unsigned long count = 0;
    char rest[120];
  };
  static slot padded[max_cores];
  alignas(128) static volatile unsigned long packed[max_cores];
  for (const unsigned n : {2U, 4U, 16U, 128U}) {
    EXPECT_EQ(run(n, [](unsigned i) { bump(padded[i].count); }).counts.false_sharing, 0U) << n;
    const auto r = run(n, [](unsigned i) { bump(packed[i]); });
    EXPECT_GT(r.counts.false_sharing, 0U) << n;
    EXPECT_EQ(r.counts.true_sharing, 0U) << n;
  }
}

TEST(simulation, is_the_same_to_the_last_digit_every_time) {
  const auto step = [](unsigned) { counter.fetch_add(1, std::memory_order_relaxed); };
  EXPECT_TRUE(run(16, step) == run(16, step));
}

TEST(simulation, loses_no_update_of_an_atomic_and_excludes_under_a_lock) {
  counter = 0;
  run(16, [](unsigned) { counter.fetch_add(1, std::memory_order_relaxed); });
  EXPECT_EQ(counter.load(), 16UL * rounds);
  static std::atomic<int> flag{0};
  static unsigned long guarded = 0;
  guarded = 0;
  run(16, [](unsigned) {
    while (flag.exchange(1, std::memory_order_acquire) != 0)
      while (flag.load(std::memory_order_relaxed) != 0) relax();
    ++guarded;
    flag.store(0, std::memory_order_release);
  });
  EXPECT_EQ(guarded, 16UL * rounds);
}

TEST(simulation, unprotected_updates_are_lost) {  // otherwise the test above could not fail
  words.a = 0;
  run(4, [](unsigned) { bump(words.a); });
  EXPECT_LT(words.a, 4UL * rounds);
}

TEST(simulation, what_was_published_is_complete) {
  static std::atomic<int> ready{0};
  static int data[16];
  unsigned torn = 0;
  simulation all(test_machine(), 2);
  all.run(
      [&](unsigned i) {
        for (int k = 1; k <= 500; ++k) {
          if (i == 0) {
            for (int& word : data) word = k;
            ready.store(k, std::memory_order_release);
            while (ready.load(std::memory_order_acquire) != -k) relax();
          } else {
            while (ready.load(std::memory_order_acquire) != k) relax();
            for (const int word : data) torn += word != k;
            ready.store(-k, std::memory_order_release);
          }
        }
      },
      [] {}, long_enough);
  EXPECT_EQ(torn, 0U);
  EXPECT_GT(all.model().counts().true_sharing, 1000U);
}

TEST(simulation, a_store_is_seen_by_others_when_its_line_has_come_and_by_its_thread_at_once) {
  static std::atomic<int> word{0};
  word = 0;
  picoseconds stored = 0, seen_at = 0;
  machine warm = test_machine();
  warm.memory = 0;
  simulation all(warm, 2);
  all.run(
      [&](unsigned i) {
        if (i == 0) {
          while (word.load(std::memory_order_acquire) == 0) relax();
          const outside here;
          seen_at = now();
        } else {
          pass(1'000'000);
          word.store(1, std::memory_order_release);
          const bool own = word.load(std::memory_order_relaxed) == 1;
          const outside here;
          stored = now();
          EXPECT_TRUE(own);
        }
      },
      [] {}, long_enough);
  EXPECT_LT(stored, 1'000'000U + 5'000) << "the store buffer takes it";
  EXPECT_GE(seen_at, 1'000'000U + 4'000 + 6'000) << "request and probe";
}

TEST(simulation, parked_threads_cost_no_time_and_are_woken_in_their_order) {
  static std::atomic<std::uint32_t> word{0};
  word = 0;
  std::vector<unsigned> order;
  simulation all(test_machine(), 4);
  all.run(
      [&](unsigned i) {
        if (i == 3) {
          pass(50'000'000);
          word.store(1, std::memory_order_seq_cst);
          EXPECT_EQ(wake(&word, 2), 2U);
          EXPECT_EQ(wake(&word, 9), 1U);
          return;
        }
        pass(1'000'000 * (3 - i));
        while (word.load(std::memory_order_acquire) == 0) EXPECT_TRUE(park(&word, 0, 0));
        const outside here;
        order.push_back(i);
      },
      [] {}, long_enough);
  EXPECT_EQ(order, (std::vector<unsigned>{2, 1, 0}));
  EXPECT_EQ(all.model().counts().parks, 3U);
}

TEST(simulation, a_deadline_wakes_too) {
  static std::atomic<std::uint32_t> word{0};
  picoseconds woken = 0;
  simulation all(test_machine(), 1);
  all.run(
      [&](unsigned) {
        EXPECT_FALSE(park(&word, 0, 7'000'000));
        const outside here;
        woken = now();
      },
      [] {}, long_enough);
  EXPECT_EQ(woken, 7'000'000U);
}

std::string ending(const std::function<void(unsigned)>& body, picoseconds give_up, unsigned threads) {
  simulation all(test_machine(), threads);
  try {
    all.run(
        body, [] {}, give_up);
  } catch (const stuck& told) {
    return told.what();
  }
  return "it ended";
}

// The place is the line that says so, not the one in <atomic> behind it.
constexpr unsigned line_of_park = __LINE__ + 2;
[[gnu::noinline]] void park_after_adding(std::atomic<std::uint32_t>& word) {
  word.fetch_add(1);
  park(&word, 2, 0);
}

TEST(simulation, a_deadlock_is_told_with_the_places_of_its_threads) {
  static std::atomic<std::uint32_t> word{0};
  const std::string text = ending([](unsigned i) { i == 0 ? pass(1) : park_after_adding(word); }, long_enough, 3);
  const std::string there = " parked at tests/perf/coherence_test.cpp:" + std::to_string(line_of_park) +
                            " (contend::coherence::(anonymous namespace)::park_after_adding)";
  EXPECT_EQ(text, "every thread waits for another one; thread 1" + there + "; thread 2" + there);
}

constexpr unsigned line_of_wait = __LINE__ + 2;
[[gnu::noinline]] void wait_for(const std::atomic<int>& word) {
  while (word.load(std::memory_order_relaxed) == 0) relax();
}

TEST(simulation, a_livelock_ends_with_virtual_time_and_is_told_with_the_places_of_its_threads) {
  std::atomic<int> never{0};
  const std::string there = " at tests/perf/coherence_test.cpp:" + std::to_string(line_of_wait) +
                            " (contend::coherence::(anonymous namespace)::wait_for)";
  EXPECT_EQ(ending([&](unsigned) { wait_for(never); }, 1'000'000'000, 2),
            "virtual time ran out; thread 0" + there + "; thread 1" + there);
}

thread_local unsigned mine = 0;
thread_local std::string text;

TEST(simulation, every_thread_has_thread_local_storage_of_its_own) {
  simulation all(test_machine(), 8);
  unsigned wrong = 0;
  all.run(
      [&](unsigned i) {
        errno = static_cast<int>(i) + 1;
        for (int k = 0; k < 100; ++k) {
          ++mine;
          text += static_cast<char>('a' + i);
          counter.fetch_add(1, std::memory_order_relaxed);  // others run here
        }
        const outside here;
        wrong +=
            mine != 100 || text != std::string(100, static_cast<char>('a' + i)) || errno != static_cast<int>(i) + 1;
      },
      [] {}, long_enough);
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(mine, 0U) << "the test's own thread has another one";
}

TEST(simulation, exceptions_unwind_on_their_thread_and_arrive) {
  simulation all(test_machine(), 2);
  EXPECT_THROW(all.run(
                   [](unsigned i) {
                     if (i == 1) throw std::runtime_error("so it is");
                   },
                   [] {}, long_enough),
               std::runtime_error);
}

TEST(simulation, the_conductor_has_a_core_of_its_own_and_may_sleep) {
  static std::atomic<bool> over{false};
  over = false;
  simulation all(test_machine(), 2);
  picoseconds stopped = 0;
  all.run(
      [&](unsigned) {
        while (!over.load(std::memory_order_relaxed)) pass(1'000);
      },
      [&] {
        EXPECT_EQ(current_core(), 2U);
        sleep_until(5'000'000);
        over.store(true, std::memory_order_seq_cst);
        const outside here;
        stopped = now();
      },
      long_enough);
  EXPECT_GE(stopped, 5'000'000U);
  EXPECT_LT(stopped, 5'200'000U);
}

TEST(simulation, refuses_what_the_machine_has_not) {
  EXPECT_THROW(simulation(test_machine(), 0), std::invalid_argument);
  EXPECT_THROW(simulation(test_machine(), max_cores + 1), std::invalid_argument);
  machine four = test_machine();
  four.cores = 4;
  EXPECT_THROW(simulation(four, 5), std::invalid_argument);
}

TEST(simulation, outside_of_one_nothing_happens) {
  EXPECT_FALSE(simulating());
  EXPECT_EQ(now(), 0U);
  pass(1000);
  EXPECT_EQ(wake(&counter, 1), 0U);
}

}  // namespace
}  // namespace contend::coherence
