// SPDX-License-Identifier: MIT
// The C library's and the standard library's locks and condition variables on simulated threads: right results, virtual
// times that follow from the machine, and agreement with the real ones over the same objects.
#include <gtest/gtest.h>
#include <pthread.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "tests/perf/simulated.hpp"

namespace contend::coherence {
namespace {

using namespace std::chrono_literals;

const machine m = round_machine();
/// Reading the kind, compare-exchange, writing the owner, reading and writing the number of users.
const picoseconds mutex_lock_cost = m.load + m.rmw + m.store + m.load + m.store;
/// Reading the kind, writing the owner, reading and writing the number of users, exchange.
const picoseconds mutex_unlock_cost = m.load + m.store + m.load + m.store + m.rmw;

TEST(mutex, uncontended_costs_its_accesses) {
  static std::mutex lock;
  picoseconds locking = 0, unlocking = 0;
  simulate(1, [&](unsigned) {
    lock.lock();
    lock.unlock();
    const picoseconds a = now();
    lock.lock();
    const picoseconds b = now();
    lock.unlock();
    const picoseconds c = now();
    const outside here;
    locking = b - a;
    unlocking = c - b;
  });
  EXPECT_EQ(locking, mutex_lock_cost);
  EXPECT_EQ(unlocking, mutex_unlock_cost);
}

TEST(mutex, a_call_of_the_library_takes_its_own_time) {
  static std::mutex lock;
  machine slow = round_machine();
  slow.libc_call = 700;
  picoseconds both = 0;
  simulation all(slow, 1);
  all.run(
      [&](unsigned) {
        const auto lock_and_unlock = [] { const std::lock_guard hold(lock); };
        lock_and_unlock();
        both = cost_of(lock_and_unlock);
      },
      [] {}, millisecond);
  EXPECT_EQ(both, mutex_lock_cost + mutex_unlock_cost + 2 * 700);
}

TEST(mutex, excludes_and_sleeps_in_the_kernel) {
  static std::mutex lock;
  static unsigned long guarded;
  guarded = 0;
  const auto counts = simulate(16, [](unsigned) {
    for (int i = 0; i < 300; ++i) {
      const std::lock_guard hold(lock);
      ++guarded;
    }
  });
  EXPECT_EQ(guarded, 16UL * 300);
  EXPECT_GT(counts.parks, 0U);
}

TEST(mutex, a_woken_waiter_pays_for_the_kernel) {
  static std::mutex lock;
  picoseconds unlocked = 0, taken = 0;
  simulate(2, [&](unsigned i) {
    if (i == 0) {
      lock.lock();
      pass(100 * microsecond);
      lock.unlock();
      const outside here;
      unlocked = now();
    } else {
      pass(10 * microsecond);
      lock.lock();
      lock.unlock();
      const outside here;
      taken = now();
    }
  });
  EXPECT_GE(unlocked, 100 * microsecond + m.system_call + m.wake);
  EXPECT_GE(taken, unlocked + m.wake_latency);
  EXPECT_LT(taken, unlocked + m.wake_latency + microsecond);
}

TEST(mutex, of_every_kind_keeps_its_promise) {
  for (const int kind :
       {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP}) {
    SCOPED_TRACE(kind);
    static pthread_mutex_t lock;
    static unsigned long guarded;
    guarded = 0;
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, kind);
    pthread_mutex_init(&lock, &attributes);
    int again = -1, foreign = -1;
    simulate(4, [&](unsigned i) {
      for (int k = 0; k < 200; ++k) {
        pthread_mutex_lock(&lock);
        ++guarded;
        pthread_mutex_unlock(&lock);
      }
      if (i != 0) return;
      sleep_until(50 * millisecond);  // the others are through
      pthread_mutex_lock(&lock);
      if (kind == PTHREAD_MUTEX_RECURSIVE || kind == PTHREAD_MUTEX_ERRORCHECK) again = pthread_mutex_lock(&lock);
      if (again == 0) pthread_mutex_unlock(&lock);
      pthread_mutex_unlock(&lock);
      if (kind == PTHREAD_MUTEX_RECURSIVE || kind == PTHREAD_MUTEX_ERRORCHECK) foreign = pthread_mutex_unlock(&lock);
    });
    EXPECT_EQ(guarded, 4UL * 200);
    EXPECT_EQ(again, kind == PTHREAD_MUTEX_RECURSIVE ? 0 : kind == PTHREAD_MUTEX_ERRORCHECK ? EDEADLK : -1);
    EXPECT_EQ(foreign, kind == PTHREAD_MUTEX_RECURSIVE || kind == PTHREAD_MUTEX_ERRORCHECK ? EPERM : -1);
    EXPECT_EQ(pthread_mutex_destroy(&lock), 0) << "nobody counts as its user";
  }
}

TEST(mutex, timed_gives_up_at_its_date) {
  static std::timed_mutex lock;
  bool got_early = true, got_late = false;
  picoseconds waited = 0;
  simulate(2, [&](unsigned i) {
    if (i == 0) {
      lock.lock();
      pass(10 * millisecond);
      lock.unlock();
    } else {
      pass(microsecond);
      const picoseconds since = now();
      const bool early = lock.try_lock_for(1ms);
      const picoseconds until = now();
      const bool late = lock.try_lock_for(1h);
      if (late) lock.unlock();
      const outside here;
      got_early = early;
      got_late = late;
      waited = until - since;
    }
  });
  EXPECT_FALSE(got_early);
  EXPECT_TRUE(got_late);
  EXPECT_GE(waited, millisecond);
  EXPECT_LT(waited, millisecond + 2 * microsecond);
}

TEST(mutex, taken_natively_is_taken_in_the_simulation_and_the_other_way_round) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  int simulated = -1;
  pthread_mutex_lock(&lock);
  simulate(1, [&](unsigned) { simulated = pthread_mutex_trylock(&lock); });
  EXPECT_EQ(simulated, EBUSY);
  pthread_mutex_unlock(&lock);
  simulate(1, [&](unsigned) { simulated = pthread_mutex_trylock(&lock); });
  EXPECT_EQ(simulated, 0);
  EXPECT_EQ(pthread_mutex_trylock(&lock), EBUSY);
  EXPECT_EQ(pthread_mutex_unlock(&lock), 0);
  EXPECT_EQ(pthread_mutex_destroy(&lock), 0);
}

TEST(mutex, two_that_wait_for_each_other_are_told_as_stuck) {
  static std::mutex a, b;
  try {
    simulate(2, [](unsigned i) {
      std::mutex& first = i == 0 ? a : b;
      std::mutex& second = i == 0 ? b : a;
      const std::lock_guard hold(first);
      pass(microsecond);
      const std::lock_guard hold_too(second);
    });
    FAIL() << "it ended";
  } catch (const stuck& told) {
    const std::string text = told.what();
    EXPECT_NE(text.find("every thread waits for another one"), std::string::npos) << text;
    EXPECT_NE(text.find("thread 0 parked at"), std::string::npos) << text;
    EXPECT_NE(text.find("thread 1 parked at"), std::string::npos) << text;
  }
}

TEST(shared_mutex, lets_readers_in_together_and_writers_alone) {
  static std::shared_mutex lock;
  static int inside, most, data[2];
  static bool torn;
  inside = most = data[0] = data[1] = 0;
  torn = false;
  simulate(8, [](unsigned i) {
    for (int k = 0; k < 200; ++k) {
      if (i < 2) {
        const std::unique_lock hold(lock);
        ++data[0];
        pass(200'000);
        ++data[1];
      } else {
        const std::shared_lock hold(lock);
        {
          const outside here;
          most = std::max(most, ++inside);
        }
        pass(200'000);
        torn |= data[0] != data[1];
        const outside here;
        --inside;
      }
    }
  });
  EXPECT_FALSE(torn);
  EXPECT_EQ(data[0], 400);
  EXPECT_GT(most, 1);
}

TEST(shared_mutex, of_every_preference_loses_nobody) {
  for (const int preference : {PTHREAD_RWLOCK_PREFER_READER_NP, PTHREAD_RWLOCK_PREFER_WRITER_NP,
                               PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP}) {
    SCOPED_TRACE(preference);
    static pthread_rwlock_t lock;
    static long data, read, gave_up;
    data = read = gave_up = 0;
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, preference);
    pthread_rwlock_init(&lock, &attributes);
    const auto soon = [] {
      timespec date;
      clock_gettime(CLOCK_MONOTONIC, &date);
      date.tv_nsec += 3'000;
      if (date.tv_nsec >= 1'000'000'000) ++date.tv_sec, date.tv_nsec -= 1'000'000'000;
      return date;
    };
    simulate(12, [&](unsigned i) {
      for (int k = 0; k < 200; ++k) {
        const bool writes = i % 3 == 0;
        int error = 0;
        pass((k * 5 + i) % 8 * microsecond);  // otherwise whoever has it keeps it
        if (k % 4 == 3) {                     // some in a hurry
          const timespec date = soon();
          error = writes ? pthread_rwlock_clockwrlock(&lock, CLOCK_MONOTONIC, &date)
                         : pthread_rwlock_clockrdlock(&lock, CLOCK_MONOTONIC, &date);
        } else {
          error = writes ? pthread_rwlock_wrlock(&lock) : pthread_rwlock_rdlock(&lock);
        }
        const long was = data;
        if (error == 0) {
          pass(1'000'000);
          if (writes) data = was + 1;
          pthread_rwlock_unlock(&lock);
        }
        const outside here;
        if (error == 0)
          (writes ? gave_up : read) += writes ? 0 : (was <= data);
        else
          gave_up += writes;
      }
    });
    EXPECT_EQ(data, 4L * 200 - gave_up);
    EXPECT_GT(read, 0);
    EXPECT_GT(gave_up, 0) << "nobody was in a hurry";
    EXPECT_EQ(pthread_rwlock_trywrlock(&lock), 0) << "natively: nobody has it";
    EXPECT_EQ(pthread_rwlock_unlock(&lock), 0);
    pthread_rwlock_destroy(&lock);
  }
}

TEST(shared_mutex, agrees_with_the_real_one) {
  static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  int reading = -1, writing = -1;
  pthread_rwlock_rdlock(&lock);
  simulate(1, [&](unsigned) {
    writing = pthread_rwlock_trywrlock(&lock);
    reading = pthread_rwlock_tryrdlock(&lock);
  });
  EXPECT_EQ(writing, EBUSY);
  EXPECT_EQ(reading, 0);
  EXPECT_EQ(pthread_rwlock_trywrlock(&lock), EBUSY);
  pthread_rwlock_unlock(&lock);
  pthread_rwlock_unlock(&lock);
  simulate(1, [&](unsigned) { writing = pthread_rwlock_trywrlock(&lock); });
  EXPECT_EQ(writing, 0);
  EXPECT_EQ(pthread_rwlock_tryrdlock(&lock), EBUSY);
}

TEST(condition, hands_every_item_over) {
  static std::mutex lock;
  static std::condition_variable changed;
  static int full, taken;
  full = taken = 0;
  simulate(8, [](unsigned i) {
    for (int k = 0; k < 100; ++k) {
      std::unique_lock hold(lock);
      if (i % 2 == 0) {
        changed.wait(hold, [] { return full < 3; });
        ++full;
      } else {
        changed.wait(hold, [] { return full > 0; });
        --full;
        ++taken;
      }
      hold.unlock();
      changed.notify_all();
    }
  });
  EXPECT_EQ(full, 0);
  EXPECT_EQ(taken, 400);
}

TEST(condition, one_signal_wakes_one) {
  static std::mutex lock;
  static std::condition_variable changed;
  static int tickets, woken;
  tickets = woken = 0;
  const auto counts = simulate(5, [](unsigned i) {
    if (i == 4) {
      for (int k = 0; k < 4; ++k) {
        pass(millisecond);
        const std::lock_guard hold(lock);
        EXPECT_EQ(woken, k);
        ++tickets;
        changed.notify_one();
      }
    } else {
      std::unique_lock hold(lock);
      changed.wait(hold, [] { return tickets > 0; });
      --tickets;
      ++woken;
    }
  });
  EXPECT_EQ(woken, 4);
  EXPECT_LE(counts.parks, 4U + 4U + 4U) << "four slept, perhaps also for the mutex that the signaller holds";
}

TEST(condition, a_wait_with_a_time_ends_at_it) {
  static std::mutex lock;
  static std::condition_variable never;
  picoseconds waited = 0;
  std::cv_status ended{};
  simulate(1, [&](unsigned) {
    std::unique_lock hold(lock);
    const picoseconds since = now();
    const auto told = never.wait_for(hold, 1ms);
    const picoseconds until = now();
    const outside here;
    waited = until - since;
    ended = told;
  });
  EXPECT_EQ(ended, std::cv_status::timeout);
  EXPECT_GE(waited, millisecond);
  EXPECT_LT(waited, millisecond + microsecond);
}

TEST(condition, signals_and_times_meet_without_losing_one) {
  static std::mutex lock;
  static std::condition_variable changed;
  static int tickets, taken, given;
  tickets = taken = given = 0;
  simulate(9, [](unsigned i) {
    if (i == 8) {
      for (int k = 0; k < 400; ++k) {
        pass(2 * microsecond + k % 7 * 300'000);
        const std::lock_guard hold(lock);
        ++tickets, ++given;
        changed.notify_one();
      }
      return;
    }
    for (int k = 0; k < 100; ++k) {
      std::unique_lock hold(lock);
      if (changed.wait_for(hold, std::chrono::nanoseconds(4'000 + 500 * i), [] { return tickets > 0; })) {
        --tickets;
        ++taken;
      }
    }
  });
  EXPECT_EQ(taken + tickets, given);
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, 800);
}

}  // namespace
}  // namespace contend::coherence
