// SPDX-License-Identifier: MIT
// Conformance of the families atomic, fence and metrics, and the twins that the same checks must catch.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>

#include "primitives/catalogue.hpp"
#include "tests/primitives/twins/atomic_twins.hpp"
#include "tests/support/catalogue_types.hpp"
#include "tests/support/overlap.hpp"
#include "tests/support/stress.hpp"

namespace contend {
namespace {

template <class... W>
constexpr bool all_are_words(type_list<W...>) {
  return (word_operation<W> && ...);
}
static_assert(all_are_words(atomics{}));
template <class... F>
constexpr bool all_are_fences(type_list<F...>) {
  return (fence<F> && ...);
}
static_assert(all_are_fences(fences{}));
template <class... M>
constexpr bool all_are_pairs(type_list<M...>) {
  return (metrics_pair<M> && ...);
}
static_assert(all_are_pairs(metrics_pairs{}));

/// Four threads operate with arguments that tell thread and turn. Returns how much is wrong with the word afterwards:
/// additions lost, tokens lost or doubled, a value that nobody wrote, a change by a read. Stops at the first burst.
template <class W>
std::uint64_t word_violations(std::uint64_t share, unsigned bursts, std::uint64_t attempt) {
  constexpr unsigned threads = 4;
  return testing::first_violation(bursts, attempt, [&](std::uint64_t round) -> std::uint64_t {
    W word(7);
    testing::overlapping stress(threads, share);
    std::atomic<std::uint64_t> put{0};
    std::atomic<std::uint64_t> got{0};
    std::atomic<std::uint64_t> strange{0};
    std::atomic<std::uint64_t> last[threads] = {};
    testing::together(
        threads,
        [&](unsigned number) {
          std::uint64_t my_put = 0, my_got = 0, my_strange = 0, before = 0;
          const std::uint64_t turns = stress.run([&](std::uint64_t turn) {
            const std::uint64_t argument =
                W::effect == word_effect::add ? number + 1 : ((std::uint64_t{number} + 1) << 40) + turn;
            const std::uint64_t result = word.operate(argument);
            my_put += argument;
            my_got += result;
            if (W::effect == word_effect::read) my_strange += result != 7;
            if (W::effect == word_effect::write) my_strange += result != argument;
            if (W::effect == word_effect::add) my_strange += result < before;  // one thread's results only grow
            before = result;
          });
          last[number].store(((std::uint64_t{number} + 1) << 40) + turns - 1);
          put.fetch_add(my_put);
          got.fetch_add(my_got);
          strange.fetch_add(my_strange);
        },
        round);
    const std::uint64_t value = word.value();
    switch (W::effect) {
      case word_effect::read:
        return strange.load() + (value != 7);
      case word_effect::add:
        return strange.load() + (value - put.load() - 7);
      case word_effect::swap:
        return put.load() + 7 - got.load() - value;
      case word_effect::write:
        break;
    }
    bool last_of_somebody = false;  // a thread's stores are ordered, so the one that stands is the last of some thread
    for (const auto& one : last) last_of_somebody = last_of_somebody || value == one.load();
    return strange.load() + !last_of_somebody;
  });
}

template <class W>
class word_conformance : public ::testing::Test {};
TYPED_TEST_SUITE(word_conformance, testing::types_of<atomics>, testing::name_by_facts);

TYPED_TEST(word_conformance, does_what_its_effect_says) {
  TypeParam word(40);
  const std::uint64_t result = word.operate(2);
  switch (TypeParam::effect) {
    case word_effect::read:
      EXPECT_EQ(result, 40U);
      EXPECT_EQ(word.value(), 40U);
      break;
    case word_effect::write:
      EXPECT_EQ(result, 2U);
      EXPECT_EQ(word.value(), 2U);
      break;
    case word_effect::swap:
      EXPECT_EQ(result, 40U);
      EXPECT_EQ(word.value(), 2U);
      break;
    case word_effect::add:
      EXPECT_EQ(result, 40U);
      EXPECT_EQ(word.value(), 42U);
      word.operate(~std::uint64_t{0});
      EXPECT_EQ(word.value(), 41U) << "modulo 2^64";
      break;
  }
}

TYPED_TEST(word_conformance, is_alone_on_its_line) {
  EXPECT_EQ(alignof(TypeParam) % platform::cache_line, 0U);
  EXPECT_EQ(sizeof(TypeParam) % platform::cache_line, 0U);
}

TYPED_TEST(word_conformance, states_its_order_in_its_name) {
  const std::string_view name = TypeParam::facts.name;
  if (TypeParam::facts.baseline) return;
  EXPECT_TRUE(name.ends_with("_relaxed") || name.ends_with("_acquire") || name.ends_with("_release") ||
              name.ends_with("_acq_rel") || name.ends_with("_seq_cst"))
      << name;
}

TYPED_TEST(word_conformance, loses_nothing_under_stress) { EXPECT_EQ(word_violations<TypeParam>(2'000, 3, 0), 0U); }

/// Two threads count a request and its error each time, two read. Counts snapshots with more errors than requests
/// and, where snapshots are said to be consistent, those in which the two differ: no such state was.
template <class M>
std::uint64_t snapshot_violations(std::uint64_t share, unsigned bursts, std::uint64_t attempt) {
  return testing::first_violation(bursts, attempt, [&](std::uint64_t round) {
    M pair;
    testing::overlapping stress(4, share);
    std::atomic<std::uint64_t> wrong{0};
    testing::together(
        4,
        [&](unsigned number) {
          std::uint64_t mine = 0;
          stress.run([&](std::uint64_t) {
            if (number < 2) {
              pair.record(true);
              return;
            }
            const metrics_snapshot seen = pair.snapshot();
            mine += seen.errors > seen.requests || (M::consistent && seen.errors != seen.requests);
          });
          wrong.fetch_add(mine);
        },
        round);
    return wrong.load();
  });
}

template <class M>
class metrics_conformance : public ::testing::Test {};
TYPED_TEST_SUITE(metrics_conformance, testing::types_of<metrics_pairs>, testing::name_by_facts);

TYPED_TEST(metrics_conformance, counts_requests_and_errors_exactly) {
  TypeParam pair;
  testing::overlapping stress(4, 1'000);
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> errors{0};
  testing::together(4, [&](unsigned) {
    std::uint64_t failed = 0;
    requests.fetch_add(stress.run([&](std::uint64_t turn) {
      pair.record(turn % 3 == 0);
      failed += turn % 3 == 0;
    }));
    errors.fetch_add(failed);
  });
  const metrics_snapshot seen = pair.snapshot();
  EXPECT_EQ(seen.requests, requests.load());
  EXPECT_EQ(seen.errors, errors.load());
}

TYPED_TEST(metrics_conformance, snapshots_are_as_good_as_it_says) {
  if (!TypeParam::consistent && TypeParam::facts.name == "two_atomics")
    GTEST_SKIP() << "two loose atomics promise nothing: they are the trap, kept as a baseline";
  EXPECT_EQ(snapshot_violations<TypeParam>(2'000, 3, 1), 0U);
}

TEST(fence_family, says_which_of_its_members_order_a_store_before_a_load) {
  EXPECT_FALSE(no_fence::orders_store_load);
  EXPECT_FALSE(fence_acq_rel::orders_store_load) << "release and acquire leave a store and a later load unordered";
  EXPECT_TRUE(fence_seq_cst::orders_store_load);
  EXPECT_TRUE(asymmetric_fence::orders_store_load);
  EXPECT_EQ(asymmetric_fence::available(), platform::has_heavy_fence());
}

#if defined(CONTEND_PLATFORM_YIELDING)
template <class Check>
int times_caught(Check check) {
  int caught = 0;
  for (std::uint64_t attempt = 0; attempt < 100; ++attempt) caught += check(attempt) != 0;
  return caught;
}

TEST(broken_twin, one_compare_and_exchange_without_a_loop_is_caught_every_time) {
  EXPECT_EQ(times_caught([](auto attempt) { return word_violations<twins::cas_without_a_loop>(100, 10'000, attempt); }),
            100);
}

TEST(broken_twin, an_exchange_in_two_steps_is_caught_every_time) {
  EXPECT_EQ(
      times_caught([](auto attempt) { return word_violations<twins::exchange_in_two_steps>(100, 10'000, attempt); }),
      100);
}

TEST(broken_twin, a_torn_pair_of_counts_is_caught_every_time) {
  EXPECT_EQ(times_caught([](auto attempt) { return snapshot_violations<twins::torn_pair>(100, 10'000, attempt); }),
            100);
}

TEST(broken_twin, a_sequence_lock_read_once_is_caught_every_time) {
  EXPECT_EQ(
      times_caught([](auto attempt) { return snapshot_violations<twins::seqlock_read_once>(100, 10'000, attempt); }),
      100);
}
#endif

}  // namespace
}  // namespace contend
