// SPDX-License-Identifier: MIT
// Conformance of every queue in the catalogue, one thread at a time and many.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <thread>
#include <vector>

#include "tests/primitives/queue_checks.hpp"
#include "tests/support/catalogue_types.hpp"
#include "tests/support/tested.hpp"

namespace contend {
namespace {

using namespace std::chrono_literals;

/// Whether E takes a T. Ours take all that can be moved; other people's may say takes<T>.
template <class E, class T>
constexpr bool takes_payload() {
  if constexpr (requires { E::template takes<T>; })
    return E::template takes<T>;
  else
    return true;
}
template <class E, class T>
constexpr bool is_queue_of() {
  if constexpr (takes_payload<E, T>())
    return queue_of<typename E::template of<T>, T>;
  else
    return true;
}
template <class... E>
constexpr bool all_are_queues(type_list<E...>) {
  return ((queue_of<typename E::template of<std::uint64_t>, std::uint64_t> && is_queue_of<E, std::unique_ptr<int>>()) &&
          ...);
}
static_assert(all_are_queues(tested::queues{}));

template <class E>
testing::crew crew_for(unsigned producers, unsigned consumers) {
  constexpr queue_sides sides = E::template of<std::uint64_t>::sides;
  return {sides.many_producers ? producers : 1U, sides.many_consumers ? consumers : 1U};
}

template <class E>
class queue_conformance : public ::testing::Test {
 public:
  template <class T>
  using of = typename E::template of<T>;
};
TYPED_TEST_SUITE(queue_conformance, testing::types_of<tested::queues>, testing::name_by_facts);

TYPED_TEST(queue_conformance, honours_its_capacity_and_reports_full_and_empty) {
  using queue = typename TypeParam::template of<std::uint64_t>;
  if constexpr (requires { queue::rounds_capacity_up; }) {
    for (const std::size_t capacity : {1U, 2U, 3U, 5U, 64U, 5000U})
      EXPECT_EQ(testing::rounded_capacity_violations<queue>(capacity), 0U) << "capacity " << capacity;
  } else if constexpr (queue::facts.bounded) {
    for (const std::size_t capacity : {1U, 2U, 3U, 5U, 64U})
      EXPECT_EQ(testing::capacity_violations<queue>(capacity), 0U) << "capacity " << capacity;
  } else {
    queue unbounded(1);
    std::uint64_t got = 0;
    EXPECT_FALSE(unbounded.try_pop(got));
    for (std::uint64_t i = 0; i < 10'000; ++i) EXPECT_TRUE(unbounded.try_push(std::uint64_t{i}));
    for (std::uint64_t i = 0; i < 10'000; ++i) {
      EXPECT_TRUE(unbounded.try_pop(got));
      EXPECT_EQ(got, i);
    }
    EXPECT_FALSE(unbounded.try_pop(got));
  }
}

TYPED_TEST(queue_conformance, delivers_each_item_once_and_in_its_producers_order) {
  using queue = typename TypeParam::template of<std::uint64_t>;
  for (const std::size_t capacity : {1U, 2U, 3U, 64U})
    for (const auto& [producers, consumers] : {std::pair{1U, 1U}, {1U, 3U}, {3U, 1U}, {2U, 2U}}) {
      const auto team = crew_for<TypeParam>(producers, consumers);
      EXPECT_EQ(testing::delivery_violations<queue>(capacity, team, 600, capacity), 0U)
          << team.producers << ':' << team.consumers << ", capacity " << capacity;
    }
}

TYPED_TEST(queue_conformance, delivers_with_more_threads_than_processors) {
  using queue = typename TypeParam::template of<std::uint64_t>;
  EXPECT_EQ(testing::delivery_violations<queue>(8, crew_for<TypeParam>(8, 8), 100, 7), 0U);
}

TYPED_TEST(queue_conformance, takes_a_payload_that_can_only_move) {
  using item = std::unique_ptr<int>;
  if constexpr (!takes_payload<TypeParam, item>()) {
    GTEST_SKIP() << "does not take a payload that can only move";
  } else {
    typename TypeParam::template of<item> queue(2);
    int pushed = 0;
    do {
      item next = std::make_unique<int>(pushed + 1);
      if (!queue.try_push(std::move(next))) {
        ASSERT_TRUE(next != nullptr) << "an item that was not taken must not be moved from";
        EXPECT_EQ(*next, pushed + 1);
        break;
      }
      ++pushed;
    } while (queue.facts.bounded || pushed < 2);
    EXPECT_GE(pushed, 2);
    for (int i = 1; i <= pushed; ++i) {
      item got;
      ASSERT_TRUE(queue.try_pop(got));
      EXPECT_EQ(*got, i);
    }
  }
}

TYPED_TEST(queue_conformance, takes_payloads_of_any_size_and_alignment) {
  struct alignas(32) wide {
    std::array<std::uint64_t, 20> words{};
  };
  struct odd {
    std::array<char, 7> bytes{};
  };
  typename TypeParam::template of<wide> wides(3);
  typename TypeParam::template of<odd> odds(11);
  for (std::uint64_t lap = 0; lap < 20; ++lap) {
    wide big;
    big.words.fill(lap);
    ASSERT_TRUE(wides.try_push(std::move(big)));
    wide got;
    ASSERT_TRUE(wides.try_pop(got));
    EXPECT_EQ(got.words, big.words);
    odd small;
    small.bytes.fill(static_cast<char>(lap));
    ASSERT_TRUE(odds.try_push(std::move(small)));
    odd back;
    ASSERT_TRUE(odds.try_pop(back));
    EXPECT_EQ(back.bytes, small.bytes);
  }
}

TYPED_TEST(queue_conformance, keeps_nothing_of_a_popped_item) {
  using item = std::shared_ptr<int>;
  if constexpr (!takes_payload<TypeParam, item>()) {
    GTEST_SKIP() << "takes nothing that has a destructor";
  } else {
    typename TypeParam::template of<item> queue(4);
    const item watched = std::make_shared<int>(7);
    for (int lap = 0; lap < 9; ++lap) {
      ASSERT_TRUE(queue.try_push(item(watched)));
      EXPECT_EQ(watched.use_count(), 2);
      item got;
      ASSERT_TRUE(queue.try_pop(got));
      got.reset();
      EXPECT_EQ(watched.use_count(), 1) << "the slot still holds the item, lap " << lap;
    }
  }
}

TYPED_TEST(queue_conformance, destroys_the_items_left_in_it) {
  using item = std::shared_ptr<int>;
  const item watched = std::make_shared<int>(7);
  if constexpr (!takes_payload<TypeParam, item>())
    GTEST_SKIP() << "takes nothing that has a destructor";
  else
    for (std::size_t left = 0; left <= 3; ++left)
      for (std::size_t lap = 0; lap < 4; ++lap) {
        {
          typename TypeParam::template of<item> queue(3);
          for (std::size_t i = 0; i < lap; ++i) {
            item got;
            ASSERT_TRUE(queue.try_push(item(watched)));
            ASSERT_TRUE(queue.try_pop(got));
          }
          for (std::size_t i = 0; i < left; ++i) ASSERT_TRUE(queue.try_push(item(watched)));
          EXPECT_EQ(watched.use_count(), static_cast<long>(1 + left));
        }
        EXPECT_EQ(watched.use_count(), 1);
      }
}

// ---- queues that wait

template <class Done, class... E>
struct waiting_among;
template <class... Done>
struct waiting_among<type_list<Done...>> {
  using type = type_list<Done...>;
};
template <class... Done, class First, class... Rest>
struct waiting_among<type_list<Done...>, First, Rest...>
    : std::conditional_t<blocking_queue_of<typename First::template of<std::uint64_t>, std::uint64_t>,
                         waiting_among<type_list<Done..., First>, Rest...>,
                         waiting_among<type_list<Done...>, Rest...>> {};
template <class... E>
auto waiting_only(type_list<E...>) -> typename waiting_among<type_list<>, E...>::type;

template <class E>
class waiting_queue : public ::testing::Test {};
TYPED_TEST_SUITE(waiting_queue, testing::types_of<decltype(waiting_only(tested::queues{}))>, testing::name_by_facts);

constexpr auto long_enough = 60s;  // without progress: then somebody was not woken

TYPED_TEST(waiting_queue, delivers_each_item_once_and_wakes_who_waits) {
  using queue = typename TypeParam::template of<std::uint64_t>;
  for (const std::size_t capacity : {1U, 2U, 3U, 64U})
    for (const auto& [producers, consumers] : {std::pair{1U, 1U}, {1U, 3U}, {3U, 1U}, {2U, 2U}})
      EXPECT_EQ(
          testing::waiting_violations<queue>(capacity, crew_for<TypeParam>(producers, consumers), 300, long_enough, 1),
          0U)
          << producers << ':' << consumers << ", capacity " << capacity;
}

TYPED_TEST(waiting_queue, delivers_with_more_threads_than_processors) {
  using queue = typename TypeParam::template of<std::uint64_t>;
  for (const std::size_t capacity : {1U, 3U})
    EXPECT_EQ(testing::waiting_violations<queue>(capacity, crew_for<TypeParam>(8, 8), 100, long_enough, 2), 0U);
}

TYPED_TEST(waiting_queue, once_closed_takes_nothing_and_drains) {
  using item = std::unique_ptr<int>;
  typename TypeParam::template of<item> queue(4);
  ASSERT_TRUE(queue.push(std::make_unique<int>(1)));
  ASSERT_TRUE(queue.try_push(std::make_unique<int>(2)));
  queue.close();
  queue.close();
  item kept = std::make_unique<int>(3);
  EXPECT_FALSE(queue.push(std::move(kept)));
  EXPECT_FALSE(queue.try_push(std::move(kept)));
  ASSERT_TRUE(kept != nullptr) << "an item that was not taken must not be moved from";
  item got;
  ASSERT_TRUE(queue.pop(got));
  EXPECT_EQ(*got, 1);
  ASSERT_TRUE(queue.try_pop(got));
  EXPECT_EQ(*got, 2);
  EXPECT_FALSE(queue.pop(got));
  EXPECT_FALSE(queue.try_pop(got));
}

TYPED_TEST(waiting_queue, close_wakes_those_who_wait_to_pop) {
  typename TypeParam::template of<int> queue(2);
  std::atomic<int> refused{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; ++i)
    waiters.emplace_back([&] {
      int got = 0;
      refused.fetch_add(!queue.pop(got));
    });
  std::this_thread::sleep_for(5ms);  // most likely parked by now; right either way
  queue.close();
  for (auto& waiter : waiters) waiter.join();
  EXPECT_EQ(refused.load(), 3);
}

TYPED_TEST(waiting_queue, close_wakes_those_who_wait_to_push_and_leaves_them_their_items) {
  using item = std::unique_ptr<int>;
  typename TypeParam::template of<item> queue(1);
  ASSERT_TRUE(queue.push(std::make_unique<int>(0)));
  std::atomic<int> kept{0};
  std::vector<std::thread> waiters;
  for (int i = 1; i <= 3; ++i)
    waiters.emplace_back([&, i] {
      item mine = std::make_unique<int>(i);
      const bool taken = queue.push(std::move(mine));
      kept.fetch_add(!taken && mine != nullptr && *mine == i);
    });
  std::this_thread::sleep_for(5ms);  // most likely parked by now; right either way
  queue.close();
  for (auto& waiter : waiters) waiter.join();
  EXPECT_EQ(kept.load(), 3);
  item got;
  EXPECT_TRUE(queue.pop(got));
  EXPECT_EQ(*got, 0);
  EXPECT_FALSE(queue.pop(got));
}

// Whoever is told that his item was taken can rely on it that somebody pops it, whenever the close came.
TYPED_TEST(waiting_queue, close_in_mid_stream_loses_no_item_that_was_taken) {
  for (std::uint64_t round = 0; round < 50; ++round) {
    typename TypeParam::template of<std::uint64_t> queue(1 + round % 3);
    std::atomic<std::uint64_t> taken{0};
    std::atomic<std::uint64_t> popped{0};
    testing::together(
        5,
        [&](unsigned number) {
          std::uint64_t count = 0;
          if (number < 2) {
            for (std::uint64_t item = 0; queue.push(std::move(item)); item = 0) ++count;
            taken.fetch_add(count);
          } else if (number < 4) {
            for (std::uint64_t item = 0; queue.pop(item);) ++count;
            popped.fetch_add(count);
          } else {
            for (std::uint64_t i = 0; i < round; ++i) std::this_thread::yield();
            queue.close();
          }
        },
        round);
    EXPECT_EQ(taken.load(), popped.load()) << "round " << round;
  }
}

}  // namespace
}  // namespace contend
