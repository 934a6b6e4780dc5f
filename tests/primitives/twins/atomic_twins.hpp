// SPDX-License-Identifier: MIT
// Words and pairs of counts that are wrong in one place each.
#pragma once

#include <atomic>
#include <cstdint>

#include "primitives/atomic/atomic.hpp"
#include "primitives/platform.hpp"

namespace contend::twins {

/// One compare-and-exchange, and whoever loses the race has lost the update.
class cas_without_a_loop {
 public:
  static constexpr word_effect effect = word_effect::add;
  explicit cas_without_a_loop(std::uint64_t initial) : word_(initial) {}
  std::uint64_t operate(std::uint64_t value) noexcept {
    std::uint64_t seen = word_.load();
    word_.compare_exchange_strong(seen, seen + value);
    return seen;
  }
  std::uint64_t value() const { return word_.load(); }

 private:
  std::atomic<std::uint64_t> word_;
};

/// An exchange made of a load and a store: two threads can take the same token out.
class exchange_in_two_steps {
 public:
  static constexpr word_effect effect = word_effect::swap;
  explicit exchange_in_two_steps(std::uint64_t initial) : word_(initial) {}
  std::uint64_t operate(std::uint64_t value) noexcept {
    const std::uint64_t before = word_.load();
    word_.store(value);
    return before;
  }
  std::uint64_t value() const { return word_.load(); }

 private:
  std::atomic<std::uint64_t> word_;
};

/// Says that its snapshots are consistent, and reads one count after the other.
class torn_pair {
 public:
  static constexpr bool consistent = true;
  void record(bool failed) {
    requests_.fetch_add(1);
    if (failed) errors_.fetch_add(1);
  }
  metrics_snapshot snapshot() const {
    metrics_snapshot seen;
    seen.requests = requests_.load();
    seen.errors = errors_.load();
    return seen;
  }

 private:
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> errors_{0};
};

/// A sequence lock whose reader waits for an even number and does not look again afterwards.
class seqlock_read_once {
 public:
  static constexpr bool consistent = true;
  void record(bool failed) {
    std::uint64_t now = sequence_.load();
    while (now % 2 != 0 || !sequence_.compare_exchange_weak(now, now + 1)) {
      platform::yield();
      now = sequence_.load();
    }
    requests_.store(requests_.load() + 1);
    errors_.store(errors_.load() + failed);
    sequence_.store(now + 2);
  }
  metrics_snapshot snapshot() const {
    while (sequence_.load() % 2 != 0) platform::yield();
    metrics_snapshot seen;
    seen.requests = requests_.load();
    seen.errors = errors_.load();
    return seen;
  }

 private:
  std::atomic<std::uint64_t> sequence_{0};
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> errors_{0};
};

}  // namespace contend::twins
