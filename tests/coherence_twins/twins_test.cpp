// SPDX-License-Identifier: MIT
// The broken twins are found by seeded schedules: each within a stated number of them, from whatever seed one starts,
// and found again by its seed. Twins that are broken by a memory order alone are found with weak memory and not
// without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>

#include "data_scenarios.hpp"
#include "hunt.hpp"
#include "lock_scenarios.hpp"
#include "order_scenarios.hpp"
#include "tests/primitives/twins/atomic_twins.hpp"
#include "tests/primitives/twins/locks.hpp"
#include "tests/primitives/twins/order_twins.hpp"
#include "tests/primitives/twins/queue_twins.hpp"
#include "tests/primitives/twins/rcu_twins.hpp"
#include "tests/primitives/twins/rwlock_twins.hpp"

namespace contend::hunt {
namespace {

using testing::mirrored;

/// Found from three starting points within so many schedules each, and again by the seed alone.
template <class Scenario>
void expect_found(const std::string& name, std::uint64_t within, memory kind = memory::strict) {
  std::uint64_t most = 0;
  for (const std::uint64_t first : {0, 1'000'000, 2'000'000}) {
    const auto found = hunt(name, run_here<Scenario>, kind, within, first);
    if (one_is_asked_for()) return;
    ASSERT_TRUE(found) << "not within " << within << " schedules from seed " << first << " on";
    most = std::max(most, found->schedules);
    EXPECT_EQ(run_apart(run_here<Scenario>, options_of(found->seed, kind, length_of(run_here<Scenario>))), found->seen)
        << "another schedule";
  }
  std::cout << "[ most     ] " << name << ": " << most << " of " << within << " schedules\n";
}

#define FOUND(name, ...) \
  TEST(twin_under_schedules, name) { expect_found<__VA_ARGS__>(#name, stated); }

// The lock with an acquire that is not atomic: ordinary stress misses it.
FOUND(load_then_store_lock, adding<twins::load_then_store_lock>)
FOUND(lost_ticket_lock, adding<twins::lost_ticket_lock>)
FOUND(forgetful_mcs_lock, adding<twins::forgetful_mcs_lock>)
FOUND(greedy_clh_lock, adding<twins::greedy_clh_lock>)
FOUND(parking_twin_that_looks_before_it_frees, adding<twins::parking_twin<twins::defect::looks_before_it_frees>>)
FOUND(parking_twin_that_forgets_the_others, adding<twins::parking_twin<twins::defect::forgets_the_others>>)
template <twins::mistake Mistake>
using sharded_twin = twins::sharded_twin<Mistake, 8>;
FOUND(sharded_twin_that_unlocks_another_shard, adding_by_key<sharded_twin<twins::mistake::unlocks_unhashed>>)
FOUND(sharded_twin_in_order_of_mention, moving_money<sharded_twin<twins::mistake::order_of_mention>>)
FOUND(sharded_twin_that_locks_a_shard_twice, moving_money<sharded_twin<twins::mistake::once_for_each_key>>)

FOUND(forgetful_rwlock, mirroring<rw_guarded<twins::forgetful_rwlock, mirrored>, 8>)
FOUND(seqlock_without_the_look_before, mirroring<twins::one_look_seqlock<mirrored, twins::forgotten_look::before>>)
FOUND(seqlock_without_the_look_after, mirroring<twins::one_look_seqlock<mirrored, twins::forgotten_look::after>>)
FOUND(impatient_left_right, mirroring<twins::impatient_left_right<mirrored>>)
FOUND(hasty_bravo, mirroring<rw_guarded<twins::hasty_bravo, mirrored>, 8>)
FOUND(mislabelled_rwlock, reader_meets_waiting_writer<twins::mislabelled>)
FOUND(lingering_readers, turning_readers_away<twins::lingering_readers>)

template <twins::ring_defect Defect>
using ring = twins::textbook_ring<std::uint64_t, Defect>;
template <twins::list_defect Defect>
using list = twins::textbook_list<std::uint64_t, Defect>;
FOUND(ring_of_one_slot_that_overwrites, filling<ring<twins::ring_defect::none_above_capacity_1>, 1>)
FOUND(ring_whose_difference_is_never_negative, filling<twins::unsigned_difference_ring<std::uint64_t>, 2>)
FOUND(ring_that_publishes_before_it_writes, delivering<ring<twins::ring_defect::publishes_before_writing>, 2>)
FOUND(list_that_recycles_a_node_with_its_item, passing_on<list<twins::list_defect::recycles_unemptied>>)
FOUND(list_without_tags, passing_on<list<twins::list_defect::untagged>>)
FOUND(queue_that_loses_a_wake_up, delivering<twins::lost_wake_up_queue<std::uint64_t>, 1, true>)

FOUND(epoch_that_frees_one_grace_period_early, publishing<testing::early_epoch_published<version>, 2>)
FOUND(no_grace_period, publishing<testing::graceless_published<version>, 2>)
FOUND(qsbr_that_trusts_newcomers, publishing<testing::trusting_qsbr_published<version>, 1, 1>)
FOUND(hazard_pointer_that_does_not_look_again, publishing<testing::hasty_hazard_published<version>, 1, 16, 16>)
FOUND(update_in_place, publishing<testing::in_place_published<version>, 2>)
FOUND(copy_on_write_that_loses_updates, publishing<testing::careless_copy_on_write<version>, 3>)
FOUND(callback_under_the_writers_lock, waiting_in_a_callback<testing::locked_callback_published<version>>)
FOUND(unbounded_backlog, stalling<testing::unbounded_published<version>>)

FOUND(cas_without_a_loop, operating<twins::cas_without_a_loop>)
FOUND(exchange_in_two_steps, operating<twins::exchange_in_two_steps>)
FOUND(torn_pair_of_counts, counting_pairs<twins::torn_pair>)
FOUND(sequence_lock_read_once, counting_pairs<twins::seqlock_read_once>)
#undef FOUND

/// What a command prints.
std::string printed_by(const std::string& command) {
  std::string text;
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return "cannot run " + command;
  char part[512];
  while (std::fgets(part, sizeof part, pipe) != nullptr) text += part;
  ::pclose(pipe);
  return text;
}

TEST(schedule_again, a_seed_finds_the_same_in_a_program_started_for_it_alone) {
  const auto found = hunt("lost_ticket_lock", run_here<adding<twins::lost_ticket_lock>>, memory::strict, stated);
  ASSERT_TRUE(found);
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const auto again = [&](const std::string& seed) {
    return printed_by("CONTEND_SCHEDULE=" + seed + " '" + program +
                      "' --gtest_filter=twin_under_schedules.lost_ticket_lock 2>&1");
  };
  EXPECT_THAT(again(std::to_string(found->seed)),
              ::testing::HasSubstr("lost_ticket_lock, schedule 1: " + found->seen.wrong));
  EXPECT_THAT(again("7x"), ::testing::HasSubstr("CONTEND_SCHEDULE: '7x' is no seed; expected a whole number"));
}

using twins::acq_rel;
using twins::acquire;
using twins::relaxed;
using twins::release;
using twins::seq_cst;

/// Found with weak memory; not without; and the one with the right orders is not found at all.
template <class Broken, class Right>
void expect_only_weak(const std::string& name) {
  expect_found<Broken>(name, stated, memory::weak);
  EXPECT_FALSE(hunt_many(name, run_here<Broken>, memory::strict, stated)) << "no interleaving shows it";
  EXPECT_FALSE(hunt_many(name + " as it should be", run_here<Right>, memory::weak, stated));
}

template <class L>
using guarded = mirroring<rw_guarded<L, mirrored>>;

TEST(order_twin, a_relaxed_publish) {
  expect_only_weak<publishing_a_word<relaxed>, publishing_a_word<release>>("publish");
}
TEST(order_twin, a_relaxed_publish_of_an_atomic) {
  expect_only_weak<publishing_an_atomic<relaxed>, publishing_an_atomic<release>>("publish an atomic");
}
TEST(order_twin, a_relaxed_drop_of_the_last_reference) {
  expect_only_weak<dropping_references<relaxed>, dropping_references<acq_rel>>("drop");
}
TEST(order_twin, a_lock_left_relaxed) {
  expect_only_weak<adding<twins::ordered_tas<acquire, relaxed>>, adding<twins::ordered_tas<acquire, release>>>("leave");
}
TEST(order_twin, a_lock_taken_relaxed) {
  expect_only_weak<adding<twins::ordered_tas<relaxed, release>>, adding<twins::ordered_tas<acquire, release>>>("take");
}
TEST(order_twin, the_handshake_of_an_rwlock_weakened_to_relaxed) {
  expect_only_weak<guarded<twins::ordered_rwlock<relaxed, relaxed>>, guarded<twins::ordered_rwlock<acquire, release>>>(
      "rwlock");
}
TEST(order_twin, readers_that_leave_an_rwlock_relaxed) {
  expect_only_weak<guarded<twins::ordered_rwlock<acquire, relaxed>>, guarded<twins::ordered_rwlock<acquire, release>>>(
      "rwlock left relaxed");
}
TEST(order_twin, the_flags_of_an_rwlock_weakened_to_acquire_and_release) {
  expect_only_weak<guarded<twins::handshake_rwlock<release, acquire>>,
                   guarded<twins::handshake_rwlock<seq_cst, seq_cst>>>("rwlock with flags");
}
TEST(order_twin, a_seqlock_that_checks_too_early) {
  expect_only_weak<mirroring<twins::fenced_seqlock<mirrored, relaxed>>,
                   mirroring<twins::fenced_seqlock<mirrored, acquire>>>("seqlock");
}
TEST(order_twin, a_ring_published_relaxed) {
  expect_only_weak<delivering<twins::ordered_ring<std::uint64_t, relaxed>, 2>,
                   delivering<twins::ordered_ring<std::uint64_t, release>, 2>>("ring");
}
TEST(order_twin, a_sleeper_that_is_missed) {
  expect_only_weak<adding<twins::sleeping_lock<release, acquire>>, adding<twins::sleeping_lock<seq_cst, seq_cst>>>(
      "sleepers");
}

}  // namespace
}  // namespace contend::hunt
