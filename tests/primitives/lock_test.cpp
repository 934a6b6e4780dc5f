// SPDX-License-Identifier: MIT
// Conformance of every lock in the catalogue.
#include <gtest/gtest.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "primitives/lock/padded.hpp"
#include "tests/primitives/lock_checks.hpp"
#include "tests/support/catalogue_filter.hpp"
#include "tests/support/catalogue_types.hpp"
#include "tests/support/stress.hpp"
#include "tests/support/tested.hpp"

namespace contend {
namespace {

using namespace std::chrono_literals;
using testing::holder;

#if defined(CONTEND_PLATFORM_YIELDING)
const unsigned threads = 4;
#else
const unsigned threads = testing::spinners();
#endif

/// Calls f on another thread and gives its result back.
template <class F>
auto elsewhere(F f) {
  decltype(f()) result{};
  std::thread([&] { result = f(); }).join();
  return result;
}

template <class L>
bool free_elsewhere(L& lock) {
  return elsewhere([&] {
    holder<L> other(lock);
    const bool was_free = other.try_lock();
    if (was_free) other.unlock();
    return was_free;
  });
}

struct excluding {
  template <class L>
  static constexpr bool keeps = excludes<L>;
};
using excluding_locks = testing::types_of<testing::filtered<excluding, tested::locks>>;
template <class L>
class lock_conformance : public ::testing::Test {};
TYPED_TEST_SUITE(lock_conformance, excluding_locks, testing::name_by_facts);

TYPED_TEST(lock_conformance, is_a_lock_that_cannot_be_copied) {
  static_assert(any_lock<TypeParam>);
  static_assert(!std::copy_constructible<TypeParam> && !std::is_copy_assignable_v<TypeParam>);
  static_assert(!std::move_constructible<TypeParam> && !std::is_move_assignable_v<TypeParam>);
}

TYPED_TEST(lock_conformance, excludes_and_wakes) {
  EXPECT_FALSE(testing::excludes_and_wakes<TypeParam>(threads, 100, 0).broken());
}

TYPED_TEST(lock_conformance, excludes_by_try_lock) {
  EXPECT_FALSE(testing::excludes_by_try<TypeParam>(threads, 100, 1).broken());
}

TYPED_TEST(lock_conformance, try_lock_tells_held_from_free) {
  TypeParam lock;
  holder<TypeParam> mine(lock);
  for (int reuse = 0; reuse < 200; ++reuse) {  // also: a node serves again and again, and a failed try costs nothing
    ASSERT_TRUE(mine.try_lock());
    if (reuse % 50 == 0) {
      ASSERT_FALSE(free_elsewhere(lock));
    }
    mine.unlock();
    mine.lock();
    if (reuse % 50 == 0) {
      ASSERT_FALSE(free_elsewhere(lock));
    }
    mine.unlock();
  }
  EXPECT_TRUE(free_elsewhere(lock));
}

TYPED_TEST(lock_conformance, nodes_go_from_lock_to_lock_and_outlive_them) {
  auto first = std::make_unique<TypeParam>(), second = std::make_unique<TypeParam>();
  node_t<TypeParam> node;
  for (auto* lock : {&first, &second, &first, &second}) {
    if constexpr (keyed_lock<TypeParam>) {
      const key_guard<TypeParam> held(**lock, 1);
    } else {
      const node_guard<TypeParam> held(**lock, node);
      EXPECT_FALSE(free_elsewhere(**lock));
    }
    EXPECT_TRUE(free_elsewhere(**lock));
  }
}

TYPED_TEST(lock_conformance, guards_release_when_left_by_an_exception) {
  TypeParam lock;
  const auto leave = [&](auto hold) {
    EXPECT_THROW(hold(), std::runtime_error);
    EXPECT_TRUE(free_elsewhere(lock));
  };
  if constexpr (keyed_lock<TypeParam>) {
    leave([&] {
      const key_guard<TypeParam> held(lock, 7);
      throw std::runtime_error("left");
    });
    if constexpr (requires { lock.lock_all(); }) {
      leave([&] {
        const auto held = lock.lock_keys(7, 8, 7);
        throw std::runtime_error("left");
      });
      leave([&] {
        const auto held = lock.lock_all();
        throw std::runtime_error("left");
      });
    }
  } else {
    leave([&] {
      const guard<TypeParam> held(lock);
      throw std::runtime_error("left");
    });
    node_t<TypeParam> node;
    leave([&] {
      const node_guard<TypeParam> held(lock, node);
      throw std::runtime_error("left");
    });
  }
}

struct first_come_first_served {
  template <class L>
  static constexpr bool keeps = L::facts.admits == admission::fifo;
};
using fifo_locks = testing::types_of<testing::filtered<first_come_first_served, tested::locks>>;
template <class L>
class fifo_conformance : public ::testing::Test {};
TYPED_TEST_SUITE(fifo_conformance, fifo_locks, testing::name_by_facts);

TYPED_TEST(fifo_conformance, serves_in_order_of_arrival) {
  using L = TypeParam;
  constexpr bool nodes_tell = requires(const L& l, const node_t<L>& n) { l.was_last(n); };
  constexpr bool count_tells = requires(const L& l) { l.was_queued(); };
  if constexpr (!nodes_tell && !count_tells)
    GTEST_SKIP() << "neither was_last(node) nor was_queued() tells when a thread has joined the queue";
  for (int round = 0; round < 10; ++round) {
    L lock;
    holder<L> first(lock);
    first.lock();
    std::vector<std::unique_ptr<holder<L>>> waiters;
    std::vector<std::thread> team;
    std::vector<unsigned> served;
    for (unsigned number = 0; number < threads; ++number) {
      waiters.push_back(std::make_unique<holder<L>>(lock));
      team.emplace_back([&served, &me = *waiters.back(), number] {
        me.lock();
        served.push_back(number);
        me.unlock();
      });
      const auto joined = [&] {
        if constexpr (nodes_tell) return lock.was_last(waiters.back()->node());
        if constexpr (count_tells) return lock.was_queued() == number + 2;
        return true;
      };
      while (!joined()) platform::yield();
    }
    EXPECT_TRUE(served.empty());
    first.unlock();
    for (auto& member : team) member.join();
    std::vector<unsigned> arrival;
    for (unsigned number = 0; number < threads; ++number) arrival.push_back(number);
    EXPECT_EQ(served, arrival);
  }
}

struct timed {
  template <class L>
  static constexpr bool keeps = timed_lock<L>;
};
using timed_locks = testing::types_of<testing::filtered<timed, tested::locks>>;
template <class L>
class timed_conformance : public ::testing::Test {};
TYPED_TEST_SUITE(timed_conformance, timed_locks, testing::name_by_facts);

TYPED_TEST(timed_conformance, takes_a_free_lock_whatever_the_deadline) {
  TypeParam lock;
  using clock = std::chrono::steady_clock;
  for (const auto deadline : {clock::time_point::min(), clock::now() - 1s, clock::now(), clock::time_point::max()}) {
    ASSERT_TRUE(lock.try_lock_until(deadline));
    lock.unlock();
  }
  for (const auto patience : {std::chrono::nanoseconds::min(), -1ns, 0ns, std::chrono::nanoseconds::max()}) {
    ASSERT_TRUE(lock.try_lock_for(patience));
    lock.unlock();
  }
}

TYPED_TEST(timed_conformance, gives_up_not_before_the_deadline_and_leaves_the_lock_alone) {
  TypeParam lock;
  lock.lock();
  EXPECT_TRUE(elsewhere([&] {
    const auto deadline = std::chrono::steady_clock::now() + 2ms;
    const bool held = lock.try_lock_until(deadline) || lock.try_lock_until(deadline) || lock.try_lock_for(-1s);
    return !held && std::chrono::steady_clock::now() >= deadline;
  }));
  EXPECT_FALSE(elsewhere([&] { return lock.try_lock_for(1ms); }));
  lock.unlock();
  EXPECT_TRUE(free_elsewhere(lock));
}

TYPED_TEST(timed_conformance, gets_a_lock_that_is_released_while_it_waits) {
  for (const auto patience : {std::chrono::nanoseconds(1min), std::chrono::nanoseconds::max()}) {
    TypeParam lock;
    lock.lock();
    std::atomic<bool> about_to_wait{false};
    bool held = false;
    std::thread waiter([&] {
      about_to_wait = true;
      held = lock.try_lock_for(patience);
      if (held) lock.unlock();
    });
    while (!about_to_wait) platform::yield();
    for (int turn = 0; turn < 200; ++turn) platform::yield();
    lock.unlock();
    waiter.join();
    EXPECT_TRUE(held);
  }
}

TYPED_TEST(timed_conformance, a_time_out_costs_no_other_thread_its_turn) {
  EXPECT_FALSE(testing::survives_time_outs<TypeParam>(threads, 300, 2).broken());
}

TEST(no_lock, excludes_nobody) {
  static_assert(any_lock<no_lock> && !excludes<no_lock>);
  no_lock lock;
  lock.lock();
  EXPECT_TRUE(lock.try_lock());
  EXPECT_TRUE(free_elsewhere(lock));
}

TEST(ticket_lock, tickets_wrap) {
  basic_ticket_lock<std::uint16_t> lock;
  for (unsigned turn = 0; turn < 3 * 65536 / 2; ++turn) {
    lock.lock();
    ASSERT_EQ(lock.was_queued(), 1U);
    lock.unlock();
    ASSERT_TRUE(lock.try_lock());
    ASSERT_FALSE(lock.try_lock());
    lock.unlock();
  }
}

// Trap: small locks side by side, in an array or from the heap, share a line.
TEST(padded, neighbours_share_no_line) {
  const auto line = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) / platform::cache_line; };
  const std::vector<padded<ttas_lock>> array(8);
  std::vector<std::unique_ptr<padded<mcs_lock>>> heap;
  for (int i = 0; i < 8; ++i) heap.push_back(std::make_unique<padded<mcs_lock>>());
  for (int i = 1; i < 8; ++i) {
    EXPECT_NE(line(&array[i]), line(&array[i - 1]));
    EXPECT_NE(line(heap[i].get()), line(heap[i - 1].get()));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(heap[i].get()) % platform::cache_line, 0U);
  }
}

#if !defined(CONTEND_PLATFORM_YIELDING)  // dies in a child process, which is slow there and tells no more
template <class L>
class unlock_death : public ::testing::Test {
 protected:
  unlock_death() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};
using asserting_locks =
    ::testing::Types<tas_lock, ttas_lock, ticket_lock, mcs_lock, clh_lock, adaptive_mutex, sharded_mutex>;
TYPED_TEST_SUITE(unlock_death, asserting_locks, testing::name_by_facts);

// Trap: a return without lock, or a second unlock.
TYPED_TEST(unlock_death, of_a_free_lock_is_told) {
  TypeParam lock;
  holder<TypeParam> mine(lock);
  mine.lock();
  mine.unlock();
  EXPECT_DEATH(mine.unlock(), "unlock\\(\\)");
}
#endif

}  // namespace
}  // namespace contend
