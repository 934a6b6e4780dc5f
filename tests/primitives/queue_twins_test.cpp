// SPDX-License-Identifier: MIT
// The broken queues, each caught by the check that the real ones pass.
#include "tests/primitives/twins/queue_twins.hpp"

#include <gtest/gtest.h>

#include "tests/primitives/queue_checks.hpp"
#include "tests/support/overlap.hpp"

namespace contend {
namespace {

using namespace std::chrono_literals;
using twins::list_defect;
using twins::ring_defect;

TEST(broken_twin, ring_of_one_slot_that_overwrites_is_caught) {
  using twin = twins::textbook_ring<std::uint64_t, ring_defect::none_above_capacity_1>;
  EXPECT_GT(testing::capacity_violations<twin>(1), 0U);
  EXPECT_EQ(testing::capacity_violations<twin>(2), 0U) << "the twin is to be wrong in one place only";
}

TEST(broken_twin, ring_whose_unsigned_difference_is_never_negative_is_caught) {
  for (const std::size_t capacity : {1U, 2U, 3U, 64U})
    EXPECT_GT(testing::capacity_violations<twins::unsigned_difference_ring<std::uint64_t>>(capacity), 0U);
}

#if defined(CONTEND_PLATFORM_YIELDING)
TEST(broken_twin, queue_that_loses_a_wake_up_is_caught_every_time) {
  int caught = 0;
  for (std::uint64_t attempt = 0; attempt < 100; ++attempt)
    caught +=
        testing::waiting_violations<twins::lost_wake_up_queue<std::uint64_t>>(1, {3, 1}, 1'000, 30ms, attempt) != 0;
  EXPECT_EQ(caught, 100);
}

template <class Twin>
int times_caught() {
  int caught = 0;
  for (std::uint64_t attempt = 0; attempt < 100; ++attempt)
    caught += testing::first_violation(10'000, attempt, [](std::uint64_t round) {
                return testing::delivery_violations<Twin>(4, {2, 2}, 100, round);
              }) != 0;
  return caught;
}

TEST(broken_twin, ring_that_publishes_before_it_writes_is_caught_every_time) {
  EXPECT_EQ((times_caught<twins::textbook_ring<std::uint64_t, ring_defect::publishes_before_writing>>()), 100);
}

TEST(broken_twin, list_that_recycles_a_node_with_its_item_is_caught_every_time) {
  EXPECT_EQ((times_caught<twins::textbook_list<std::uint64_t, list_defect::recycles_unemptied>>()), 100);
}

TEST(broken_twin, list_without_tags_is_caught_every_time) {
  EXPECT_EQ((times_caught<twins::textbook_list<std::uint64_t, list_defect::untagged>>()), 100);
}
#endif

}  // namespace
}  // namespace contend
