// SPDX-License-Identifier: MIT
// Conformance of every reader-writer lock in the catalogue, plain or owning its data.
#include <gtest/gtest.h>

#include <memory>
#include <shared_mutex>
#include <stdexcept>

#include "tests/primitives/rwlock_checks.hpp"
#include "tests/support/catalogue_types.hpp"
#include "tests/support/tested.hpp"

namespace contend {
namespace {

using testing::mirrored;
using under_test = testing::types_of<tested::rwlocks>;

#if defined(CONTEND_PLATFORM_YIELDING) || defined(__SANITIZE_THREAD__)
constexpr unsigned stress_rounds = 10'000;
#else
constexpr unsigned stress_rounds = 200'000;
#endif

/// Readers of L may be inside together.
template <class L>
constexpr bool shares = L::facts.step != rung::mutex;
/// A reader of L holds nothing while f runs: it has a copy.
template <class L>
constexpr bool reads_copies = L::facts.waits == waiting::retry;

/// L has the standard's SharedMutex names, and not read() and write() alone.
template <class L>
constexpr bool has_try_forms = requires(L& l) {
  l.try_lock_shared();
};
template <class L>
constexpr bool parks = L::facts.waits == waiting::park || L::facts.waits == waiting::spin_then_park;
template <class L>
constexpr bool may_throw_in_writes = !requires {
  protecting<L, mirrored>::writes_must_not_throw;
};

template <class L>
class rwlock_conformance : public ::testing::Test {};
TYPED_TEST_SUITE(rwlock_conformance, under_test, testing::name_by_facts);

TYPED_TEST(rwlock_conformance, meets_its_contract) {
  using data = protecting<TypeParam, mirrored>;
  static_assert(described<TypeParam> && rw_protected<data, mirrored>);
  static_assert(plain_rwlock<TypeParam> != is_generic<TypeParam>);
  static_assert(!std::copy_constructible<data> && !std::is_copy_assignable_v<data>);
  EXPECT_FALSE(TypeParam::facts.summary.empty());
  EXPECT_NE(TypeParam::facts.admits, admission::none);
  EXPECT_NE(TypeParam::facts.waits, waiting::none);
}

TYPED_TEST(rwlock_conformance, no_read_is_torn_and_no_write_lost) {
  using data = protecting<TypeParam, mirrored>;
  EXPECT_EQ(testing::torn_or_lost<data>(4, stress_rounds, 0), 0U);
  EXPECT_EQ(testing::torn_or_lost<data>(2, stress_rounds, 1), 0U);
}

TYPED_TEST(rwlock_conformance, more_threads_than_processors_get_through) {
  using data = protecting<TypeParam, mirrored>;
  EXPECT_EQ(testing::torn_or_lost<data>(16, stress_rounds / 10, 2), 0U);
}

TYPED_TEST(rwlock_conformance, a_writer_is_alone) {
  if constexpr (is_generic<TypeParam>) {
    GTEST_SKIP() << "f may run on a private copy, so it has no other effects to count: torn reads are looked for above";
  } else {
    TypeParam lock;
    std::atomic<unsigned> readers{0};
    std::atomic<unsigned> writers{0};
    std::atomic<unsigned> wrong{0};
    testing::together(
        4,
        [&](unsigned number) {
          for (unsigned i = 0; i < stress_rounds / 4; ++i) {
            if ((i + number) % 3 == 0)
              lock.write([&] {
                wrong += writers.fetch_add(1) != 0;
                platform::relax();
                wrong += readers.load() != 0;
                writers.fetch_sub(1);
              });
            else
              lock.read([&] {
                readers.fetch_add(1);
                platform::relax();
                wrong += writers.load() != 0;
                readers.fetch_sub(1);
              });
          }
        },
        3);
    EXPECT_EQ(wrong, 0U);
  }
}

TYPED_TEST(rwlock_conformance, readers_are_inside_together) {
  if constexpr (!shares<TypeParam>) {
    TypeParam lock;
    std::shared_lock held(lock);
    std::thread([&] { EXPECT_FALSE(lock.try_lock_shared()); }).join();
  } else {
    protecting<TypeParam, int> data(1);
    std::atomic<unsigned> inside{0};
    std::atomic<unsigned> met{0};
    testing::together(3, [&](unsigned) {
      for (int round = 0; round < 2; ++round)  // the second finds a bias, where there is one
        met += static_cast<unsigned>(data.read([&](const int&) {
          ++inside;
          for (const testing::patience patient; inside < 3U * static_cast<unsigned>(round + 1);)
            if (!patient.left()) return 0;
          return 1;
        }));
    });
    EXPECT_EQ(met, 6U) << "readers waited for each other";
  }
}

TYPED_TEST(rwlock_conformance, results_come_back) {
  protecting<TypeParam, mirrored> data(mirrored{3, 4});
  EXPECT_EQ(data.read([](const mirrored& m) { return m.left + m.right; }), 7U);
  EXPECT_EQ(data.write([](mirrored& m) { return ++m.left; }), 4U);
  EXPECT_EQ(data.read([](const mirrored& m) { return m.left; }), 4U);
  data.write([](mirrored& m) { m.right = 9; });
  const std::unique_ptr<std::uint64_t> moved =
      data.read([](const mirrored& m) { return std::make_unique<std::uint64_t>(m.right); });
  EXPECT_EQ(*moved, 9U);
  EXPECT_EQ(*data.write([](mirrored& m) { return std::make_unique<std::uint64_t>(m.left); }), 4U);
  unsigned calls = 0;
  data.read([&](const mirrored&) { ++calls; });
  EXPECT_EQ(calls, 1U) << "a read calls f once";
}

TYPED_TEST(rwlock_conformance, what_was_written_is_seen_by_the_next_in_another_thread) {
  protecting<TypeParam, mirrored> data(mirrored{});
  for (std::uint64_t i = 1; i <= 20; ++i) {
    std::thread([&] { data.write([&](mirrored& m) { m.left = i; }); }).join();
    std::thread([&] { EXPECT_EQ(data.read([](const mirrored& m) { return m.left; }), i); }).join();
  }
}

TYPED_TEST(rwlock_conformance, an_exception_in_f_ends_the_section) {
  struct thrown : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  protecting<TypeParam, mirrored> data(mirrored{});
  for (int round = 0; round < 3; ++round) {
    EXPECT_THROW(data.read([](const mirrored&) -> int { throw thrown("read"); }), thrown);
    if constexpr (may_throw_in_writes<TypeParam>) {
      EXPECT_THROW(data.write([](mirrored& m) {
        m.left = 77;
        if (m.left == 77) throw thrown("write");
        return m.left;
      }),
                   thrown);
    }
    if constexpr (is_generic<TypeParam>) {
      EXPECT_EQ(data.read([](const mirrored& m) { return m.left; }), 0U) << "a write that threw did not happen";
    }
    data.write([](mirrored& m) { m = mirrored{}; });
    std::thread([&] {  // another thread gets in on either side
      data.write([](mirrored& m) { ++m.right; });
      EXPECT_EQ(data.read([](const mirrored& m) { return m.right; }), 1U);
      data.write([](mirrored& m) { --m.right; });
    })
        .join();
  }
}

TYPED_TEST(rwlock_conformance, works_with_the_standard_guards) {
  if constexpr (is_generic<TypeParam>) {
    GTEST_SKIP() << "owns its data: there is nothing to hold";
  } else if constexpr (!has_try_forms<TypeParam>) {
    GTEST_SKIP() << "has read() and write() alone";
  } else {
    TypeParam lock;
    const auto elsewhere = [&](auto attempt) {
      bool got = false;
      std::thread([&] { got = attempt(); }).join();
      return got;
    };
    const auto can_read = [&] { return std::shared_lock(lock, std::try_to_lock).owns_lock(); };
    const auto can_write = [&] { return std::unique_lock(lock, std::try_to_lock).owns_lock(); };
    for (int round = 0; round < 3; ++round) {
      {
        const std::shared_lock held(lock);
        EXPECT_EQ(elsewhere(can_read), shares<TypeParam>);
        EXPECT_FALSE(elsewhere(can_write));
      }
      {
        const std::unique_lock held(lock);
        EXPECT_FALSE(elsewhere(can_read));
        EXPECT_FALSE(elsewhere(can_write));
      }
      EXPECT_TRUE(elsewhere(can_read)) << "an attempt that failed left something behind";
      EXPECT_TRUE(elsewhere(can_write)) << "an attempt that failed left something behind";
    }
  }
}

TYPED_TEST(rwlock_conformance, who_waits_long_sleeps) {
  if constexpr (reads_copies<TypeParam>) {
    GTEST_SKIP() << "nobody waits for a reader, and no user's code runs while readers wait for a writer";
  } else if constexpr (!parks<TypeParam>) {
    GTEST_SKIP() << "spins: " << to_string(TypeParam::facts.waits);
  } else {
    protecting<TypeParam, int> data(0);
    std::atomic<bool> leave{false};
    std::atomic<bool> inside{false};
    const auto stay = [&](const int&) {
      inside = true;
      while (!leave) std::this_thread::sleep_for(std::chrono::microseconds(50));
    };
    const auto sleeps = [&](auto holder, auto waiter) {
      leave = inside = false;
      std::thread holds(holder);
      while (!inside) std::this_thread::yield();
      const testing::waiting_thread waits(waiter);
      const bool asleep = waits.falls_asleep();
      leave = true;
      holds.join();
      return asleep;
    };
    EXPECT_TRUE(sleeps([&] { data.read(stay); }, [&] { data.write([](int&) {}); })) << "a writer behind a reader";
    EXPECT_TRUE(sleeps([&] { data.write(stay); }, [&] { data.write([](int&) {}); })) << "a writer behind a writer";
    if constexpr (!is_generic<TypeParam>) {
      EXPECT_TRUE(sleeps([&] { data.write(stay); }, [&] { data.read([](const int&) {}); }))
          << "a reader behind a writer";
    }
  }
}

}  // namespace
}  // namespace contend
