// SPDX-License-Identifier: MIT
// What three threads do with a lock or a reader-writer lock under a schedule.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "perf/coherence/simulation.hpp"
#include "tests/primitives/lock_checks.hpp"
#include "tests/primitives/rwlock_checks.hpp"

namespace contend::hunt {

using testing::add_in_two_steps;
using testing::look;

inline std::string lost(std::uint64_t expected, std::uint64_t total) {
  return total == expected ? "" : "expected " + std::to_string(expected) + " updates, counted " + std::to_string(total);
}

/// Everybody adds under the lock. `Tries`: the last thread takes it by try_lock().
template <class L, bool Tries = false>
struct adding {
  static constexpr unsigned threads = 3, rounds = 3;
  L lock;
  std::uint64_t total = 0;
  void run(unsigned thread) {
    testing::holder<L> mine(lock);
    for (unsigned round = 0; round < rounds; ++round) {
      if (Tries && thread == threads - 1) {
        while (!mine.try_lock()) platform::relax();
      } else {
        mine.lock();
      }
      add_in_two_steps(total, 1);
      mine.unlock();
    }
  }
  std::string wrong() const { return lost(threads * rounds, total); }
};

/// One thread gives up after a while, and does without.
template <class L>
struct giving_up {
  static constexpr unsigned threads = 3, rounds = 3;
  L lock;
  std::uint64_t total = 0;
  std::uint64_t entered[threads] = {};
  void run(unsigned thread) {
    for (unsigned round = 0; round < rounds; ++round) {
      if (thread == 0) {
        if (!lock.try_lock_for(std::chrono::microseconds(5))) continue;
      } else {
        lock.lock();
      }
      add_in_two_steps(total, 1);
      ++entered[thread];
      lock.unlock();
    }
  }
  std::string wrong() const { return lost(entered[0] + entered[1] + entered[2], total); }
};

/// Each adds to one of two accounts under the lock of its key.
template <class M>
struct adding_by_key {
  static constexpr unsigned threads = 3, rounds = 3;
  M mutex;
  std::uint64_t count[2] = {};
  void run(unsigned thread) {
    for (unsigned round = 0; round < rounds; ++round) {
      const std::size_t account = (thread + round) % 2;
      const key_guard<M> held(mutex, testing::account_key(account));
      add_in_two_steps(count[account], 1);
    }
  }
  std::string wrong() const { return lost(threads * rounds, count[0] + count[1]); }
};

/// Money moves between accounts, two keys at a time, named in either order; two accounts share a shard.
template <class M>
struct moving_money {
  static constexpr unsigned threads = 3, rounds = 3, accounts = 9;
  M mutex;
  std::uint64_t balance[accounts] = {10, 10, 10, 10, 10, 10, 10, 10, 10};
  void run(unsigned thread) {
    for (unsigned round = 0; round < rounds; ++round) {
      const std::size_t from = (thread * 2 + round * 3) % accounts, to = (thread + round * 8 + 1) % accounts;
      const auto held = mutex.lock_keys(testing::account_key(from), testing::account_key(to));
      add_in_two_steps(balance[from], ~std::uint64_t{0});
      add_in_two_steps(balance[to], 1);
    }
  }
  std::string wrong() const {
    std::uint64_t sum = 0;
    for (const auto& one : balance) sum += one;
    return lost(10 * accounts, sum);
  }
};

/// Every second operation is a write of both halves; a read sees both alike.
template <class P, unsigned Rounds = 4>
struct mirroring {
  static constexpr unsigned threads = 3, rounds = Rounds;
  P data{testing::mirrored{}};
  std::uint64_t torn[threads] = {};
  std::uint64_t writes[threads] = {};
  void run(unsigned thread) {
    for (unsigned round = 0; round < rounds; ++round) {
      if ((round + thread) % 2 == 0) {
        data.write([](testing::mirrored& m) {
          m.left = look(m.left) + 1;
          m.right = look(m.right) + 1;
        });
        ++writes[thread];
      } else {
        torn[thread] += data.read([](const testing::mirrored& m) {
          const std::uint64_t left = look(m.left);
          return left != look(m.right);
        });
      }
    }
  }
  std::string wrong() {
    if (torn[0] + torn[1] + torn[2] != 0) return "a torn read";
    const testing::mirrored last = data.read([](const testing::mirrored& m) { return m; });
    const std::string said = lost(writes[0] + writes[1] + writes[2], last.left);
    return !said.empty() ? said : last.left == last.right ? "" : "the last state is torn";
  }
};

/// A reader comes while another one reads and a writer waits. Sleeping lets whoever can run, run.
template <class L>
struct reader_meets_waiting_writer {
  static constexpr unsigned threads = 3;
  L lock;
  bool passes = false;
  static void after(std::uint64_t us) { coherence::sleep_until(us * 1'000'000); }
  void run(unsigned thread) {
    if (thread == 0) {
      lock.lock_shared();
      after(3'000);
      lock.unlock_shared();
    } else if (thread == 1) {
      after(1'000);
      lock.lock();
      lock.unlock();
    } else {
      after(2'000);
      passes = lock.try_lock_shared();
      if (passes) lock.unlock_shared();
    }
  }
  std::string wrong() const {
    if (passes == (L::facts.admits == admission::reader_first)) return "";
    return "admits in another order than its facts say";
  }
};

/// Readers that are turned away leave no trace that a writer would wait for.
template <class L>
struct turning_readers_away {
  static constexpr unsigned threads = 2, rounds = 3;
  L lock;
  unsigned admitted = 0, held_up = 0;
  void run(unsigned thread) {
    if (thread == 1) return;
    for (unsigned round = 0; round < rounds; ++round) {
      if (!lock.try_lock()) {
        ++held_up;
        continue;
      }
      admitted += lock.try_lock_shared();
      lock.unlock();
    }
  }
  std::string wrong() const {
    return held_up != 0 ? "a reader that was turned away holds up a writer" : admitted != 0 ? "a reader got in" : "";
  }
};

}  // namespace contend::hunt
