// SPDX-License-Identifier: MIT
// What threads do with a queue, a published value, a word or a pair of counts under a schedule.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "lock_scenarios.hpp"
#include "primitives/atomic/atomic.hpp"
#include "primitives/queue/queue.hpp"
#include "primitives/rcu/domain/reclaim_limits.hpp"
#include "tests/primitives/queue_checks.hpp"

namespace contend::hunt {

template <class Q>
constexpr bool many_producers = true;
template <class Q>
requires requires { Q::sides; }
constexpr bool many_producers<Q> = Q::sides.many_producers;

/// Producers push and consumers pop so many each. Nothing but the queue orders them.
template <class Q, std::size_t Capacity, bool Waits = false>
struct delivering {
  static constexpr unsigned producers = many_producers<Q> ? 2 : 1, consumers = producers, each = 3;
  static constexpr unsigned threads = producers + consumers;
  Q queue{Capacity};
  std::uint64_t got[consumers][each];
  void run(unsigned thread) {
    if (thread < producers) {
      for (unsigned i = 0; i < each; ++i) {
        std::uint64_t item = testing::tagged(thread, i);
        if constexpr (Waits)
          (void)queue.push(std::move(item));
        else
          while (!queue.try_push(std::move(item))) platform::relax();
      }
    } else {
      for (auto& item : got[thread - producers])
        if constexpr (Waits)
          (void)queue.pop(item);
        else
          while (!queue.try_pop(item)) platform::relax();
    }
  }
  std::string wrong() const {
    unsigned times[producers][each] = {};
    for (const auto& by_one : got) {
      std::int64_t last[producers];
      for (auto& one : last) one = -1;
      for (const std::uint64_t item : by_one) {
        const std::uint64_t producer = item >> 32, number = item & 0xFFFF'FFFF;
        if (producer >= producers || number >= each) return "an item that nobody pushed";
        if (static_cast<std::int64_t>(number) <= last[producer]) return "items out of order";
        last[producer] = static_cast<std::int64_t>(number);
        ++times[producer][number];
      }
    }
    for (const auto& of_one : times)
      for (const unsigned n : of_one)
        if (n != 1) return n == 0 ? "an item was lost" : "an item came twice";
    return "";
  }
};

/// Everybody pushes an item and pops one, again and again: nodes come back at once.
template <class Q>
struct passing_on {
  static constexpr unsigned threads = 3, each = 6;
  Q queue{threads};
  std::uint64_t got[threads][each];
  void run(unsigned thread) {
    for (unsigned i = 0; i < each; ++i) {
      std::uint64_t item = testing::tagged(thread, i);
      while (!queue.try_push(std::move(item))) platform::relax();
      while (!queue.try_pop(got[thread][i])) platform::relax();
    }
  }
  std::string wrong() const {
    unsigned times[threads][each] = {};
    for (const auto& by_one : got)
      for (const std::uint64_t item : by_one) {
        if (item >> 32 >= threads || (item & 0xFFFF'FFFF) >= each) return "an item that nobody pushed";
        if (++times[item >> 32][item & 0xFFFF'FFFF] > 1) return "an item came twice";
      }
    return "";
  }
};

/// One thread alone fills and empties it.
template <class Q, std::size_t Capacity>
struct filling {
  static constexpr unsigned threads = 1;
  std::uint64_t violations = 0;
  void run(unsigned) { violations = testing::capacity_violations<Q>(Capacity); }
  std::string wrong() const { return violations == 0 ? "" : "another capacity than it was given"; }
};

/// Two fields that are always equal and a canary, all plain: a missing order is a data race, a free a dead canary.
class version {
 public:
  version() = default;
  version(const version& other) : first_(other.first_), second_(other.second_) {}
  version& operator=(const version& other) {
    first_ = other.first_;
    second_ = other.second_;
    return *this;
  }
  ~version() {
    canary_ = dead;
    first_ = dead;
  }
  void add_one() {
    first_ = first_ + 1;
    second_ = second_ + 1;
  }
  [[nodiscard]] std::uint64_t value() const { return first_; }
  [[nodiscard]] bool is_sound() const { return canary_ == alive && first_ == second_ && canary_ == alive; }

 private:
  static constexpr std::uint64_t alive = 0xA11FE, dead = 0xDEAD;
  volatile std::uint64_t first_ = 0;
  volatile std::uint64_t second_ = 0;
  volatile std::uint64_t canary_ = alive;
};

/// A P with rare paths made common, if it takes limits.
template <class P>
P make_small(reclaim_limits limits = {.backlog = 4, .batch = 1, .readers = 8}) {
  if constexpr (std::constructible_from<P, const version&, reclaim_limits>)
    return P(version{}, limits);
  else
    return P(version{});
}

/// Some update, some read; all register, and some come and go.
template <class P, unsigned Updaters = 1, unsigned Stay = 2, unsigned Rounds = 4>
struct publishing {
  static constexpr unsigned threads = 3, rounds = Rounds;
  P shared = make_small<P>();
  std::uint64_t unsound[threads] = {}, older[threads] = {};
  void run(unsigned thread) {
    std::optional<typename P::reader> reader(shared.register_thread());
    std::uint64_t newest = 0;
    for (unsigned round = 0; round < rounds; ++round) {
      if (thread < Updaters) {
        shared.update(*reader, [](version& draft) { draft.add_one(); });
      } else {
        unsound[thread] += !shared.read(*reader, [&](const version& now) {
          older[thread] += now.value() < newest;
          newest = now.value();
          return now.is_sound() && now.value() == newest;
        });
      }
      shared.quiescent(*reader);
      if ((round + 1) % Stay == 0) {
        reader.reset();
        reader.emplace(shared.register_thread());
      }
    }
  }
  std::string wrong() {
    for (const auto n : unsound)
      if (n != 0) return "a version that was torn, freed or changed under its reader";
    for (const auto n : older)
      if (n != 0) return "a version older than the one before";
    auto reader = shared.register_thread();
    return lost(Updaters * rounds, shared.read(reader, [](const version& v) { return v.value(); }));
  }
};

/// An update waits inside its callback until somebody else has read and updated.
template <class P>
struct waiting_in_a_callback {
  static constexpr unsigned threads = 2;
  P shared = make_small<P>();
  std::atomic<bool> inside{false}, others_done{false};
  void run(unsigned thread) {
    auto reader = shared.register_thread();
    if (thread == 0) {
      shared.update(reader, [&](version& draft) {
        inside = true;
        while (!others_done) platform::relax();
        draft.add_one();
      });
      return;
    }
    while (!inside) platform::relax();
    shared.update(reader, [](version& draft) { draft.add_one(); });
    others_done = true;
  }
  std::string wrong() { return ""; }
};

/// A reader stays inside while another thread updates: what is kept for it is bounded.
template <class P>
struct stalling {
  static constexpr unsigned threads = 2;
  static constexpr std::size_t limit = 8;
  P shared = make_small<P>({.backlog = limit, .batch = 1, .readers = 4});
  std::atomic<bool> inside{false}, leave{false};
  std::size_t most = 0;
  void run(unsigned thread) {
    auto reader = shared.register_thread();
    if (thread == 0) {
      shared.read(reader, [&](const version&) {
        inside = true;
        while (!leave) platform::relax();
        return 0;
      });
      return;
    }
    while (!inside) platform::relax();
    for (int i = 0; i < 20; ++i) {
      (void)shared.try_update(reader, [](version& draft) { draft.add_one(); });
      most = std::max(most, shared.backlog());
    }
    leave = true;
  }
  std::string wrong() const { return most <= limit ? "" : "it keeps more than the backlog allows"; }
};

/// Everybody operates on a word: sums and tokens come out right.
template <class W>
struct operating {
  static constexpr unsigned threads = 3, rounds = 3;
  W word{7};
  std::uint64_t put[threads] = {}, got[threads] = {};
  void run(unsigned thread) {
    for (unsigned round = 0; round < rounds; ++round) {
      const std::uint64_t argument = W::effect == word_effect::add ? thread + 1 : (thread + 1) * 100 + round;
      put[thread] += argument;
      got[thread] += word.operate(argument);
    }
  }
  std::string wrong() {
    const std::uint64_t all_put = put[0] + put[1] + put[2], all_got = got[0] + got[1] + got[2];
    if (W::effect == word_effect::add) return lost(all_put + 7, word.value());
    return all_put + 7 == all_got + word.value() ? "" : "a token was lost or came twice";
  }
};

/// Two count a request and its error each time, one looks: both counts are the same where snapshots are consistent.
template <class M>
struct counting_pairs {
  static constexpr unsigned threads = 3, rounds = 4;
  M pair;
  std::uint64_t torn[threads] = {};
  void run(unsigned thread) {
    for (unsigned round = 0; round < rounds; ++round) {
      if (thread < 2) {
        pair.record(true);
        continue;
      }
      const metrics_snapshot seen = pair.snapshot();
      torn[thread] += seen.errors > seen.requests || (M::consistent && seen.errors != seen.requests);
    }
  }
  std::string wrong() const { return torn[2] == 0 ? "" : "a torn snapshot"; }
};

}  // namespace contend::hunt
