// SPDX-License-Identifier: MIT
// Keys and shards: spreading, independence, several keys at once, all keys at once.
#include "primitives/lock/sharded_mutex.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "primitives/catalogue.hpp"
#include "tests/primitives/lock_checks.hpp"
#include "tests/support/catalogue_filter.hpp"
#include "tests/support/catalogue_types.hpp"

namespace contend {
namespace {

using namespace std::chrono_literals;

#if defined(CONTEND_PLATFORM_YIELDING)
const unsigned threads = 4;
#else
const unsigned threads = testing::spinners();
#endif

template <class M>
bool free_elsewhere(M& mutex, std::uint64_t key) {
  bool was_free = false;
  std::thread([&] {
    was_free = mutex.try_lock(key);
    if (was_free) mutex.unlock(key);
  }).join();
  return was_free;
}

/// The least key from `from` on whose shard is, or is not, that of `key`.
template <class M>
std::uint64_t next_key(std::uint64_t key, bool same_shard, std::uint64_t from = 0) {
  while (from == key || (M::shard_of(from) == M::shard_of(key)) != same_shard) ++from;
  return from;
}

struct keyed {
  template <class L>
  static constexpr bool keeps = keyed_lock<L>;
};
using keyed_locks = testing::types_of<testing::filtered<keyed, locks>>;
template <class M>
class keyed_conformance : public ::testing::Test {};
TYPED_TEST_SUITE(keyed_conformance, keyed_locks, testing::name_by_facts);

TYPED_TEST(keyed_conformance, counts_of_each_key_are_right) {
  EXPECT_FALSE(testing::counts_by_key<TypeParam>(threads, 500, 0).broken());
}

TYPED_TEST(keyed_conformance, transfers_in_any_order_conserve_the_total) {
  EXPECT_FALSE(testing::conserves<TypeParam>(threads, 500, 1, false).broken());
}

TYPED_TEST(keyed_conformance, lock_all_sees_no_transfer_under_way) {
  EXPECT_FALSE(testing::conserves<TypeParam>(threads, 300, 2, true).broken());
}

TYPED_TEST(keyed_conformance, distinct_keys_are_independent_unless_they_share_a_shard) {
  TypeParam mutex;
  const std::uint64_t key = 17, sharing = next_key<TypeParam>(key, true), other = next_key<TypeParam>(key, false);
  {
    const key_guard<TypeParam> held(mutex, key);
    EXPECT_FALSE(free_elsewhere(mutex, key));
    EXPECT_FALSE(free_elsewhere(mutex, sharing));
    EXPECT_TRUE(free_elsewhere(mutex, other));
  }
  EXPECT_TRUE(free_elsewhere(mutex, key));
}

// Trap: two keys in one shard, or one key twice, and the thread waits for itself.
TYPED_TEST(keyed_conformance, keys_that_share_a_shard_are_locked_once) {
  TypeParam mutex;
  const std::uint64_t a = 17, sharing = next_key<TypeParam>(a, true), b = next_key<TypeParam>(a, false);
  {
    const auto held = mutex.lock_keys(a, sharing, b, a, b);
    for (const auto key : {a, sharing, b}) EXPECT_FALSE(free_elsewhere(mutex, key));
  }
  for (const auto key : {a, sharing, b}) EXPECT_TRUE(free_elsewhere(mutex, key));
}

TYPED_TEST(keyed_conformance, lock_all_holds_every_key_and_lets_go_of_each) {
  TypeParam mutex;
  {
    const auto held = mutex.lock_all();
    for (std::uint64_t key = 0; key < 500; key += 7) EXPECT_FALSE(free_elsewhere(mutex, key));
  }
  for (std::uint64_t key = 0; key < 500; ++key) {
    ASSERT_TRUE(mutex.try_lock(key));
    mutex.unlock(key);
  }
}

TYPED_TEST(keyed_conformance, timed_forms_give_up_and_succeed_by_key) {
  TypeParam mutex;
  const std::uint64_t key = 17, other = next_key<TypeParam>(key, false);
  const key_guard<TypeParam> held(mutex, key);
  std::thread([&] {
    EXPECT_FALSE(mutex.try_lock_for(key, 1ms));
    EXPECT_FALSE(mutex.try_lock_until(key, std::chrono::steady_clock::now()));
    EXPECT_TRUE(mutex.try_lock_for(other, 0ns));
    mutex.unlock(other);
  }).join();
}

TEST(sharded_mutex, few_shards_and_one_work_too) {
  EXPECT_FALSE((testing::conserves<basic_sharded_mutex<adaptive_mutex, 2>>(threads, 300, 3, true).broken()));
  EXPECT_FALSE((testing::conserves<basic_sharded_mutex<std_mutex, 1>>(threads, 300, 4, true).broken()));
}

// Trap: hashing left to the caller, or a hash that real keys defeat.
struct spread {
  std::size_t fewest, most;  // keys in one shard
};
template <class ShardOf>
spread spread_of(ShardOf shard_of, unsigned shift, std::uint64_t base) {
  std::array<std::size_t, 64> keys_of{};
  for (std::uint64_t i = 0; i < 64 * 64; ++i) ++keys_of[shard_of(base + (i << shift))];
  const auto [fewest, most] = std::minmax_element(keys_of.begin(), keys_of.end());
  return {*fewest, *most};
}

TEST(sharded_mutex, keys_of_every_stride_spread) {
  for (unsigned shift = 0; shift <= 52; ++shift)  // small integers, addresses aligned to 2^shift, high words
    for (const std::uint64_t base : {std::uint64_t{0}, std::uint64_t{0x7F12'3456'7000}, ~std::uint64_t{0} << 52}) {
      const spread s = spread_of(&sharded_mutex::shard_of, shift, base);
      EXPECT_GE(s.fewest, 32U) << "stride 2^" << shift << " from " << base;  // 64 on average, 8 of deviation
      EXPECT_LE(s.most, 112U) << "stride 2^" << shift << " from " << base;
    }
}

TEST(lock_twin, key_taken_as_it_is_does_not_spread) {
  const spread s = spread_of([](std::uint64_t key) { return key % 64; }, 6, 0x7F12'3456'7000);
  EXPECT_EQ(s.fewest, 0U);
  EXPECT_EQ(s.most, 64U * 64U);
}

}  // namespace
}  // namespace contend
