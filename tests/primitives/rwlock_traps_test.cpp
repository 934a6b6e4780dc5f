// SPDX-License-Identifier: MIT
// The known ways to get a reader-writer lock wrong: each with a test, and with a twin that the test catches.
//
// What this cannot find: a handshake (reader: publish, then look for a writer; writer: announce, then look for
// readers) that is only acquire/release where litmus SB asks for seq_cst. The yielding platform executes every atomic
// seq_cst, and on x86 natively such a twin needs millions of writes per torn read. bravo, left_right and the doorbell
// have that handshake; their seq_cst accesses name it. The other locks keep flag and count in one word. Simulated
// threads with weak memory find it: tests/coherence_twins.
#include <gtest/gtest.h>

#include <map>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>

#include "tests/primitives/rwlock_checks.hpp"
#include "tests/primitives/twins/rwlock_twins.hpp"
#include "tests/support/catalogue_types.hpp"
#include "tests/support/tested.hpp"

namespace contend {
namespace {

using testing::mirrored;
using under_test = testing::types_of<tested::rwlocks>;

template <class L>
constexpr bool parks = L::facts.waits == waiting::park || L::facts.waits == waiting::spin_then_park;
template <class L>
constexpr bool has_try_forms = requires(L& l) {
  l.try_lock_shared();
};

template <class L>
class rwlock_trap : public ::testing::Test {};
TYPED_TEST_SUITE(rwlock_trap, under_test, testing::name_by_facts);

// Trap: a lock that is called reader-priority and holds readers back while a writer waits.
TYPED_TEST(rwlock_trap, admits_in_the_order_that_its_facts_say) {
  constexpr admission admits = TypeParam::facts.admits;
  if constexpr (is_generic<TypeParam>) {
    GTEST_SKIP() << "no try form by which to ask; see nested_reads_are_allowed_where_the_comment_says_so";
  } else if constexpr (!parks<TypeParam>) {
    GTEST_SKIP() << "spins, so there is no telling when a writer has come to wait";
  } else if constexpr (admits == admission::reader_first) {
    EXPECT_TRUE(testing::reader_passes_waiting_writer<TypeParam>());
  } else if constexpr (admits == admission::writer_first || admits == admission::phase_fair) {
    EXPECT_FALSE(testing::reader_passes_waiting_writer<TypeParam>());
    for (int round = 0; round < 20; ++round)
      EXPECT_EQ(testing::readers_admitted_before_waiting_writer<TypeParam>(), 0U);
  } else {
    GTEST_SKIP() << "promises no order: " << to_string(admits);
  }
}
TEST(broken_rwlock_twin, a_writer_preferring_lock_named_reader_first_is_caught) {
  EXPECT_FALSE(testing::reader_passes_waiting_writer<twins::mislabelled>());
}

// Where phases alternate, the readers that wait go before the second of two waiting writers; writer_first lets both go.
template <class L>
bool reader_goes_between_two_writers() {
  L lock;
  std::atomic<unsigned> writes{0};
  std::atomic<unsigned> seen{99};
  const auto write = [&] {
    lock.lock();
    ++writes;
    lock.unlock();
  };
  lock.lock();
  testing::waiting_thread reader([&] { lock.read([&] { seen = writes.load(); }); });
  EXPECT_TRUE(reader.falls_asleep());
  testing::waiting_thread writer(write);
  EXPECT_TRUE(writer.falls_asleep());
  lock.unlock();
  reader.join();
  writer.join();
  EXPECT_EQ(writes, 1U);
  return seen == 0;
}
TEST(rwlock_order, phase_fair_lets_the_waiting_reader_go_before_the_next_writer) {
  for (int round = 0; round < 10; ++round) EXPECT_TRUE(reader_goes_between_two_writers<phase_fair>());
}
TEST(rwlock_order, reader_preferring_lets_the_waiting_reader_go_before_the_next_writer) {
  for (int round = 0; round < 10; ++round) EXPECT_TRUE(reader_goes_between_two_writers<reader_preferring>());
}
TEST(rwlock_order, writer_preferring_does_not) {
  for (int round = 0; round < 10; ++round) EXPECT_FALSE(reader_goes_between_two_writers<writer_preferring>());
}

// Trap: a nested read hangs when a writer waits in between.
TYPED_TEST(rwlock_trap, nested_reads_are_allowed_where_the_comment_says_so) {
  constexpr admission admits = TypeParam::facts.admits;
  if constexpr (!parks<TypeParam> && TypeParam::facts.waits != waiting::retry) {
    GTEST_SKIP() << "spins, so there is no telling when a writer has come to wait";
  } else if constexpr (is_generic<TypeParam> || admits == admission::reader_first) {
    protecting<TypeParam, int> data(1);
    std::optional<testing::waiting_thread> writer;
    const auto change = [&] { data.write([](int& n) { n = 2; }); };
    data.read([&](const int& outer) {
      EXPECT_EQ(outer, 1);
      if constexpr (TypeParam::facts.waits == waiting::retry) {
        change();  // no writer ever waits for a reader
      } else {
        writer.emplace(change);
        EXPECT_TRUE(writer->falls_asleep());
      }
      const int inner = data.read([](const int& n) { return n; });
      EXPECT_TRUE(inner == 1 || inner == 2);
      EXPECT_EQ(outer, 1);
    });
    writer.reset();
    EXPECT_EQ(data.read([](const int& n) { return n; }), 2);
  } else if constexpr (admits == admission::writer_first || admits == admission::phase_fair) {
    // The inner read would wait for the writer, which waits for the outer read: shown by the try form.
    TypeParam lock;
    lock.lock_shared();
    const testing::waiting_thread writer([&] { lock.write([] {}); });
    EXPECT_TRUE(writer.falls_asleep());
    EXPECT_FALSE(lock.try_lock_shared());
    lock.unlock_shared();
  } else {
    GTEST_SKIP() << "not allowed, and what happens is left open: " << to_string(admits);
  }
}

// Trap: an extra unlock admits a writer beside a reader. It is a broken precondition, and asserted.
template <class L>
class rwlock_trap_death : public ::testing::Test {};
TYPED_TEST_SUITE(rwlock_trap_death, under_test, testing::name_by_facts);
TYPED_TEST(rwlock_trap_death, an_extra_unlock_is_asserted) {
  if constexpr (is_generic<TypeParam>) {
    GTEST_SKIP() << "owns its data: nobody outside can unlock";
  } else if constexpr (!TypeParam::facts.origin.empty()) {
    GTEST_SKIP() << "what other people's locks check is theirs to say";
  } else if constexpr (TypeParam::facts.baseline) {
    GTEST_SKIP() << "the standard library checks nothing here";
  } else {
    GTEST_FLAG_SET(death_test_style, "fast");
    TypeParam lock;
    EXPECT_DEATH(lock.unlock_shared(), "unlock_shared\\(\\) without lock_shared\\(\\)");
    EXPECT_DEATH(lock.unlock(), "unlock\\(\\) without lock\\(\\)");
    lock.lock_shared();
    EXPECT_DEATH(lock.unlock(), "unlock\\(\\) without lock\\(\\)");
    EXPECT_DEATH((lock.unlock_shared(), lock.unlock_shared()), "unlock_shared\\(\\) without lock_shared\\(\\)");
    lock.unlock_shared();
    lock.lock();
    EXPECT_DEATH(lock.unlock_shared(), "unlock_shared\\(\\) without lock_shared\\(\\)");
    lock.unlock();
  }
}

// Trap: readers that were turned away are still counted for a while and hold the writer up.
template <class L>
unsigned writers_held_up_by_readers_turned_away() {
  L lock;
  unsigned held_up = 0;
  for (int round = 0; round < 10; ++round) {
    held_up += !lock.try_lock();
    for (int reader = 0; reader < 3; ++reader) held_up += lock.try_lock_shared();
    lock.unlock();
  }
  return held_up;
}
TYPED_TEST(rwlock_trap, readers_turned_away_leave_no_trace) {
  if constexpr (is_generic<TypeParam>)
    GTEST_SKIP() << "turns no reader away";
  else if constexpr (!has_try_forms<TypeParam>)
    GTEST_SKIP() << "has read() and write() alone";
  else if constexpr (TypeParam::facts.baseline)
    GTEST_SKIP() << "a try form on a mutex that this thread holds is undefined";
  else
    EXPECT_EQ(writers_held_up_by_readers_turned_away<TypeParam>(), 0U);
}
TEST(broken_rwlock_twin, readers_that_linger_are_caught) {
  EXPECT_GT(writers_held_up_by_readers_turned_away<twins::lingering_readers>(), 0U);
}

// Trap: a reference that f returns is used when the lock is gone. It does not compile.
template <class P, class T>
constexpr bool lets_a_reference_out = requires(P& p, const T& (*read)(const T&)) {
  p.read(read);
}
|| requires(P& p, T& (*write)(T&)) { p.write(write); }
|| requires(P& p, T && (*write)(T&)) { p.write(write); };
TYPED_TEST(rwlock_trap, no_reference_gets_past_the_lock) {
  static_assert(!lets_a_reference_out<protecting<TypeParam, mirrored>, mirrored>);
  static_assert(!lets_a_reference_out<protecting<TypeParam, int>, int>);
  if constexpr (!is_generic<TypeParam>) {
    static_assert(!requires(TypeParam & l, int& (*f)()) { l.read(f); });
    static_assert(!requires(TypeParam & l, int& (*f)()) { l.write(f); });
  }
}

#if defined(CONTEND_PLATFORM_YIELDING)
template <class P>
int times_caught() {
  int caught = 0;
  for (std::uint64_t attempt = 0; attempt < 100; ++attempt) caught += testing::torn_or_lost<P>(4, 400, attempt) > 0;
  return caught;
}
TEST(broken_rwlock_twin, one_that_forgets_a_reader_is_caught_every_time) {
  EXPECT_EQ((times_caught<rw_guarded<twins::forgetful_rwlock, mirrored>>()), 100);
}
TEST(broken_rwlock_twin, a_seqlock_without_the_look_before_is_caught_every_time) {
  EXPECT_EQ((times_caught<twins::one_look_seqlock<mirrored, twins::forgotten_look::before>>()), 100);
}
TEST(broken_rwlock_twin, a_seqlock_without_the_look_after_is_caught_every_time) {
  EXPECT_EQ((times_caught<twins::one_look_seqlock<mirrored, twins::forgotten_look::after>>()), 100);
}
TEST(broken_rwlock_twin, a_left_right_that_does_not_wait_for_the_old_side_is_caught_every_time) {
  EXPECT_EQ((times_caught<twins::impatient_left_right<mirrored>>()), 100);
}
TEST(broken_rwlock_twin, a_bravo_that_does_not_wait_for_published_readers_is_caught_every_time) {
  EXPECT_EQ((times_caught<rw_guarded<twins::hasty_bravo, mirrored>>()), 100);
}
#endif

TEST(left_right, takes_any_copyable_type_and_survives_a_write_that_throws) {
  static int copies_that_throw;
  copies_that_throw = 0;
  struct fussy {
    std::map<int, std::string> entries;
    fussy() = default;
    fussy(const fussy&) = default;
    fussy& operator=(const fussy& other) {
      if (copies_that_throw > 0 && copies_that_throw-- > 0) throw std::bad_alloc();
      entries = other.entries;
      return *this;
    }
  };
  left_right<fussy> data(fussy{});
  const auto size = [&] { return data.read([](const fussy& f) { return f.entries.size(); }); };
  int calls = 0;
  const auto add_and_throw_at = [&](int at, int key) {
    calls = 0;
    data.write([&](fussy& f) {
      f.entries[key] = "half done";
      if (++calls == at) throw std::runtime_error("f");
      f.entries[key] = "done";
    });
  };
  EXPECT_THROW(add_and_throw_at(1, 1), std::runtime_error);
  EXPECT_EQ(size(), 0U);
  copies_that_throw = 1;  // the copy that makes good fails: so does that write, and nothing else
  EXPECT_THROW(add_and_throw_at(0, 2), std::bad_alloc);
  EXPECT_EQ(size(), 0U);
  EXPECT_NO_THROW(add_and_throw_at(2, 3)) << "readers have seen it: the write stands";
  EXPECT_EQ(size(), 1U);
  for (int key = 4; key < 8; ++key) {  // both instances in turn
    EXPECT_NO_THROW(add_and_throw_at(0, key));
    EXPECT_EQ(size(), static_cast<std::size_t>(key - 2));
    EXPECT_EQ(data.read([](const fussy& f) { return f.entries.at(3); }), "done");
  }
}

TEST(seqlock, takes_types_of_any_size_and_without_a_default) {
  struct odd_one {
    explicit odd_one(char c) : text{c} {}
    char text[13];
  };
  seqlock<odd_one> data(odd_one('a'));
  data.write([](odd_one& o) { o.text[12] = 'z'; });
  EXPECT_EQ(data.read([](const odd_one& o) { return std::string{o.text[0], o.text[12]}; }), "az");
  seqlock<char> tiny('x');
  EXPECT_EQ(tiny.write([](char& c) { return c++; }), 'x');
  EXPECT_EQ(tiny.read([](char c) { return c; }), 'y');
}

TEST(big_reader, threads_that_share_a_slot_exclude_writers_until_the_last_left) {
  big_reader lock(1);
  lock.lock_shared();
  std::thread([&] {
    EXPECT_TRUE(lock.try_lock_shared());
    EXPECT_FALSE(lock.try_lock());
    lock.unlock_shared();
    EXPECT_FALSE(lock.try_lock());
  }).join();
  lock.unlock_shared();
  EXPECT_TRUE(lock.try_lock());
  lock.unlock();
}

TEST(bravo, one_thread_may_read_more_locks_than_the_table_has_columns) {
  bravo locks[3 * detail::visible_readers::columns];
  for (int round = 0; round < 2; ++round) {  // in the second they are biased
    for (auto& lock : locks) lock.lock_shared();
    for (auto& lock : locks) std::thread([&] { EXPECT_FALSE(lock.try_lock()); }).join();
    for (auto& lock : locks) {
      lock.unlock_shared();
      EXPECT_TRUE(lock.try_lock());
      lock.unlock();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // beyond the inhibition
    for (auto& lock : locks) lock.read([] {});
  }
}

}  // namespace
}  // namespace contend
