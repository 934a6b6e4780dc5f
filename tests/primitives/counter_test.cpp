// SPDX-License-Identifier: MIT
// Conformance of every counter in the catalogue, the layout traps of padding, and the twin that loses updates.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "tests/support/catalogue_types.hpp"
#include "tests/support/overlap.hpp"
#include "tests/support/stress.hpp"
#include "tests/support/tested.hpp"

namespace contend {
namespace {

template <class... C>
constexpr bool all_are_counters(type_list<C...>) {
  return (counter<C> && ...);
}
static_assert(all_are_counters(tested::counters{}));

/// How far sum() is from what `threads` threads added, each its number plus one, at least `share` times: in up to
/// `bursts` bursts, or up to the first that is wrong.
template <class C>
std::uint64_t adds_lost(unsigned threads, std::uint64_t share, unsigned bursts, std::uint64_t attempt) {
  return testing::first_violation(bursts, attempt, [&](std::uint64_t round) {
    C under_test(threads);
    testing::overlapping stress(threads, share);
    std::atomic<std::uint64_t> added{0};
    testing::together(
        threads,
        [&](unsigned number) {
          const std::uint64_t adds = stress.run([&](std::uint64_t) { under_test.add(number, number + 1); });
          added.fetch_add(adds * (number + 1));
        },
        round);
    return added.load() - under_test.sum();
  });
}

template <class C>
class counter_conformance : public ::testing::Test {};
TYPED_TEST_SUITE(counter_conformance, testing::types_of<tested::counters>, testing::name_by_facts);

TYPED_TEST(counter_conformance, starts_at_zero_for_any_number_of_slots) {
  for (const unsigned slots : {1U, 2U, 3U, 8U, 9U, 100U}) {
    TypeParam under_test(slots);
    EXPECT_EQ(under_test.sum(), 0U);
    std::uint64_t expected = 0;
    for (unsigned slot = 0; slot < slots; ++slot) {
      under_test.add(slot, slot + 1);
      expected += slot + 1;
      EXPECT_EQ(under_test.sum(), expected) << "slot " << slot << " of " << slots;
    }
  }
}

TYPED_TEST(counter_conformance, wraps_modulo_two_to_the_64) {
  TypeParam under_test(2);
  under_test.add(0, ~std::uint64_t{0});
  under_test.add(1, 3);
  EXPECT_EQ(under_test.sum(), 2U);
}

TYPED_TEST(counter_conformance, no_add_is_lost) { EXPECT_EQ(adds_lost<TypeParam>(4, 2'000, 3, 0), 0U); }

TYPED_TEST(counter_conformance, no_add_is_lost_with_more_threads_than_processors) {
  EXPECT_EQ(adds_lost<TypeParam>(16, 50, 1, 1), 0U);
}

// A sum beside running adds is no snapshot, but it is bracketed: it has every add that happened before it and none that
// happens after it (the summing thread grants the adds, so those not granted yet happen after), and the sums of one
// thread never fall.
TYPED_TEST(counter_conformance, a_sum_beside_adds_counts_what_happened_and_nothing_else) {
  if constexpr (requires { TypeParam::sums_alone; }) GTEST_SKIP() << "its sums may not overlap with additions";
  constexpr unsigned adders = 3;
  constexpr std::uint64_t rounds = 3'072;
  constexpr std::uint64_t batch = 64;
  TypeParam under_test(adders);
  std::atomic<std::uint64_t> granted{0};  // to each adder
  std::atomic<std::uint64_t> finished[adders] = {};
  std::uint64_t violations = 0;
  std::uint64_t sums = 0;
  testing::together(adders + 1, [&](unsigned number) {
    if (number < adders) {
      for (std::uint64_t i = 0; i < rounds; ++i) {
        while (granted.load() <= i) std::this_thread::yield();
        under_test.add(number, 1);
        finished[number].store(i + 1);
      }
      return;
    }
    std::uint64_t previous = 0;
    for (std::uint64_t before = 0; before < adders * rounds; ++sums) {
      before = 0;
      std::uint64_t slowest = rounds;
      for (const auto& one : finished) {
        const std::uint64_t adds = one.load();
        before += adds;
        slowest = std::min(slowest, adds);
      }
      const std::uint64_t seen = under_test.sum();
      violations += seen < before || seen > adders * granted.load() || seen < previous;
      previous = seen;
      if (slowest + batch / 2 >= granted.load() && granted.load() < rounds) granted.fetch_add(batch);
    }
  });
  EXPECT_EQ(violations, 0U) << "of " << sums << " sums";
  EXPECT_EQ(under_test.sum(), adders * rounds);
}

// ---- layout

struct hot_field {
  std::uint64_t value = 0;
};

// Trap: padding between the fields and none after the last one, so neighbours in an array share a line.
struct padded_in_the_middle {
  hot_field first;
  char gap[128 - sizeof(hot_field)];
  hot_field second;
};

struct padded_each {
  padded_to<hot_field, 128> first;
  padded_to<hot_field, 128> second;
};
static_assert(sizeof(padded_each) == 256 && alignof(padded_each) == 128, "padding must follow the last field too");
static_assert(sizeof(padded_in_the_middle) < 256, "the trapped layout would have to grow to be right");

std::uintptr_t address(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }
const void* where(const hot_field& field) { return &field; }
const void* where(const padded_to<hot_field, 128>& field) { return &field.value; }

/// Pairs of hot fields of the array that share a block of `bytes`.
template <class S>
unsigned shared_blocks(const std::vector<S>& array, std::size_t bytes) {
  std::vector<std::uintptr_t> blocks;
  for (const auto& each : array) {
    blocks.push_back(address(where(each.first)) / bytes);
    blocks.push_back(address(where(each.second)) / bytes);
  }
  std::sort(blocks.begin(), blocks.end());
  return static_cast<unsigned>(blocks.end() - std::unique(blocks.begin(), blocks.end()));
}

TEST(padding, follows_the_last_field_of_a_struct_in_an_array) {
  EXPECT_EQ(shared_blocks(std::vector<padded_each>(16), 128), 0U);
}

TEST(padding, only_between_the_fields_is_caught_by_the_same_check) {
  EXPECT_GT(shared_blocks(std::vector<padded_in_the_middle>(16), 128), 0U);
}

template <class C>
void expect_slots_apart(std::size_t bytes) {
  const C array(9);
  std::set<std::uintptr_t> blocks;
  for (unsigned slot = 0; slot < 9; ++slot) {
    EXPECT_EQ(address(array.address(slot)) % bytes, 0U) << "the base, and with it every slot, must be aligned";
    blocks.insert(address(array.address(slot)) / bytes);
  }
  EXPECT_EQ(blocks.size(), 9U);
  EXPECT_EQ(C::stride, bytes);
}

TEST(padding, separates_the_slots_by_as_much_as_the_name_says) {
  expect_slots_apart<padded_64>(64);
  expect_slots_apart<padded_128>(128);
  expect_slots_apart<padded_256>(256);
}

TEST(padding, of_the_unpadded_array_is_none_but_at_its_ends) {
  const unpadded array(9);
  EXPECT_EQ(address(array.address(0)) % platform::cache_line, 0U);
  for (unsigned slot = 1; slot < 9; ++slot)
    EXPECT_EQ(address(array.address(slot)) - address(array.address(0)), slot * 8);
}

TEST(striped_counter, has_no_more_stripes_than_slots_and_uses_all_of_them) {
  EXPECT_EQ(striped(1).stripes(), 1U);
  const striped many(1024);
  EXPECT_LE(many.stripes(), std::bit_ceil(std::max(1U, std::thread::hardware_concurrency())));
  std::vector<unsigned> slots(many.stripes());
  for (unsigned slot = 0; slot < 1024; ++slot) ++slots.at(many.stripe_of(slot));
  const auto [least, most] = std::minmax_element(slots.begin(), slots.end());
  EXPECT_LE(*most - *least, 1 + *most / 4) << "the hash must spread consecutive slots";
}

#if defined(CONTEND_PLATFORM_YIELDING)
// Twin: as per_thread, an add is load and store, but two threads share each stripe.
class shared_stripe_without_rmw {
 public:
  explicit shared_stripe_without_rmw(unsigned slots) : words_((slots + 1) / 2) {}
  void add(unsigned slot, std::uint64_t n) {
    auto& word = words_[slot / 2].value;
    word.store(word.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t sum() const {
    std::uint64_t total = 0;
    for (const auto& word : words_) total += word.value.load(std::memory_order_relaxed);
    return total;
  }

 private:
  std::vector<padded_to<std::atomic<std::uint64_t>, 64>> words_;
};

TEST(broken_twin, padded_counter_that_loses_an_update_is_caught_every_time) {
  int caught = 0;
  for (std::uint64_t attempt = 0; attempt < 100; ++attempt)
    caught += adds_lost<shared_stripe_without_rmw>(4, 50, 20, attempt) != 0;
  EXPECT_EQ(caught, 100);
}
#endif

}  // namespace
}  // namespace contend
