// SPDX-License-Identifier: MIT
// The catalogue's primitives under as many schedules as the broken twins: nothing is found, strict or weak.
#include "primitives/catalogue.hpp"

#include <gtest/gtest.h>

#include "data_scenarios.hpp"
#include "hunt.hpp"
#include "lock_scenarios.hpp"
#include "tests/primitives/twins/locks.hpp"
#include "tests/primitives/twins/rcu_twins.hpp"
#include "tests/support/catalogue_types.hpp"

namespace contend::hunt {
namespace {

using testing::mirrored;
using testing::name_by_facts;
using testing::types_of;

/// libstdc++ 12's std::atomic<std::shared_ptr>::load() gives its lock bit back with relaxed order, so its read of the
/// pointer is not ordered before the next writer's store: the library's defect, and found.
template <class Published>
constexpr bool has_a_known_race = false;
template <class T>
constexpr bool has_a_known_race<atomic_shared_ptr_published<T>> = true;

template <class Scenario>
void expect_nothing() {
  for (const memory kind : {memory::strict, memory::weak})
    if (const auto found = hunt_many("the real one", run_here<Scenario>, kind, stated))
      ADD_FAILURE() << (kind == memory::weak ? "weak" : "strict") << ", seed " << found->seed << ": "
                    << found->seen.wrong;
}

template <class L>
class scheduled_lock : public ::testing::Test {};
TYPED_TEST_SUITE(scheduled_lock, types_of<locks>, name_by_facts);
TYPED_TEST(scheduled_lock, excludes) {
  if constexpr (!excludes<TypeParam>)
    GTEST_SKIP() << "excludes nobody";
  else
    expect_nothing<adding<TypeParam, true>>();
}
TYPED_TEST(scheduled_lock, survives_time_outs) {
  if constexpr (requires(TypeParam & l) { l.try_lock_for(std::chrono::microseconds(1)); })
    expect_nothing<giving_up<TypeParam>>();
  else
    GTEST_SKIP() << "has no try_lock_for()";
}
TYPED_TEST(scheduled_lock, conserves) {
  if constexpr (requires(TypeParam & l) { l.lock_keys(1U, 2U); })
    expect_nothing<moving_money<TypeParam>>();
  else
    GTEST_SKIP() << "has no keys";
}
TEST(scheduled_lock, twins_without_defect) {
  expect_nothing<adding<twins::parking_twin<twins::defect::none>>>();
  expect_nothing<adding_by_key<twins::sharded_twin<twins::mistake::none, 8>>>();
  expect_nothing<moving_money<twins::sharded_twin<twins::mistake::none, 8>>>();
}

struct waiting_until {
  static constexpr unsigned threads = 1;
  std::atomic<std::uint32_t> word{0};
  bool woken = true;
  std::chrono::nanoseconds took{};
  void run(unsigned) {
    const auto start = std::chrono::steady_clock::now();
    woken = platform::park_until(word, 0, start + std::chrono::milliseconds(5));
    took = std::chrono::steady_clock::now() - start;
  }
  std::string wrong() const {
    return woken || took < std::chrono::milliseconds(5) || took > std::chrono::milliseconds(6) ? "it did not" : "";
  }
};
TEST(scheduled_platform, a_deadline_of_the_steady_clock_passes_in_virtual_time) {
  EXPECT_EQ(run_here<waiting_until>({}).wrong, "");
  EXPECT_EQ(run_here<waiting_until>({.kind = coherence::schedule_kind::random}).wrong, "");
}

template <class L>
class scheduled_rwlock : public ::testing::Test {};
TYPED_TEST_SUITE(scheduled_rwlock, types_of<rwlocks>, name_by_facts);
TYPED_TEST(scheduled_rwlock, tears_and_loses_nothing) { expect_nothing<mirroring<protecting<TypeParam, mirrored>>>(); }

template <class Entry>
class scheduled_queue : public ::testing::Test {};
TYPED_TEST_SUITE(scheduled_queue, types_of<queues>, name_by_facts);
TYPED_TEST(scheduled_queue, delivers_each_item_once_and_in_order) {
  using queue = typename TypeParam::template of<std::uint64_t>;
  expect_nothing<delivering<queue, 2>>();
  if constexpr (many_producers<queue>) expect_nothing<passing_on<queue>>();
}
TYPED_TEST(scheduled_queue, wakes_who_waits) {
  using queue = typename TypeParam::template of<std::uint64_t>;
  if constexpr (blocking_queue_of<queue, std::uint64_t>)
    expect_nothing<delivering<queue, 1, true>>();
  else
    GTEST_SKIP() << "does not wait";
}

template <class Entry>
class scheduled_rcu : public ::testing::Test {};
TYPED_TEST_SUITE(scheduled_rcu, types_of<rcus>, name_by_facts);
TYPED_TEST(scheduled_rcu, readers_see_whole_living_versions_and_no_update_is_lost) {
  using published = typename TypeParam::template of<version>;
  if constexpr (has_a_known_race<published>) {
    EXPECT_FALSE(hunt_many("the real one", run_here<publishing<published, 2>>, memory::strict, stated));
    const auto found = hunt("std::atomic<std::shared_ptr>", run_here<publishing<published, 2>>, memory::weak, stated);
    ASSERT_TRUE(found) << "the library was mended: treat it as the others";
    EXPECT_EQ(found->seen.wrong.find("data race: "), 0U) << found->seen.wrong;
    EXPECT_NE(found->seen.wrong.find("atomic_shared_cell"), std::string::npos) << found->seen.wrong;
    return;
  }
  expect_nothing<publishing<published, 1, 1>>();
  expect_nothing<publishing<published, 2>>();
  expect_nothing<publishing<published, 3, 4>>();
}
TYPED_TEST(scheduled_rcu, callbacks_hold_nothing) {
  expect_nothing<waiting_in_a_callback<typename TypeParam::template of<version>>>();
}

template <class M>
class scheduled_pair : public ::testing::Test {};
TYPED_TEST_SUITE(scheduled_pair, types_of<metrics_pairs>, name_by_facts);
TYPED_TEST(scheduled_pair, snapshots_are_as_good_as_it_says) {
  if (!TypeParam::consistent && TypeParam::facts.name == "two_atomics")
    GTEST_SKIP() << "two loose atomics promise nothing: they are the trap, kept as a baseline";
  expect_nothing<counting_pairs<TypeParam>>();
}

template <class W>
class scheduled_word : public ::testing::Test {};
TYPED_TEST_SUITE(scheduled_word, types_of<atomics>, name_by_facts);
TYPED_TEST(scheduled_word, loses_nothing) {
  if constexpr (TypeParam::effect == word_effect::add || TypeParam::effect == word_effect::swap)
    expect_nothing<operating<TypeParam>>();
  else
    GTEST_SKIP() << "neither adds nor swaps";
}

}  // namespace
}  // namespace contend::hunt
