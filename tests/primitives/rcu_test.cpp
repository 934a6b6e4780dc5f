// SPDX-License-Identifier: MIT
// Conformance of every rcu primitive in the catalogue, and the broken twins that the same checks must catch.
#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "tests/primitives/rcu_payload.hpp"
#include "tests/primitives/twins/rcu_twins.hpp"
#include "tests/support/catalogue_types.hpp"
#include "tests/support/stress.hpp"
#include "tests/support/tested.hpp"

namespace contend {
namespace {

using testing::eventually;
using testing::payload;
using testing::small;

template <class Entry>
class rcu_conformance : public ::testing::Test {
 public:
  using type = typename Entry::template of<payload>;
  using reader = typename type::reader;
  static std::uint64_t value_of(type& shared, reader& by) {
    return shared.read(by, [](const payload& version) { return version.value(); });
  }
  static void add_one(payload& draft) { draft.add_one(); }
};

TYPED_TEST_SUITE(rcu_conformance, testing::types_of<tested::rcus>, testing::name_by_facts);

#if defined(CONTEND_PLATFORM_YIELDING)
constexpr unsigned rounds = 200;
#else
constexpr unsigned rounds = 4000;
#endif

TYPED_TEST(rcu_conformance, fulfils_the_contract) {
  static_assert(published<typename TestFixture::type, payload>);
  static_assert(is_generic<TypeParam>);
}

TYPED_TEST(rcu_conformance, readers_see_whole_living_versions_that_never_get_older) {
  using type = typename TestFixture::type;
  EXPECT_EQ(testing::broken_reads<type>(4, rounds, 0), 0U);
  EXPECT_EQ(testing::broken_reads<type>(4, rounds, 1, {.updaters = 1, .looks = 8, .stay = 1}), 0U);
  EXPECT_EQ(testing::broken_reads<type>(4, rounds, 2, {.updaters = 3, .looks = 1, .stay = 256}), 0U);
}

TYPED_TEST(rcu_conformance, no_update_is_lost) {
  EXPECT_EQ(testing::lost_updates<typename TestFixture::type>(4, rounds, 0), 0U);
}

TYPED_TEST(rcu_conformance, callback_holds_nothing_that_others_need) {
  EXPECT_TRUE(testing::callback_holds_nothing<typename TestFixture::type>(std::chrono::seconds(60)));
}

TYPED_TEST(rcu_conformance, callback_may_read_and_its_updates_join) {
  small<typename TestFixture::type> shared;
  auto reader = shared->register_thread();
  shared->update(reader, [&](payload& draft) {
    draft.add_one();
    EXPECT_EQ(this->value_of(*shared, reader), 0U) << "the draft is not published before the callback returned";
    shared->synchronize(reader);
    shared->update(reader, this->add_one);
    EXPECT_EQ(draft.value(), 2U);
  });
  EXPECT_EQ(this->value_of(*shared, reader), 2U);
}

TYPED_TEST(rcu_conformance, callback_cannot_return_null_or_the_old_version) {
  using type = typename TestFixture::type;
  const auto takes = []<class F>(type& shared, typename type::reader& reader, F f) {
    return requires { shared.update(reader, f); };
  };
  small<type> shared;
  auto reader = shared->register_thread();
  EXPECT_TRUE(takes(
      *shared, reader, +[](payload&) {}));
  EXPECT_FALSE(takes(
      *shared, reader, +[](payload&) -> payload* { return nullptr; }));
  EXPECT_FALSE(takes(
      *shared, reader, +[](payload& same) -> payload& { return same; }));
  // An update that changes nothing still makes a version of its own.
  for (int i = 0; i < 8; ++i) shared->update(reader, [](payload&) {});
  EXPECT_TRUE(shared->read(reader, [](const payload& version) { return version.is_sound(); }));
}

TYPED_TEST(rcu_conformance, callback_that_throws_publishes_and_keeps_nothing) {
  small<typename TestFixture::type> shared;
  auto reader = shared->register_thread();
  const auto living = payload::living().load();
  for (int i = 0; i < 100; ++i)
    EXPECT_THROW(shared->update(reader,
                                [](payload& draft) {
                                  draft.add_one();
                                  throw std::runtime_error("refused");
                                }),
                 std::runtime_error);
  EXPECT_EQ(this->value_of(*shared, reader), 0U);
  EXPECT_EQ(shared->backlog(), 0U);
  EXPECT_EQ(payload::living().load(), living);
  shared->update(reader, this->add_one);
  EXPECT_EQ(this->value_of(*shared, reader), 1U);
}

TYPED_TEST(rcu_conformance, one_section_sees_one_version) {
  small<typename TestFixture::type> shared;
  std::atomic<bool> inside{false}, updated{false};
  std::thread writer([&] {
    auto reader = shared->register_thread();
    eventually([&] { return inside.load(); });
    shared->update(reader, this->add_one);
    updated = true;
  });
  auto reader = shared->register_thread();
  shared->read(reader, [&](const payload& version) {
    const std::uint64_t before = version.value();
    inside = true;
    // With a lock the update cannot come; without one it comes now.
    eventually([&] { return updated.load(); }, std::chrono::milliseconds(20));
    EXPECT_EQ(version.value(), before);
    const std::uint64_t nested = this->value_of(*shared, reader);
    EXPECT_GE(nested, before);
    EXPECT_EQ(version.value(), before) << "a nested read ended the outer one";
    EXPECT_TRUE(version.is_sound());
    return true;
  });
  shared->quiescent(reader);
  reader.offline();  // the writer may be waiting
  writer.join();
  reader.online();
  EXPECT_EQ(this->value_of(*shared, reader), 1U);
}

TYPED_TEST(rcu_conformance, synchronize_waits_for_a_reader_inside) {
  for (int attempt = 0; attempt < 5; ++attempt) {
    small<typename TestFixture::type> shared;
    std::atomic<bool> inside{false}, begun{false}, leaving{false};
    std::thread staying([&] {
      auto reader = shared->register_thread();
      const bool sound = shared->read(reader, [&](const payload& version) {
        inside = true;
        eventually([&] { return begun.load(); });
        std::this_thread::sleep_for(std::chrono::milliseconds(10));  // for a broken synchronize() to return
        leaving = true;
        return version.is_sound();
      });
      EXPECT_TRUE(sound);
    });
    auto reader = shared->register_thread();
    eventually([&] { return inside.load(); });
    begun = true;
    shared->update(reader, this->add_one);
    shared->synchronize(reader);
    EXPECT_TRUE(leaving.load()) << "synchronize() returned with a reader of the old version inside";
    staying.join();
    EXPECT_EQ(shared->backlog(), 0U);
  }
}

TYPED_TEST(rcu_conformance, nothing_is_left_after_synchronize) {
  const auto living = payload::living().load();
  small<typename TestFixture::type> shared;
  testing::together(4, [&](unsigned) {
    auto reader = shared->register_thread();
    for (unsigned i = 0; i < 100; ++i) {
      shared->update(reader, this->add_one);
      (void)this->value_of(*shared, reader);
      shared->quiescent(reader);
    }
  });
  auto reader = shared->register_thread();
  shared->synchronize(reader);
  EXPECT_EQ(shared->backlog(), 0U);
  EXPECT_EQ(payload::living().load(), living + 1);
}

TYPED_TEST(rcu_conformance, destruction_frees_what_is_left) {
  const auto living = payload::living().load();
  {
    small<typename TestFixture::type> shared({.backlog = 64, .batch = 64, .readers = 2});
    auto reader = shared->register_thread();
    for (unsigned i = 0; i < 50; ++i) shared->update(reader, this->add_one);
  }
  EXPECT_EQ(payload::living().load(), living);
}

TYPED_TEST(rcu_conformance, readers_come_and_go_without_limit) {
  small<typename TestFixture::type> shared;  // 16 slots where there are slots
  testing::together(4, [&](unsigned) {
    for (unsigned i = 0; i < rounds; ++i) {
      auto reader = shared->register_thread();
      auto another = shared->register_thread();
      auto moved = std::move(another);
      (void)this->value_of(*shared, reader);
      if (i % 64 == 0) {
        moved.offline();  // this thread's other reader must not be what its update waits for
        shared->update(reader, this->add_one);
        moved.online();
      }
      (void)this->value_of(*shared, moved);
    }
  });
  auto reader = shared->register_thread();
  shared->synchronize(reader);
  EXPECT_EQ(shared->backlog(), 0U);
}

TYPED_TEST(rcu_conformance, reader_that_is_offline_is_not_waited_for) {
  small<typename TestFixture::type> shared;
  auto idle = shared->register_thread();
  (void)this->value_of(*shared, idle);
  idle.offline();
  auto reader = shared->register_thread();
  for (int i = 0; i < 100; ++i) shared->update(reader, this->add_one);
  shared->synchronize(reader);
  EXPECT_EQ(shared->backlog(), 0U);
  idle.online();
  EXPECT_EQ(this->value_of(*shared, idle), 100U);
}

TEST(broken_rcu_twin, callback_under_the_writers_lock_is_caught) {
  EXPECT_FALSE(
      testing::callback_holds_nothing<testing::locked_callback_published<payload>>(std::chrono::milliseconds(50)));
}

#if defined(CONTEND_PLATFORM_YIELDING)
template <class Check>
int caught_of_100(Check check) {
  int caught = 0;
  for (std::uint64_t attempt = 0; attempt < 100; ++attempt) {
    caught += check(attempt) > 0;
    testing::quarantine::empty();
  }
  return caught;
}

template <class P>
int broken_reads_of_100(testing::habits have = {}) {
  // The windows are an instruction or two wide: up to 40,000 rounds, of which a few dozen are needed mostly.
  return caught_of_100([=](std::uint64_t attempt) { return testing::broken_reads<P>(4, 40'000, attempt, have); });
}
constexpr testing::habits newcomers{.updaters = 1, .looks = 8, .stay = 1};
constexpr testing::habits glances{.updaters = 2, .looks = 1, .stay = 256};

TEST(broken_rcu_twin, epoch_that_frees_one_grace_period_early_is_caught_every_time) {
  EXPECT_EQ(broken_reads_of_100<testing::early_epoch_published<payload>>(), 100);
}
TEST(broken_rcu_twin, no_grace_period_is_caught_every_time) {
  EXPECT_EQ(broken_reads_of_100<testing::graceless_published<payload>>(), 100);
}
TEST(broken_rcu_twin, qsbr_that_trusts_newcomers_is_caught_every_time) {
  EXPECT_EQ(broken_reads_of_100<testing::trusting_qsbr_published<payload>>(newcomers), 100);
}
TEST(broken_rcu_twin, hazard_pointer_that_does_not_look_again_is_caught_every_time) {
  EXPECT_EQ(broken_reads_of_100<testing::hasty_hazard_published<payload>>(glances), 100);
}
TEST(broken_rcu_twin, update_in_place_is_caught_every_time) {
  EXPECT_EQ(broken_reads_of_100<testing::in_place_published<payload>>(), 100);
}
TEST(broken_rcu_twin, copy_on_write_that_loses_updates_is_caught_every_time) {
  const int caught = caught_of_100([](std::uint64_t attempt) {
    std::uint64_t lost = 0;
    for (int part = 0; part < 20 && lost == 0; ++part)
      lost = testing::lost_updates<testing::careless_copy_on_write<payload>>(4, 40, attempt);
    return lost;
  });
  EXPECT_EQ(caught, 100);
}

// The quarantine itself hides no soundness: the real domains pass with it.
TEST(quarantined_rcu, real_domains_pass_the_check_of_the_twins) {
  using detail::domain_published;
  using testing::quarantined;
  using epoch = domain_published<payload, quarantined<epoch_domain>, true>;
  using qsbr = domain_published<payload, quarantined<qsbr_domain>, false>;
  using hazard = domain_published<payload, quarantined<hazard_domain>, true>;
  for (std::uint64_t round = 0; round < 5; ++round) {
    EXPECT_EQ(testing::broken_reads<epoch>(4, rounds, round), 0U);
    EXPECT_EQ(testing::broken_reads<qsbr>(4, rounds, round, newcomers), 0U);
    EXPECT_EQ(testing::broken_reads<hazard>(4, rounds, round, glances), 0U);
    testing::quarantine::empty();
  }
}
#endif

}  // namespace
}  // namespace contend
