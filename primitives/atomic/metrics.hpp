// SPDX-License-Identifier: MIT
// Counting requests and errors together, so that a snapshot of the two makes sense.
#pragma once

#include <atomic>
#include <mutex>

#include "../platform.hpp"
#include "atomic.hpp"

namespace contend {

/// Both counts under one std::mutex. Blocking; any threads may overlap; snapshots are consistent.
class mutex_metrics {
 public:
  static constexpr contend::facts facts{.name = "mutex_metrics",
                                        .summary = "both counts under one std::mutex",
                                        .admits = admission::barging,
                                        .waits = waiting::park,
                                        .step = rung::mutex,
                                        .baseline = true,
                                        .source = "C++11 [thread.mutex.class]"};
  static constexpr bool consistent = true;

  void record(bool failed) {
    const std::lock_guard held(mutex_);
    ++counts_.requests;
    counts_.errors += failed;
  }
  [[nodiscard]] metrics_snapshot snapshot() {
    const std::lock_guard held(mutex_);
    return counts_;
  }

 private:
  alignas(platform::cache_line) std::mutex mutex_;
  metrics_snapshot counts_;
};

/// Two loose atomics side by side, as most code has them: they share a line, and a snapshot that reads requests first
/// can hold an error whose request it missed. Wait-free.
class two_atomics {
 public:
  static constexpr contend::facts facts{.name = "two_atomics",
                                        .summary = "two relaxed atomics side by side; a snapshot may be torn",
                                        .guarantees = progress::wait_free,
                                        .step = rung::atomic,
                                        .baseline = true,
                                        .source = "S1's metrics, as it stands there"};
  static constexpr bool consistent = false;

  void record(bool failed) noexcept {
    requests_.fetch_add(1, std::memory_order_relaxed);
    if (failed) errors_.fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] metrics_snapshot snapshot() const noexcept {
    metrics_snapshot seen;
    seen.requests = requests_.load(std::memory_order_relaxed);
    seen.errors = errors_.load(std::memory_order_relaxed);
    return seen;
  }

 private:
  alignas(platform::cache_line) std::atomic<std::uint64_t> requests_{0};  // errors_ always beside it, not by chance
  std::atomic<std::uint64_t> errors_{0};
};

/// Two atomics on lines of their own, written in one order and read in the other: a snapshot never has an error whose
/// request it misses (errors ≤ requests), though the two need not be of one moment. Wait-free.
class ordered_pair {
 public:
  static constexpr contend::facts facts{
      .name = "ordered_pair",
      .summary = "two atomics, the error counted after its request and read before it",
      .guarantees = progress::wait_free,
      .step = rung::atomic,
      .source = "message passing: litmus MP"};
  static constexpr bool consistent = false;

  void record(bool failed) noexcept {
    requests_.value.fetch_add(1, std::memory_order_relaxed);
    // [request] -> snapshot()
    if (failed) errors_.value.fetch_add(1, std::memory_order_release);
  }
  [[nodiscard]] metrics_snapshot snapshot() const noexcept {
    metrics_snapshot seen;
    // [request] <- record(): without it the request of an error that is seen could be missed (litmus MP).
    seen.errors = errors_.value.load(std::memory_order_acquire);
    seen.requests = requests_.value.load(std::memory_order_relaxed);
    return seen;
  }

 private:
  struct alignas(platform::cache_line) count {
    std::atomic<std::uint64_t> value{0};
  };
  count requests_;
  count errors_;
};

/// Both counts in one word, 32 bits each, so every snapshot is a state that was. Wait-free.
/// Range: at most 2^32 − 1 requests; one more would carry into the errors (43 s at 100 M/s), so drain it in time.
class packed_word {
 public:
  static constexpr contend::facts facts{.name = "packed_word",
                                        .summary = "both counts in one 64-bit word, 32 bits each",
                                        .guarantees = progress::wait_free,
                                        .step = rung::atomic,
                                        .source = "folklore"};
  static constexpr bool consistent = true;

  void record(bool failed) noexcept { word_.fetch_add(1 + (std::uint64_t{failed} << 32), std::memory_order_relaxed); }
  [[nodiscard]] metrics_snapshot snapshot() const noexcept {
    const std::uint64_t both = word_.load(std::memory_order_relaxed);
    return {both & 0xFFFF'FFFFU, both >> 32};
  }

 private:
  alignas(platform::cache_line) std::atomic<std::uint64_t> word_{0};
};

/// A sequence number around both counts: writers take turns by making it odd, readers retry when it moved.
/// record(): blocking (spins). snapshot(): lock-free with respect to other readers, retries while writers write.
/// Source: Lameter 2005; Boehm 2012 for the orders.
class seqlock_metrics {
 public:
  static constexpr contend::facts facts{.name = "seqlock_metrics",
                                        .summary = "both counts under a sequence lock; readers retry",
                                        .admits = admission::barging,
                                        .waits = waiting::spin_with_backoff,
                                        .step = rung::lock_free,
                                        .source = "Boehm 2012"};
  static constexpr bool consistent = true;

  void record(bool failed) noexcept {
    std::uint64_t now = sequence_.load(std::memory_order_relaxed);
    // [turn] <- record(): without it this writer could read counts from before the last one's.
    for (unsigned lost = 0; now % 2 != 0 || !sequence_.compare_exchange_weak(now, now + 1, std::memory_order_acquire,
                                                                             std::memory_order_relaxed);) {
      platform::relax();
      if (++lost % 64 == 0) platform::yield();  // the writer in the middle may have no processor
      now = sequence_.load(std::memory_order_relaxed);
    }
    requests_.store(requests_.load(std::memory_order_relaxed) + 1, std::memory_order_release);  // [count] -> snapshot()
    errors_.store(errors_.load(std::memory_order_relaxed) + failed,
                  std::memory_order_release);             // [count] -> snapshot()
    sequence_.store(now + 2, std::memory_order_release);  // [turn] -> record(), snapshot()
  }
  [[nodiscard]] metrics_snapshot snapshot() const noexcept {
    for (unsigned tries = 1;; ++tries) {
      // [turn] <- record(): the counts are at least as new as the sequence.
      const std::uint64_t before = sequence_.load(std::memory_order_acquire);
      metrics_snapshot seen;
      // [count] <- record(): a count from a write in progress brings that write's odd sequence along, and the
      // second reading of the sequence below differs then.
      seen.requests = requests_.load(std::memory_order_acquire);
      seen.errors = errors_.load(std::memory_order_acquire);  // [count] <- record(): likewise
      if (before % 2 == 0 && sequence_.load(std::memory_order_relaxed) == before) return seen;
      platform::relax();
      if (tries % 64 == 0) platform::yield();
    }
  }

 private:
  alignas(platform::cache_line) std::atomic<std::uint64_t> sequence_{0};
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> errors_{0};
};

}  // namespace contend
