// SPDX-License-Identifier: MIT
// What is asked of every lock, real or broken: the same checks, with the same verdict.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <random>

#include "primitives/lock/lock.hpp"
#include "primitives/lock/sharded_mutex.hpp"
#include "tests/support/hang_watch.hpp"
#include "tests/support/stress.hpp"

namespace contend::testing {

/// What a check saw.
struct verdict {
  std::uint64_t wrong = 0;  ///< updates lost, or sums that were not the sum
  bool hung = false;        ///< the team waited for something that nobody would do
  [[nodiscard]] bool broken() const { return wrong > 0 || hung; }
};

/// `number` + `by`, read and written as two accesses that the compiler keeps apart.
inline void add_in_two_steps(std::uint64_t& number, std::uint64_t by) {
  volatile std::uint64_t& cell = number;
  const std::uint64_t before = cell;
  cell = before + by;
}

/// A member of the lock family as one lock without a node: what it takes to hold it is brought along.
template <class L>
class holder {
 public:
  explicit holder(L& lock) : lock_(lock) {}
  void lock() {
    if constexpr (keyed_lock<L>)
      lock_.lock(key);
    else
      acquire(lock_, node_);
  }
  [[nodiscard]] bool try_lock() {
    if constexpr (keyed_lock<L>)
      return lock_.try_lock(key);
    else
      return try_acquire(lock_, node_);
  }
  [[nodiscard]] bool try_lock_for(std::chrono::nanoseconds patience) { return lock_.try_lock_for(patience); }
  void unlock() {
    if constexpr (keyed_lock<L>)
      lock_.unlock(key);
    else
      release(lock_, node_);
  }
  const node_t<L>& node() const { return node_; }

 private:
  static constexpr std::uint64_t key = 42;
  L& lock_;
  node_t<L> node_{};
};

enum class way { lock, try_lock };

/// Every thread adds one under the lock, `burst` times in a row, then all meet and compare, up to `rounds` times. At a
/// meeting nobody is left to come by and wake a thread that was forgotten: a lost wake-up is a hang in the same round.
/// enter(holder, thread) → whether the lock is held now.
template <class L, class Enter>
verdict bursts(unsigned threads, unsigned rounds, unsigned burst, std::uint64_t seeded, Enter enter) {
  L lock;
  hang_watch watch(threads);
  meeting meet(watch, threads);
  std::uint64_t total = 0, wrong = 0;
  std::array<std::uint64_t, hang_watch::most_threads> entered{};
  together(
      threads,
      [&](unsigned number) {
        const hang_watch::member here(watch, number);
        holder<L> mine(lock);
        try {
          for (unsigned round = 0; round < rounds && wrong == 0; ++round) {
            for (unsigned i = 0; i < burst; ++i) {
              watch.moved();
              if (!enter(mine, number)) continue;
              add_in_two_steps(total, 1);
              ++entered[number];
              mine.unlock();
            }
            meet.arrive_and_wait([&] { wrong = std::accumulate(entered.begin(), entered.end(), -total); });
          }
        } catch (const hang_seen&) {
        }
      },
      seeded);
  return {wrong, watch.hung()};
}

template <class L>
verdict excludes_and_wakes(unsigned threads, unsigned rounds, std::uint64_t seeded) {
  return bursts<L>(threads, rounds, 4, seeded, [](auto& mine, unsigned) {
    mine.lock();
    return true;
  });
}

template <class L>
verdict excludes_by_try(unsigned threads, unsigned rounds, std::uint64_t seeded) {
  return bursts<L>(threads, rounds, 4, seeded, [](auto& mine, unsigned) {
    while (!mine.try_lock()) platform::yield();
    return true;
  });
}

/// Half of the threads give up soon and do without; no other thread may miss its wake-up because of that.
template <class L>
verdict survives_time_outs(unsigned threads, unsigned rounds, std::uint64_t seeded) {
  return bursts<L>(threads, rounds, 1, seeded, [](auto& mine, unsigned number) {
    if (number % 2 == 1) return mine.try_lock_for(std::chrono::microseconds(20));
    mine.lock();
    return true;
  });
}

/// Keys as programs have them: addresses of objects that are aligned to a line. Two to a shard, where there are few.
inline std::uint64_t account_key(std::size_t account) { return 0x7F00'0000'0000U + account * platform::cache_line; }

/// Every thread adds to accounts under the lock of that account's key alone.
template <class M>
verdict counts_by_key(unsigned threads, unsigned rounds, std::uint64_t seeded) {
  constexpr std::size_t accounts = 4;
  M mutex;
  hang_watch watch(threads);
  std::array<std::uint64_t, accounts> count{};
  together(
      threads,
      [&](unsigned number) {
        const hang_watch::member here(watch, number);
        std::mt19937_64 random(seed() + seeded * 64 + number);
        try {
          for (unsigned round = 0; round < rounds; ++round) {
            const std::size_t account = random() % accounts;
            watch.moved();
            const key_guard<M> held(mutex, account_key(account));
            add_in_two_steps(count[account], 1);
          }
        } catch (const hang_seen&) {
        }
      },
      seeded);
  std::uint64_t total = 0;
  for (const auto each : count) total += each;
  return {watch.hung() ? 0 : std::uint64_t{threads} * rounds - total, watch.hung()};
}

/// Threads move money between two accounts drawn at random, also from one to itself; with `auditor`, the last thread
/// adds up all of them under lock_all() instead.
template <class M>
verdict conserves(unsigned threads, unsigned rounds, std::uint64_t seeded, bool auditor) {
  constexpr std::size_t accounts = 6;
  constexpr std::uint64_t each = 1'000'000;
  M mutex;
  hang_watch watch(threads);
  std::array<std::uint64_t, accounts> balance;
  balance.fill(each);
  std::uint64_t wrong = 0;
  const auto sum = [&] {
    std::uint64_t total = 0;
    for (auto& one : balance) total += *const_cast<volatile std::uint64_t*>(&one);
    return total;
  };
  together(
      threads,
      [&](unsigned number) {
        const hang_watch::member here(watch, number);
        std::mt19937_64 random(seed() + seeded * 64 + number);
        try {
          for (unsigned round = 0; round < rounds; ++round) {
            watch.moved();
            if constexpr (requires { mutex.lock_all(); })
              if (auditor && number == threads - 1) {
                const auto held = mutex.lock_all();
                wrong += sum() != accounts * each;
                continue;
              }
            const std::size_t from = random() % accounts, to = random() % accounts;
            const auto held = mutex.lock_keys(account_key(from), account_key(to));
            add_in_two_steps(balance[from], ~std::uint64_t{0});  // −1
            add_in_two_steps(balance[to], 1);
          }
        } catch (const hang_seen&) {
        }
      },
      seeded);
  if (!watch.hung()) wrong += sum() != accounts * each;
  return {wrong, watch.hung()};
}

}  // namespace contend::testing
