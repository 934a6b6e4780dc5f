// SPDX-License-Identifier: MIT
// What else waits on simulated threads: semaphores, barriers, latches, std::atomic::wait, futexes; and clocks, sleeps,
// system calls and 16-byte atomics.
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cerrno>
#include <chrono>
#include <latch>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>

#include "tests/perf/simulated.hpp"

#if defined(__clang__)
#pragma clang diagnostic ignored "-Watomic-alignment"  // of 16 bytes: that they are not lock-free is what is wanted
#endif

namespace contend::coherence {
namespace {

using namespace std::chrono_literals;

const machine m = round_machine();

TEST(atomic_wait, wakes_when_the_value_changes) {
  static std::atomic<int> turn;
  turn = 0;
  simulate(4, [](unsigned i) {
    for (int k = 0; k < 100; ++k) {
      const int mine = 4 * k + static_cast<int>(i);
      for (int seen = turn.load(); seen != mine; seen = turn.load()) turn.wait(seen);
      turn.store(mine + 1);
      turn.notify_all();
    }
  });
  EXPECT_EQ(turn.load(), 400);
}

TEST(atomic_wait, of_a_byte_goes_through_the_library_s_table) {
  static std::atomic<bool> open;
  open = false;
  const auto counts = simulate(8, [](unsigned i) {
    if (i != 0) return open.wait(false);
    pass(10 * millisecond);
    open = true;
    open.notify_all();
  });
  EXPECT_TRUE(open.load());
  EXPECT_GE(counts.parks, 7U);
}

TEST(semaphores, let_in_as_many_as_they_count) {
  static std::counting_semaphore<3> places(3);
  static sem_t real;
  sem_init(&real, 0, 3);
  static int in[2], most[2];
  const auto body = [](int which, auto enter, auto go) {
    for (int k = 0; k < 100; ++k) {
      enter();
      {
        const outside here;
        most[which] = std::max(most[which], ++in[which]);
      }
      pass(300'000);
      {
        const outside here;
        --in[which];
      }
      go();
    }
  };
  simulate(8, [&](unsigned) {
    body(
        0, [] { places.acquire(); }, [] { places.release(); });
    body(
        1, [] { sem_wait(&real); }, [] { sem_post(&real); });
  });
  for (const int which : {0, 1}) {
    EXPECT_EQ(in[which], 0);
    EXPECT_EQ(most[which], 3) << which;
  }
  int value = 0;
  sem_getvalue(&real, &value);
  EXPECT_EQ(value, 3);
}

TEST(semaphores, give_up_at_their_date_and_agree_with_the_real_ones) {
  static sem_t real;
  sem_init(&real, 0, 1);
  int natively = sem_wait(&real), error = 0, tried = 0;
  picoseconds waited = 0;
  simulate(1, [&](unsigned) {
    timespec date;
    clock_gettime(CLOCK_REALTIME, &date);
    ++date.tv_sec;
    const picoseconds took = cost_of([&] { natively = sem_timedwait(&real, &date); });
    const int why = errno;
    tried = sem_trywait(&real);
    const outside here;
    waited = took;
    error = why;
  });
  EXPECT_EQ(natively, -1);
  EXPECT_EQ(error, ETIMEDOUT);
  EXPECT_EQ(tried, -1);
  EXPECT_GE(waited, 999 * millisecond);
  EXPECT_LE(waited, 1001 * millisecond);
  simulate(1, [&](unsigned) { sem_post(&real); });
  EXPECT_EQ(sem_trywait(&real), 0);
}

TEST(barriers, keep_everybody_in_the_same_round) {
  static std::barrier<> cpp(8);
  static pthread_barrier_t real;
  pthread_barrier_init(&real, nullptr, 8);
  static int round[2], arrived[2];
  static int serial;
  simulate(8, [](unsigned i) {
    for (int k = 0; k < 50; ++k) {
      pass((i * 7 + k) % 5 * 100'000);
      for (const int which : {0, 1}) {
        {
          const outside here;
          if (arrived[which]++ % 8 == 0) ++round[which];
          EXPECT_EQ(round[which], k + 1);
        }
        if (which == 0)
          cpp.arrive_and_wait();
        else if (pthread_barrier_wait(&real) == PTHREAD_BARRIER_SERIAL_THREAD)
          ++serial;
      }
    }
  });
  EXPECT_EQ(arrived[0], 400);
  EXPECT_EQ(arrived[1], 400);
  EXPECT_EQ(serial, 50);
}

TEST(latches, open_when_all_have_come) {
  static std::latch all(7);
  picoseconds opened = 0;
  simulate(8, [&](unsigned i) {
    if (i == 7) {
      all.wait();
      const outside here;
      opened = now();
    } else {
      pass(i * millisecond);
      all.count_down();
    }
  });
  EXPECT_GE(opened, 6 * millisecond);
  EXPECT_LT(opened, 6 * millisecond + 10 * microsecond);
}

TEST(once, is_called_once_and_awaited_by_the_others) {
  static std::once_flag flag;
  static int calls, early;
  simulate(8, [](unsigned) {
    std::call_once(flag, [] {
      pass(millisecond);
      ++calls;
    });
    early += calls != 1;
  });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(early, 0);
}

TEST(once, is_called_again_after_an_exception) {
  static pthread_once_t flag = PTHREAD_ONCE_INIT;
  static int calls;
  int thrown = 0;
  simulate(4, [&](unsigned) {
    try {
      pthread_once(&flag, [] {
        pass(millisecond);
        if (++calls < 3) throw 1;
      });
    } catch (int) {
      ++thrown;
    }
  });
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(thrown, 2);
}

TEST(spin_lock, excludes_and_agrees_with_the_real_one) {
  static pthread_spinlock_t lock;
  pthread_spin_init(&lock, 0);
  static long guarded;
  guarded = 0;
  const auto counts = simulate(8, [](unsigned) {
    for (int k = 0; k < 200; ++k) {
      pthread_spin_lock(&lock);
      ++guarded;
      pthread_spin_unlock(&lock);
    }
  });
  EXPECT_EQ(guarded, 1600);
  EXPECT_GT(counts.spins, 0U);
  EXPECT_EQ(pthread_spin_trylock(&lock), 0);
  int simulated = 0;
  simulate(1, [&](unsigned) { simulated = pthread_spin_trylock(&lock); });
  EXPECT_EQ(simulated, EBUSY);
}

TEST(futex, has_bits_dates_and_lengths) {
  static std::uint32_t word;
  word = 0;
  long none = -1, first = -1, second = -1, changed = 0, timed = 0;
  int why_changed = 0, why_timed = 0;
  picoseconds waited = 0;
  simulate(3, [&](unsigned i) {
    const auto futex = [](int operation, std::uint32_t value, const timespec* time, std::uint32_t bits) {
      return syscall(SYS_futex, &word, operation, value, time, nullptr, bits);
    };
    if (i < 2) {
      EXPECT_EQ(futex(FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, nullptr, 1U << i), 0);
      return;
    }
    pass(millisecond);
    none = futex(FUTEX_WAKE_BITSET, 9, nullptr, 4);
    second = futex(FUTEX_WAKE_BITSET, 9, nullptr, 2);
    first = futex(FUTEX_WAKE, 9, nullptr, 0);
    changed = futex(FUTEX_WAIT, 1, nullptr, 0);
    why_changed = errno;
    const timespec length{0, 1'000'000};
    const picoseconds took = cost_of([&] { timed = futex(FUTEX_WAIT, 0, &length, 0); });
    why_timed = errno;
    const outside here;
    waited = took;
  });
  EXPECT_EQ(none, 0);
  EXPECT_EQ(second, 1);
  EXPECT_EQ(first, 1);
  EXPECT_EQ(changed, -1);
  EXPECT_EQ(why_changed, EAGAIN);
  EXPECT_EQ(timed, -1);
  EXPECT_EQ(why_timed, ETIMEDOUT);
  EXPECT_GE(waited, millisecond);
  EXPECT_LT(waited, millisecond + microsecond);
}

TEST(system_calls, others_pass_through_and_a_membarrier_shows_what_the_others_stored) {
  static std::atomic<int> flag;
  flag = 0;
  long pid = 0, fenced = -1;
  int seen = 0;
  picoseconds took = 0;
  simulate(2, [&](unsigned i) {
    if (i == 0) {
      (void)flag.load();
      pass(microsecond);
      flag.store(1, std::memory_order_relaxed);  // on its way while the other one holds the line
      return;
    }
    pass(microsecond + 1'000);
    const picoseconds cost = cost_of([&] { fenced = syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0); });
    seen = flag.load(std::memory_order_relaxed);
    pid = syscall(SYS_getpid);
    const outside here;
    took = cost;
  });
  EXPECT_EQ(fenced, 0);
  EXPECT_EQ(seen, 1);
  EXPECT_GE(took, m.system_call);
  EXPECT_EQ(pid, getpid());
}

TEST(clocks, are_virtual_and_start_alike) {
  std::chrono::nanoseconds steady{}, system{};
  timeval day{};
  unsigned core[3] = {9, 9, 9};
  long apart = 0;
  simulate(3, [&](unsigned i) {
    pass(millisecond);
    core[i] = static_cast<unsigned>(sched_getcpu());
    if (i != 2) return;
    timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    clock_gettime(CLOCK_MONOTONIC, &b);
    apart = (b.tv_nsec - a.tv_nsec) * 1000;
    steady = std::chrono::steady_clock::now().time_since_epoch();
    system = std::chrono::system_clock::now().time_since_epoch();
    gettimeofday(&day, nullptr);
  });
  EXPECT_EQ(apart, 40'000L) << "what reading a clock costs";
  EXPECT_GE(steady, 24h + 1ms + 40ns);
  EXPECT_LT(steady, 24h + 1ms + 1us);
  EXPECT_GE(system, 946'684'800s + 1ms + 40ns);
  EXPECT_LT(system, 946'684'800s + 1ms + 1us);
  EXPECT_EQ(day.tv_sec, 946'684'800);
  EXPECT_EQ(day.tv_usec, 1000);
  EXPECT_EQ(core[0], 0U);
  EXPECT_EQ(core[2], 2U);
  EXPECT_GT(std::chrono::system_clock::now().time_since_epoch(), 1'600'000'000s) << "outside they are real";
}

TEST(sleeping, takes_its_time_to_the_picosecond) {
  picoseconds by_thread = 0, by_nanosleep = 0, by_usleep = 0, by_yield = 0;
  simulate(1, [&](unsigned) {
    const timespec length{0, 1'000'000};
    const picoseconds a = cost_of([] { std::this_thread::sleep_for(1ms); });
    const picoseconds b = cost_of([&] { nanosleep(&length, nullptr); });
    const picoseconds c = cost_of([] { usleep(3'000'000); });
    const picoseconds d = cost_of([] { std::this_thread::yield(); });
    const outside here;
    by_thread = a, by_nanosleep = b, by_usleep = c, by_yield = d;
  });
  EXPECT_GE(by_thread, millisecond) << "and the standard library's arithmetic";
  EXPECT_LE(by_thread, millisecond + 2'000);
  EXPECT_EQ(by_nanosleep, millisecond);
  EXPECT_EQ(by_usleep, 3'000 * millisecond);
  EXPECT_EQ(by_yield, m.system_call);
}

TEST(threads, starting_one_in_a_simulated_thread_is_refused_in_a_sentence) {
  try {
    simulate(2, [](unsigned i) {
      if (i == 1) std::thread([] {}).join();
    });
    FAIL() << "it ended";
  } catch (const stuck& told) {
    const std::string text = told.what();
    EXPECT_EQ(text.find("pthread_create() cannot be simulated: make it before or after"), 0U) << text;
  }
}

TEST(threads, of_the_system_still_lock_and_wait_for_each_other_natively) {
  static std::mutex lock;
  static std::condition_variable changed;
  static long count;
  std::thread team[4];
  for (auto& one : team)
    one = std::thread([] {
      for (int k = 0; k < 2'000; ++k) {
        const std::lock_guard hold(lock);
        ++count;
        changed.notify_all();
      }
    });
  {
    std::unique_lock hold(lock);
    changed.wait(hold, [] { return count == 8'000; });
  }
  for (auto& one : team) one.join();
  EXPECT_EQ(count, 8'000);
}

TEST(sixteen_bytes, are_one_atomic_access) {
  struct alignas(16) pair {
    std::uint64_t a, b;
  };
  static std::atomic<pair> both;
  both = pair{};
  static bool torn;
  const auto counts = simulate(8, [](unsigned) {
    for (int k = 0; k < 100; ++k) {
      pair seen = both.load();
      torn |= seen.a != seen.b;
      while (!both.compare_exchange_weak(seen, pair{seen.a + 1, seen.b + 1})) torn |= seen.a != seen.b;
    }
  });
  const pair last = both.load();
  EXPECT_EQ(last.a, 800U);
  EXPECT_EQ(last.b, 800U);
  EXPECT_FALSE(torn);
  EXPECT_GT(counts.failed_cas, 0U) << "nobody saw them";
  EXPECT_GT(counts.true_sharing, 0U);
}

}  // namespace
}  // namespace contend::coherence
