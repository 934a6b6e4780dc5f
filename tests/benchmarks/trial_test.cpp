// SPDX-License-Identifier: MIT
// The thread team: everybody runs, counts are exact, waits and owners are measured, exceptions arrive.
#include "benchmarks/trial.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "benchmarks/matrix.hpp"
#include "benchmarks/workloads/critical_section.hpp"
#include "benchmarks/workloads/keys.hpp"
#include "primitives/lock/no_lock.hpp"
#include "primitives/lock/std_mutex.hpp"

namespace contend::bench {
namespace {

using namespace std::chrono_literals;

/// A lock that excludes nobody but does not say so: what check() is for.
struct broken_lock {
  static constexpr contend::facts facts{.name = "broken", .summary = "excludes nobody"};
  void lock() {}
  bool try_lock() { return true; }
  void unlock() {}
  broken_lock() = default;
  broken_lock(const broken_lock&) = delete;
};

template <class L>
cell cell_of(unsigned threads) {
  matrix all({threads});
  all.add<critical_section>(type_list<L>{});
  return all.cells().front();
}

TEST(team, every_thread_of_every_size_works_and_counts_exactly) {
  team threads({});
  for (const unsigned n : {1U, 3U, 2U, 5U}) {
    std::vector<std::uint64_t> done(n);
    for (int attempt = 0; attempt < 100 && std::count(done.begin(), done.end(), 0U) > 0; ++attempt) {
      const auto result = threads.run(cell_of<std_mutex>(n), trial_kind::throughput, 5ms);
      EXPECT_EQ(result.wrong, "");
      ASSERT_EQ(result.threads.size(), n);
      EXPECT_GE(result.window_ns, 5'000'000);
      for (unsigned i = 0; i < n; ++i) {
        done[i] += result.threads[i].done;
        EXPECT_GE(result.threads[i].stop_ns, result.threads[i].start_ns);
        EXPECT_EQ(result.threads[i].cpu, -1);
      }
      EXPECT_FALSE(result.waits);
      EXPECT_FALSE(result.self_handoff);
    }
    EXPECT_EQ(std::count(done.begin(), done.end(), 0U), 0) << "a thread of " << n << " never worked";
  }
}

TEST(team, threads_are_pinned_where_the_placement_says) {
  const int here = static_cast<int>(platform::current_cpu());
  team threads({here});
  const auto result = threads.run(cell_of<no_lock>(2), trial_kind::throughput, 2ms);
  EXPECT_EQ(result.threads[0].cpu, here);
  EXPECT_EQ(result.threads[1].cpu, here) << "beyond the end of the placement it starts over";
}

/// A trial in which something was done: on a busy machine a window may pass before the threads have a processor.
trial_result lively(team& threads, const cell& what, trial_kind kind) {
  trial_result result;
  for (int attempt = 0; attempt < 100; ++attempt) {
    result = threads.run(what, kind, 5ms);
    if (result.waits || result.self_handoff) break;
  }
  return result;
}

TEST(team, what_is_done_after_the_stop_is_counted_but_not_in_the_window) {
  EXPECT_EQ(detail::late_share(1000, 25us, 100us), 250U);
  EXPECT_EQ(detail::late_share(1000, 0us, 100us), 0U);
  EXPECT_EQ(detail::late_share(1000, -5us, 100us), 0U);
  EXPECT_EQ(detail::late_share(1000, 200us, 100us), 1000U) << "the whole batch came after the stop";
  EXPECT_EQ(detail::late_share(0, 1us, 0us), 0U);
  team threads({});
  for (const auto& t : threads.run(cell_of<std_mutex>(2), trial_kind::throughput, 2ms).threads)
    EXPECT_LE(t.late, t.done);
}

TEST(latency_probe, a_wait_lasts_until_it_succeeds) {
  detail::latency_probe probe;
  EXPECT_FALSE(probe.wait([] { return false; }));
  std::this_thread::sleep_for(2ms);
  EXPECT_FALSE(probe.wait([] { return false; }));
  EXPECT_EQ(probe.seen.count(), 0U);
  EXPECT_TRUE(probe.wait([] { return true; }));
  EXPECT_EQ(probe.seen.count(), 1U);
  EXPECT_GE(*probe.seen.max(), 2'000'000U) << "from the first attempt on";
  EXPECT_EQ(probe.wait([] { return 5; }), 5);
  EXPECT_EQ(probe.seen.count(), 2U);
}

TEST(team, a_latency_trial_times_the_waits_and_a_handoff_trial_the_owners) {
  team threads({});
  const auto latency = lively(threads, cell_of<std_mutex>(2), trial_kind::latency);
  ASSERT_TRUE(latency.waits);
  std::uint64_t done = 0;
  for (const auto& t : latency.threads) done += t.done;
  EXPECT_EQ(latency.waits->count, done) << "one wait per operation";
  EXPECT_LE(latency.waits->p50, latency.waits->p99);
  EXPECT_LE(latency.waits->p99, latency.waits->max * 1.01);
  const auto alone = lively(threads, cell_of<std_mutex>(1), trial_kind::handoff);
  ASSERT_TRUE(alone.self_handoff);
  EXPECT_DOUBLE_EQ(*alone.self_handoff, 1) << "the only thread always follows itself";
  EXPECT_FALSE(threads.run(cell_of<no_lock>(1), trial_kind::handoff, 1ms).self_handoff) << "nobody owns no_lock";
}

#if !defined(__SANITIZE_THREAD__)  // the race is the point
TEST(team, a_lock_that_does_not_exclude_fails_its_check) {
  team threads({});
  std::string wrong;
  for (int attempt = 0; attempt < 200 && wrong.empty(); ++attempt)
    wrong = threads.run(cell_of<broken_lock>(4), trial_kind::throughput, 10ms).wrong;
  EXPECT_NE(wrong, "");
}
#endif

TEST(keys, zipf_prefers_low_keys_and_uniform_none) {
  const auto share_of_first = [](key_skew skew) {
    key_stream stream;
    stream.draw(skew, 1024, 7);
    int first = 0;
    for (std::size_t i = 0; i < key_stream::length; ++i) first += stream.next() == 0;
    return static_cast<double>(first) / key_stream::length;
  };
  EXPECT_GT(share_of_first(key_skew::zipf), 0.09);  // 1 / sum of i^-0.99 over 1024 = 0.132
  EXPECT_LT(share_of_first(key_skew::zipf), 0.18);
  EXPECT_LT(share_of_first(key_skew::uniform), 0.01);
}

}  // namespace
}  // namespace contend::bench
