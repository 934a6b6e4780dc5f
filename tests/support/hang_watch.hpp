// SPDX-License-Identifier: MIT
// Proves that a team of threads hangs, without a clock, and gets it out of there: so that a twin that loses a wake-up
// or deadlocks is caught in microseconds and its test ends.
#pragma once

#include <array>
#include <atomic>
#include <cassert>
#include <cstdint>

#include "primitives/platform.hpp"

namespace contend::testing {

/// Thrown out of a twin's wait loop, and out of a meeting, once the watch has seen that nobody will ever go on.
struct hang_seen {};

/// The proof: every living thread is in a wait loop and has been round it `enough` times since any thread last left
/// one or let go of something. Such loops change nothing, so nothing will change.
/// A thread calls moved() before it waits and after it has let go, and turn() once in each turn of a wait loop.
/// Real primitives do not call turn(), so they are never declared hung; a real hang is ended by ctest's time limit.
class hang_watch {
 public:
  static constexpr unsigned most_threads = 16;

  explicit hang_watch(unsigned threads) : living_(threads) { assert(threads <= most_threads); }
  hang_watch(const hang_watch&) = delete;
  hang_watch& operator=(const hang_watch&) = delete;

  /// This thread's membership, from construction to destruction.
  class [[nodiscard]] member {
   public:
    member(hang_watch& watch, unsigned number) : watch_(watch) { here = {&watch, number}; }
    ~member() {
      here = {nullptr, 0};
      watch_.moved();  // first: what this thread let go of last may be what the others wait for
      watch_.living_.fetch_sub(1);
    }
    member(const member&) = delete;
    member& operator=(const member&) = delete;

   private:
    hang_watch& watch_;
  };

  void moved() { moves_.fetch_add(1); }
  [[nodiscard]] bool hung() const { return hung_.load(); }

  /// One turn of a wait loop of the calling thread, if it is a member of a watch. Throws hang_seen.
  static void turn() {
    if (here.watch != nullptr) here.watch->turn_of(here.number);
  }

 private:
  static constexpr std::uint64_t enough = 4, counts = 256;  // a slot is moves × counts + turns
  struct place {
    hang_watch* watch;
    unsigned number;
  };
  static inline thread_local place here{nullptr, 0};

  static bool waits(std::uint64_t slot, std::uint64_t moves) {
    return slot / counts == moves && slot % counts >= enough;
  }

  void turn_of(unsigned number) {
    const std::uint64_t moves = moves_.load();
    const std::uint64_t slot = slots_[number].load();
    const std::uint64_t turns = slot / counts == moves ? slot % counts : 0;
    slots_[number].store(moves * counts + (turns < counts - 1 ? turns + 1 : turns));
    if (turns >= enough && !hung()) {
      unsigned waiting = 0;
      for (const auto& other : slots_) waiting += waits(other.load(), moves);
      if (waiting == living_.load() && moves_.load() == moves) hung_.store(true);
    }
    if (hung()) throw hang_seen{};
  }

  std::atomic<unsigned> living_;
  std::atomic<std::uint64_t> moves_{1};
  std::atomic<bool> hung_{false};
  std::array<std::atomic<std::uint64_t>, most_threads> slots_{};
};

/// A barrier for members of a watch: everybody of the team arrives, or the watch sees the hang. The last to arrive
/// calls last(), while nobody else runs.
class meeting {
 public:
  meeting(hang_watch& watch, unsigned threads) : watch_(watch), threads_(threads) {}
  template <class Last>
  void arrive_and_wait(Last last) {
    watch_.moved();
    const unsigned round = round_.load();
    if (arrived_.fetch_add(1) + 1 == threads_) {
      last();
      arrived_.store(0);
      round_.fetch_add(1);
      watch_.moved();
      return;
    }
    while (round_.load() == round) {
      platform::yield();
      hang_watch::turn();
    }
  }

 private:
  hang_watch& watch_;
  const unsigned threads_;
  std::atomic<unsigned> arrived_{0};
  std::atomic<unsigned> round_{0};
};

}  // namespace contend::testing
