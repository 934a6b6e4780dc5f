// SPDX-License-Identifier: MIT
// The reclamation domains: bounded memory and a named culprit with a stalled reader, registration, and use alone.
#include <gtest/gtest.h>

#include <mutex>
#include <stdexcept>
#include <vector>

#include "primitives/rcu/epoch_published.hpp"
#include "primitives/rcu/hazard_published.hpp"
#include "primitives/rcu/qsbr_published.hpp"
#include "tests/primitives/rcu_payload.hpp"
#include "tests/primitives/twins/rcu_twins.hpp"
#include "tests/support/stress.hpp"

namespace contend {
namespace {

using testing::eventually;
using testing::payload;

void add_one(payload& draft) { draft.add_one(); }

/// A thread that registers, stays inside read() until told to leave, and unregisters.
template <class P>
class stalled_thread {
 public:
  explicit stalled_thread(P& shared)
      : thread_([this, &shared] {
          auto reader = shared.register_thread();
          index = platform::thread_index();
          shared.read(reader, [&](const payload& version) {
            inside_ = true;
            eventually([&] { return leave_.load(); });
            return sound = version.is_sound();
          });
        }) {
    eventually([&] { return inside_.load(); });
  }
  void leave() {
    leave_ = true;
    if (thread_.joinable()) thread_.join();
  }
  ~stalled_thread() { leave(); }
  stalled_thread(const stalled_thread&) = delete;
  stalled_thread& operator=(const stalled_thread&) = delete;

  unsigned index = ~0U;  // valid when constructed
  bool sound = false;    // valid after leave()

 private:
  std::atomic<bool> inside_{false}, leave_{false};
  std::thread thread_;
};

/// Collects what on_stall says.
class complaints {
 public:
  auto hear() {
    return [this](const stalled_reader& stall) {
      const std::lock_guard held(mutex_);
      heard_.push_back(stall);
    };
  }
  std::vector<stalled_reader> heard() {
    const std::lock_guard held(mutex_);
    return heard_;
  }

 private:
  std::mutex mutex_;
  std::vector<stalled_reader> heard_;
};

constexpr std::size_t limit = 8;
reclaim_limits tight(complaints& ear) {
  return {.backlog = limit,
          .batch = 2,
          .readers = 8,
          .stall_timeout = std::chrono::milliseconds(1),
          .on_stall = ear.hear()};
}

// With epochs and QSBR a stalled reader keeps everything; with hazard pointers only what it reads.
template <class P>
class grace_period_domain : public ::testing::Test {};
using grace_period_types = ::testing::Types<epoch_published<payload>, qsbr_published<payload>>;
TYPED_TEST_SUITE(grace_period_domain, grace_period_types);

TYPED_TEST(grace_period_domain, backlog_stays_bounded_and_the_stalled_reader_is_named) {
  complaints ear;
  const auto living = payload::living().load();
  TypeParam shared(payload{}, tight(ear));
  auto reader = shared.register_thread();
  stalled_thread culprit(shared);
  std::uint64_t published = 0;
  while (shared.try_update(reader, add_one) == update_result::published) {
    ASSERT_LE(++published, limit) << "more versions than the backlog holds, with a reader that sees them all";
    ASSERT_LE(shared.backlog(), limit);
  }
  EXPECT_EQ(shared.backlog(), limit);
  EXPECT_EQ(published, limit);
  EXPECT_EQ(payload::living().load(), living + 1 + static_cast<std::int64_t>(limit));

  std::atomic<bool> done{false};
  std::thread blocked([&] {  // update() waits in place of growing
    auto own = shared.register_thread();
    shared.update(own, add_one);
    done = true;
  });
  EXPECT_TRUE(eventually([&] { return !ear.heard().empty(); })) << "nobody reported the stalled reader";
  ASSERT_TRUE(eventually([&] {
    shared.quiescent(reader);
    return !shared.stalled().empty();
  }));
  const auto stalled = shared.stalled();
  ASSERT_EQ(stalled.size(), 1U);
  EXPECT_EQ(stalled[0].thread_index, culprit.index);
  EXPECT_GE(stalled[0].stuck_for, std::chrono::milliseconds(1));
  EXPECT_GT(stalled[0].epoch, 0U);
  EXPECT_FALSE(done.load());
  EXPECT_LE(shared.backlog(), limit);

  reader.offline();
  culprit.leave();
  EXPECT_TRUE(culprit.sound) << "the version of the stalled reader was freed";
  blocked.join();
  reader.online();
  shared.synchronize(reader);
  EXPECT_EQ(shared.backlog(), 0U);
  EXPECT_TRUE(shared.stalled().empty());
  EXPECT_EQ(shared.read(reader, [](const payload& version) { return version.value(); }), limit + 1);
  EXPECT_EQ(payload::living().load(), living + 1);
  const auto heard = ear.heard();
  EXPECT_EQ(std::count_if(heard.begin(), heard.end(), [&](auto& one) { return one.thread_index == culprit.index; }), 1)
      << "on_stall is called once per stall";
}

TYPED_TEST(grace_period_domain, synchronize_waits_for_readers_even_if_nothing_is_retired) {
  for (int attempt = 0; attempt < 5; ++attempt) {
    TypeParam shared(payload{});
    auto reader = shared.register_thread();
    stalled_thread staying(shared);
    std::atomic<bool> leaving{false};
    std::thread delayed([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));  // for a broken synchronize() to return
      leaving = true;
      staying.leave();
    });
    shared.synchronize(reader);
    EXPECT_TRUE(leaving.load()) << "synchronize() returned with a reader inside";
    delayed.join();
  }
}

TYPED_TEST(grace_period_domain, updaters_that_wait_for_room_lose_nothing) {
  complaints ear;
  TypeParam shared(payload{}, tight(ear));
  std::atomic<std::size_t> most{0};
  std::atomic<unsigned> waiting{3};
  std::vector<std::thread> team;
  {
    stalled_thread culprit(shared);
    for (int i = 0; i < 3; ++i)
      team.emplace_back([&] {
        auto reader = shared.register_thread();
        for (unsigned n = 0; n < 100; ++n) {
          shared.update(reader, add_one);
          if (const auto now = shared.backlog(); now > most) most = now;
        }
        reader.offline();
        --waiting;
      });
    EXPECT_TRUE(eventually([&] { return shared.backlog() == limit && !ear.heard().empty(); }));
    EXPECT_EQ(waiting.load(), 3U) << "somebody updated past a full backlog";
  }
  for (auto& each : team) each.join();
  auto reader = shared.register_thread();
  EXPECT_EQ(shared.read(reader, [](const payload& version) { return version.value(); }), 300U);
  EXPECT_LE(most.load(), limit);
}

TEST(qsbr_domain, registered_reader_that_never_says_anything_is_named) {
  complaints ear;
  qsbr_published<payload> shared(payload{}, tight(ear));
  auto silent = shared.register_thread();
  std::thread updater([&] {
    auto reader = shared.register_thread();
    while (shared.try_update(reader, add_one) == update_result::published) {
    }
    EXPECT_TRUE(eventually([&] {
      shared.quiescent(reader);
      return !shared.stalled().empty();
    }));
    EXPECT_EQ(shared.backlog(), limit);
  });
  updater.join();
  ASSERT_EQ(shared.stalled().size(), 1U);
  EXPECT_EQ(shared.stalled()[0].thread_index, platform::thread_index());
  shared.quiescent(silent);
  EXPECT_TRUE(shared.stalled().empty());
  EXPECT_EQ(shared.try_update(silent, add_one), update_result::published);
}

TEST(hazard_domain, stalled_reader_keeps_one_version_and_stops_nobody) {
  complaints ear;
  const auto living = payload::living().load();
  hazard_published<payload> shared(payload{}, tight(ear));
  auto reader = shared.register_thread();
  stalled_thread culprit(shared);
  for (unsigned i = 0; i < 1000; ++i) {
    ASSERT_EQ(shared.try_update(reader, add_one), update_result::published);
    ASSERT_LE(shared.backlog(), limit);
  }
  std::thread blocked([&] {
    auto own = shared.register_thread();
    shared.synchronize(own);  // waits for that one version
  });
  EXPECT_TRUE(eventually([&] { return !ear.heard().empty(); }));
  const auto stalled = shared.stalled();
  ASSERT_EQ(stalled.size(), 1U);
  EXPECT_EQ(stalled[0].thread_index, culprit.index);
  EXPECT_EQ(shared.backlog(), 1U);
  EXPECT_EQ(payload::living().load(), living + 2);
  culprit.leave();
  EXPECT_TRUE(culprit.sound);
  blocked.join();
  EXPECT_EQ(shared.backlog(), 0U);
  EXPECT_TRUE(shared.stalled().empty());
}

TEST(broken_rcu_twin, unbounded_backlog_is_caught) {
  const reclaim_limits limits{.backlog = limit, .batch = 1, .readers = 4};
  EXPECT_LE(testing::backlog_with_a_stalled_reader<epoch_published<payload>>(limits, 1000), limit);
  EXPECT_LE(testing::backlog_with_a_stalled_reader<qsbr_published<payload>>(limits, 1000), limit);
  EXPECT_LE(testing::backlog_with_a_stalled_reader<hazard_published<payload>>(limits, 1000), limit);
  EXPECT_GT(testing::backlog_with_a_stalled_reader<testing::unbounded_published<payload>>(limits, 1000), limit);
}

template <class D>
class any_domain : public ::testing::Test {};
using all_domains = ::testing::Types<epoch_domain, qsbr_domain, hazard_domain>;
TYPED_TEST_SUITE(any_domain, all_domains);

TYPED_TEST(any_domain, slots_run_out_with_an_exception_and_come_back) {
  TypeParam domain({.readers = 2});
  auto first = domain.register_thread();
  {
    auto second = domain.register_thread();
    EXPECT_THROW((void)domain.register_thread(), std::runtime_error);
  }
  for (int i = 0; i < 10'000; ++i) auto again = domain.register_thread();
}

// A stack that any thread may pop: the data structure that needs a domain most.
template <class Domain>
class stack {
  struct node {
    payload value;
    node* next;
  };

 public:
  explicit stack(Domain& domain) : domain_(domain) {}
  ~stack() {
    for (node* each = top_.load(); each != nullptr;) delete std::exchange(each, each->next);
  }
  void push(std::uint64_t value) {
    node* const fresh = new node{payload(value), top_.load()};
    while (!top_.compare_exchange_weak(fresh->next, fresh)) platform::relax();
  }
  std::optional<std::uint64_t> pop(typename Domain::reader& by) {
    auto room = domain_.reserve(by);
    typename Domain::section inside(domain_, by);
    for (;;) {
      node* const top = inside.protect(top_);
      if (top == nullptr) return std::nullopt;
      EXPECT_TRUE(top->value.is_sound());
      node* expected = top;
      if (!top_.compare_exchange_strong(expected, top->next)) {
        platform::relax();
        continue;
      }
      const std::uint64_t value = top->value.value();
      domain_.retire(by, std::move(room), top);  // inside the section: the node outlives it
      EXPECT_TRUE(top->value.is_sound());
      return value;
    }
  }

 private:
  Domain& domain_;
  std::atomic<node*> top_{nullptr};
};

TYPED_TEST(any_domain, serves_a_data_structure_of_its_own) {
#if defined(CONTEND_PLATFORM_YIELDING)
  constexpr std::uint64_t values = 300;
#else
  constexpr std::uint64_t values = 3000;
#endif
  const auto living = payload::living().load();
  {
    TypeParam domain({.backlog = 64, .batch = 4, .readers = 8});
    stack<TypeParam> values_left(domain);
    std::atomic<std::uint64_t> sum{0};
    testing::together(4, [&](unsigned) {
      auto reader = domain.register_thread();
      for (std::uint64_t i = 1; i <= values; ++i) {
        values_left.push(i);
        if (i % 2 == 0)
          for (int twice = 0; twice < 2; ++twice)
            if (const auto value = values_left.pop(reader)) sum += *value;
        domain.quiescent(reader);
      }
    });
    auto reader = domain.register_thread();
    while (const auto value = values_left.pop(reader)) {
      sum += *value;
      domain.quiescent(reader);
    }
    EXPECT_EQ(sum.load(), 4 * values * (values + 1) / 2);
    domain.synchronize(reader);
    EXPECT_EQ(domain.backlog(), 0U);
  }
  EXPECT_EQ(payload::living().load(), living);
}

TYPED_TEST(any_domain, place_that_is_not_used_is_given_back) {
  TypeParam domain({.backlog = 2, .readers = 2});
  auto reader = domain.register_thread();
  for (int i = 0; i < 10; ++i) {
    auto first = domain.try_reserve(reader);
    auto second = domain.try_reserve(reader);
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(domain.try_reserve(reader).has_value());
    EXPECT_EQ(domain.backlog(), 2U);
  }
  EXPECT_EQ(domain.backlog(), 0U);
}

TYPED_TEST(any_domain, deleter_runs_once_and_may_retire_more) {
  int deleted = 0;
  {
    TypeParam domain({.backlog = 4, .batch = 1, .readers = 2});
    auto reader = domain.register_thread();
    int first = 1, second = 2;
    domain.retire(reader, domain.reserve(reader), &first, [&](int*) {
      ++deleted;
      auto room = domain.try_reserve(reader);
      ASSERT_TRUE(room);
      domain.retire(reader, std::move(*room), &second, [&](int*) { ++deleted; });
    });
    domain.synchronize(reader);
    domain.synchronize(reader);
    EXPECT_EQ(deleted, 2);
    domain.retire(reader, new int(3));  // freed by the domain's end
  }
}

}  // namespace
}  // namespace contend
