// SPDX-License-Identifier: MIT
// What the adaptive mutex asks of the kernel, and when: seen through the parking that it is given.
#include "primitives/lock/adaptive_mutex.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "tests/primitives/lock_checks.hpp"
#include "tests/support/stress.hpp"

namespace contend {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

/// The platform's parking, counted.
struct counted_parking : detail::platform_parking {
  static inline std::atomic<unsigned> parks{0}, wakes{0};
  static void reset() { parks = wakes = 0; }
  static void park(const std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    ++parks;
    platform::park(word, expected);
  }
  static bool park_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                         clock::time_point deadline) noexcept {
    ++parks;
    return platform::park_until(word, expected, deadline);
  }
  static void wake_one(const std::atomic<std::uint32_t>& word) noexcept {
    ++wakes;
    platform::wake_one(word);
  }
};
using counted_mutex = basic_adaptive_mutex<counted_parking>;

TEST(adaptive_mutex, makes_no_system_call_without_contention) {
  counted_parking::reset();
  counted_mutex mutex;
  for (int i = 0; i < 10'000; ++i) {
    mutex.lock();
    EXPECT_FALSE(mutex.try_lock());
    EXPECT_FALSE(mutex.try_lock_for(-1ns));
    mutex.unlock();
    ASSERT_TRUE(mutex.try_lock());
    mutex.unlock();
    ASSERT_TRUE(mutex.try_lock_for(1s));
    mutex.unlock();
  }
  EXPECT_EQ(counted_parking::parks, 0U);
  EXPECT_EQ(counted_parking::wakes, 0U);
}

/// Whether the kernel says that the thread sleeps.
bool sleeps(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string text;
  std::getline(file, text);
  const auto name_ends = text.rfind(") ");
  return name_ends != std::string::npos && text[name_ends + 2] == 'S';
}

/// A thread that calls lock() → whether it got the lock. The constructor returns when the kernel says that the thread
/// sleeps there, or when lock() has returned.
class parked_thread {
 public:
  template <class Lock>
  explicit parked_thread(Lock lock) {
    counted_parking::reset();
    thread_ = std::thread([this, lock] {
      id_ = ::gettid();
      held_ = lock();
      returned_ = true;
    });
    while (!returned_ && (id_ == 0 || counted_parking::parks == 0 || !sleeps(id_))) platform::yield();
  }
  [[nodiscard]] bool has_returned() const { return returned_; }
  bool join() {
    thread_.join();
    return held_;
  }

 private:
  std::atomic<pid_t> id_{0};
  std::atomic<bool> returned_{false};
  bool held_ = false;
  std::thread thread_;
};

TEST(adaptive_mutex, parks_and_is_woken_by_one_call) {
  counted_mutex mutex;
  mutex.lock();
  parked_thread waiter([&] {
    mutex.lock();
    return true;
  });
  EXPECT_FALSE(waiter.has_returned());
  mutex.unlock();
  EXPECT_TRUE(waiter.join());
  EXPECT_EQ(counted_parking::wakes, 1U);
}

TEST(adaptive_mutex, timed_waiter_parks_and_is_woken) {
  counted_mutex mutex;
  mutex.lock();
  parked_thread waiter([&] { return mutex.try_lock_for(1h); });
  EXPECT_FALSE(waiter.has_returned());
  mutex.unlock();
  EXPECT_TRUE(waiter.join());
}

TEST(adaptive_mutex, waiter_that_gave_up_costs_one_wake_up_at_most) {
  counted_parking::reset();
  counted_mutex mutex;
  mutex.lock();
  // A thread without a processor may be too late to park: then with more patience, up to 16 s.
  for (auto patience = 1ms; counted_parking::parks == 0 && patience < 20s; patience *= 4)
    std::thread([&] { EXPECT_FALSE(mutex.try_lock_for(patience)); }).join();
  EXPECT_GE(counted_parking::parks, 1U);
  for (int i = 0; i < 10; ++i) {
    mutex.unlock();
    mutex.lock();
  }
  mutex.unlock();
  EXPECT_LE(counted_parking::wakes, 1U);
}

/// Sleeps until it is woken, and beyond the deadline: the waiter that was woken in time and runs again too late.
struct late_parking : counted_parking {
  static bool park_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                         clock::time_point deadline) noexcept {
    park(word, expected);
    while (clock::now() < deadline) platform::yield();
    return true;
  }
};

/// Twin: a timed waiter that was woken looks at its deadline before it looks at the word. The wake-up is lost for
/// the thread that is parked behind it.
template <class Parking>
class swallowing_mutex {
 public:
  void lock() {
    while (state_.exchange(2) != 0) Parking::park(state_, 2);
  }
  bool try_lock_for(std::chrono::nanoseconds patience) {
    const auto deadline = clock::now() + patience;
    while (state_.exchange(2) != 0)
      if (!Parking::park_until(state_, 2, deadline) || clock::now() >= deadline) return false;
    return true;
  }
  void unlock() {
    if (state_.exchange(0) == 2) Parking::wake_one(state_);
  }

 private:
  std::atomic<std::uint32_t> state_{0};
};

/// Whether a timed waiter that was woken, but runs only after its deadline, still takes the lock that it was woken for.
template <class Mutex>
bool takes_what_it_was_woken_for(std::chrono::nanoseconds patience) {
  for (;; patience *= 4) {
    Mutex mutex;
    mutex.lock();
    parked_thread waiter([&] { return mutex.try_lock_for(patience); });
    const bool parked = !waiter.has_returned();  // else its time was over before it came to that: with more patience
    mutex.unlock();
    if (const bool taken = waiter.join(); parked) return taken;
  }
}

TEST(adaptive_mutex, a_wake_up_is_not_swallowed_by_a_time_out) {
  EXPECT_TRUE(takes_what_it_was_woken_for<basic_adaptive_mutex<late_parking>>(100ms));
}

TEST(lock_twin, swallowed_wake_up_is_caught) {
  int caught = 0;
  for (int attempt = 0; attempt < 100; ++attempt)
    caught += !takes_what_it_was_woken_for<swallowing_mutex<late_parking>>(2ms);
  EXPECT_EQ(caught, 100);
}

}  // namespace
}  // namespace contend
