// SPDX-License-Identifier: MIT
// The broken twins of the lock family are caught every time, by the checks that the real ones pass; and the twins
// without their defect pass, so that it is the defect that is caught.
#include <gtest/gtest.h>

#include "tests/primitives/lock_checks.hpp"
#include "tests/primitives/twins/locks.hpp"

namespace contend {
namespace {

constexpr unsigned threads = 4;
constexpr int attempts = 100;
constexpr unsigned rounds = 100'000;  // more than any twin survives: an attempt ends when it is caught

/// In how many of the attempts check(attempt) came out broken.
template <class Check>
int caught(Check check) {
  int broken = 0;
  for (int attempt = 0; attempt < attempts; ++attempt) broken += check(static_cast<std::uint64_t>(attempt)).broken();
  return broken;
}

template <class L>
int caught_excluding() {
  return caught([](auto attempt) { return testing::excludes_and_wakes<L>(threads, rounds, attempt); });
}

TEST(lock_twin, load_then_store_is_caught) { EXPECT_EQ(caught_excluding<twins::load_then_store_lock>(), attempts); }
TEST(lock_twin, lost_ticket_is_caught) { EXPECT_EQ(caught_excluding<twins::lost_ticket_lock>(), attempts); }
TEST(lock_twin, forgotten_successor_is_caught) { EXPECT_EQ(caught_excluding<twins::forgetful_mcs_lock>(), attempts); }
TEST(lock_twin, reused_cell_is_caught) { EXPECT_EQ(caught_excluding<twins::greedy_clh_lock>(), attempts); }

TEST(lock_twin, overwritten_state_is_caught) {
  EXPECT_EQ(caught_excluding<twins::parking_twin<twins::defect::looks_before_it_frees>>(), attempts);
}
TEST(lock_twin, forgotten_sleeper_is_caught) {
  EXPECT_EQ(caught_excluding<twins::parking_twin<twins::defect::forgets_the_others>>(), attempts);
}
template <twins::mistake Mistake>
using sharded_twin = twins::sharded_twin<Mistake, 8>;

TEST(lock_twin, unlock_of_another_shard_is_caught) {
  using twin = sharded_twin<twins::mistake::unlocks_unhashed>;
  EXPECT_EQ(caught([](auto attempt) { return testing::counts_by_key<twin>(threads, rounds, attempt); }), attempts);
}
TEST(lock_twin, keys_in_order_of_mention_are_caught) {
  using twin = sharded_twin<twins::mistake::order_of_mention>;
  EXPECT_EQ(caught([](auto attempt) { return testing::conserves<twin>(threads, rounds, attempt, false); }), attempts);
}
TEST(lock_twin, shard_locked_twice_is_caught) {
  using twin = sharded_twin<twins::mistake::once_for_each_key>;
  EXPECT_EQ(caught([](auto attempt) { return testing::conserves<twin>(threads, rounds, attempt, false); }), attempts);
}

TEST(lock_twin, without_defect_passes) {
  using parking = twins::parking_twin<twins::defect::none>;
  using sharded = sharded_twin<twins::mistake::none>;
  EXPECT_EQ(caught([](auto attempt) { return testing::excludes_and_wakes<parking>(threads, 5, attempt); }), 0);
  EXPECT_EQ(caught([](auto attempt) { return testing::survives_time_outs<parking>(threads, 20, attempt); }), 0);
  EXPECT_EQ(caught([](auto attempt) { return testing::counts_by_key<sharded>(threads, 50, attempt); }), 0);
  EXPECT_EQ(caught([](auto attempt) { return testing::conserves<sharded>(threads, 50, attempt, false); }), 0);
}

}  // namespace
}  // namespace contend
