// SPDX-License-Identifier: MIT
// What is asked of every reader-writer lock, as functions that the real ones pass and the broken twins do not.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>

#include "primitives/platform.hpp"
#include "tests/support/stress.hpp"

namespace contend::testing {

/// Two fields that every write keeps equal.
struct mirrored {
  std::uint64_t left = 0;
  std::uint64_t right = 0;
};

/// Loads a plain field once, where it stands, whatever the optimiser would like.
inline std::uint64_t look(const std::uint64_t& field) { return *const_cast<const volatile std::uint64_t*>(&field); }

/// Wrongs seen while `threads` threads do `rounds` operations each on P, a protected `mirrored`, every fourth a write:
/// torn reads, and updates lost or torn at the end. All stop at the first torn read; otherwise each goes on until the
/// last has done its rounds, or on a busy machine the first might be through before the last begins.
template <class P>
std::uint64_t torn_or_lost(unsigned threads, unsigned rounds, std::uint64_t round) {
  P data(mirrored{});
  std::atomic<std::uint64_t> torn{0};
  std::atomic<std::uint64_t> writes{0};
  std::atomic<unsigned> busy{threads};
  together(
      threads,
      [&](unsigned number) {
        std::uint64_t my_writes = 0;
        for (unsigned i = 0; torn.load(std::memory_order_relaxed) == 0; ++i) {
          if (i == rounds) --busy;
          if (i >= rounds && busy.load(std::memory_order_relaxed) == 0) break;
          if ((i + number) % 4 == 0) {
            data.write([](mirrored& m) {
              m.left = look(m.left) + 1;
              platform::relax();
              m.right = look(m.right) + 1;
            });
            ++my_writes;
          } else {
            const bool is_torn = data.read([](const mirrored& m) {
              const std::uint64_t left = look(m.left);
              platform::relax();
              return left != look(m.right);
            });
            if (is_torn) ++torn;
          }
        }
        writes += my_writes;
      },
      round);
  const mirrored last = data.read([](const mirrored& m) { return m; });
  return torn + (last.left != writes) + (last.right != writes);
}

/// Gives up after 30 s, so that a failing test fails and does not hang. A passing one is over at once.
class patience {
 public:
  [[nodiscard]] bool left() const {
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    return std::chrono::steady_clock::now() < end_;
  }

 private:
  std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + std::chrono::seconds(30);
};

/// Runs f in a thread of its own, of which one can ask whether it sleeps. Joins at the end of its life.
class waiting_thread {
 public:
  template <class F>
  explicit waiting_thread(F f)
      : thread_([this, f] {
          id_ = static_cast<int>(::gettid());
          f();
        }) {}
  ~waiting_thread() { join(); }
  waiting_thread(const waiting_thread&) = delete;
  waiting_thread& operator=(const waiting_thread&) = delete;

  void join() {
    if (thread_.joinable()) thread_.join();
  }

  /// Waits until the kernel says that the thread sleeps, 20 times in a row, which no page fault lasts. False: never.
  [[nodiscard]] bool falls_asleep() const {
    const patience patient;
    for (int seen = 0; seen < 20; seen = state() == 'S' ? seen + 1 : 0)
      if (!patient.left()) return false;
    return true;
  }

 private:
  [[nodiscard]] char state() const {  // "id (name) state …"
    std::ifstream file("/proc/self/task/" + std::to_string(id_) + "/stat");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const auto name_end = text.rfind(')');
    return name_end != std::string::npos && text.size() > name_end + 2 ? text[name_end + 2] : '?';
  }

  std::atomic<int> id_{0};
  std::thread thread_;
};

/// A reader comes while another reads and a writer waits. True when it is let in.
/// Precondition: who waits long sleeps.
template <class L>
bool reader_passes_waiting_writer() {
  L lock;
  lock.lock_shared();
  bool passes = false;
  const waiting_thread writer([&] {
    lock.lock();
    lock.unlock();
  });
  const bool waits = writer.falls_asleep();
  std::thread([&] {
    passes = lock.try_lock_shared();
    if (passes) lock.unlock_shared();
  }).join();
  lock.unlock_shared();
  if (!waits) throw std::runtime_error("the writer does not sleep: no telling whether it had come");
  return passes;
}

/// Once a reader has been turned away because a writer waits, no reader gets in before that writer went: neither those
/// that keep trying nor one that waits. Returns the readers that did.
/// Precondition: the lock turns readers away while a writer waits.
template <class L>
unsigned readers_admitted_before_waiting_writer() {
  L lock;
  std::atomic<bool> went{false};
  std::atomic<unsigned> early{0};
  lock.lock_shared();
  std::thread writer([&] {
    lock.lock();
    went = true;
    lock.unlock();
  });
  while (lock.try_lock_shared()) {  // ends when the writer is known to wait, for this thread reads all the time
    lock.unlock_shared();
    std::this_thread::yield();
  }
  early += went;
  const auto admitted = [&] {
    early += !went;
    lock.unlock_shared();
  };
  std::thread waits([&] {
    lock.lock_shared();
    admitted();
  });
  std::thread keeps_trying([&] {
    while (!lock.try_lock_shared()) std::this_thread::yield();
    admitted();
  });
  for (int turn = 0; turn < 100; ++turn) {
    if (lock.try_lock_shared()) admitted();
    std::this_thread::yield();
  }
  lock.unlock_shared();
  writer.join();
  waits.join();
  keeps_trying.join();
  return early;
}

}  // namespace contend::testing
