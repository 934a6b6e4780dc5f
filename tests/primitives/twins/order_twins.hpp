// SPDX-License-Identifier: MIT
// Primitives whose memory orders are given from outside: right with the ones that their comments name, broken with
// less. No interleaving shows the difference: on a machine without reordering, and under a sequentially consistent
// test, the broken ones work.
#pragma once

#include <atomic>
#include <cstdint>

#include "primitives/platform.hpp"
#include "primitives/rwlock/rwlock.hpp"

namespace contend::twins {

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;
inline constexpr auto seq_cst = std::memory_order_seq_cst;

/// tas. Right: acquire, release.
template <std::memory_order Taking, std::memory_order Leaving>
class ordered_tas {
 public:
  void lock() {
    while (!try_lock()) platform::relax();
  }
  bool try_lock() { return !held_.exchange(true, Taking); }
  void unlock() { held_.store(false, Leaving); }

 private:
  std::atomic<bool> held_{false};
};

/// A reader-writer lock in one word: readers counted, and a bit for the writer. Right: acquire, release.
template <std::memory_order Entering, std::memory_order Leaving>
class ordered_rwlock : public shared_sections<ordered_rwlock<Entering, Leaving>> {
 public:
  void lock_shared() {
    for (;; platform::relax()) {
      std::uint32_t seen = state_.load(relaxed);
      if ((seen & writer) == 0 && state_.compare_exchange_weak(seen, seen + 1, Entering, relaxed)) return;
    }
  }
  void unlock_shared() { state_.fetch_sub(1, Leaving); }
  void lock() {
    for (;; platform::relax()) {
      std::uint32_t free = 0;
      if (state_.compare_exchange_weak(free, writer, Entering, relaxed)) return;
    }
  }
  void unlock() { state_.store(0, Leaving); }

 private:
  static constexpr std::uint32_t writer = 1U << 31;
  std::atomic<std::uint32_t> state_{0};
};

/// Readers publish themselves and then look for a writer, a writer announces itself and then looks for readers: litmus
/// SB. Right: seq_cst for all four. With acquire and release both may miss the other, and both are inside.
template <std::memory_order Publish, std::memory_order Look>
class handshake_rwlock : public shared_sections<handshake_rwlock<Publish, Look>> {
 public:
  void lock_shared() {
    for (;;) {
      mine().store(true, Publish);
      if (!writer_.load(Look)) return;
      mine().store(false, Publish);
      while (writer_.load(Look)) platform::relax();
    }
  }
  void unlock_shared() { mine().store(false, Publish); }
  void lock() {
    while (writers_.exchange(true, acquire)) platform::relax();
    writer_.store(true, Publish);
    for (auto& reader : readers_)
      while (reader.load(Look)) platform::relax();
  }
  void unlock() {
    writer_.store(false, Publish);
    writers_.store(false, release);
  }

 private:
  static constexpr unsigned places = 8;
  std::atomic<bool>& mine() { return readers_[platform::thread_index() % places]; }
  std::atomic<bool> writers_{false}, writer_{false};
  std::atomic<bool> readers_[places] = {};
};

/// A seqlock over relaxed words; Check is the order of the fence before the second look. Right: acquire.
template <class T, std::memory_order Check>
class fenced_seqlock {
 public:
  explicit fenced_seqlock(const T& initial) { store(initial); }
  template <class F>
  auto read(F f) {
    for (;; platform::relax()) {
      const std::uint64_t before = version_.load(acquire);
      const T copy = load();
      std::atomic_thread_fence(Check);
      if (before % 2 == 0 && version_.load(relaxed) == before) return f(copy);
    }
  }
  template <class F>
  void write(F f) {
    while (busy_.exchange(true, acquire)) platform::relax();
    T copy = load();
    f(copy);
    const std::uint64_t version = version_.load(relaxed);
    version_.store(version + 1, relaxed);
    std::atomic_thread_fence(release);
    store(copy);
    version_.store(version + 2, release);
    busy_.store(false, release);
  }

 private:
  static_assert(sizeof(T) == 2 * sizeof(std::uint64_t));
  T load() const { return T{words_[0].load(relaxed), words_[1].load(relaxed)}; }
  void store(const T& value) {
    words_[0].store(value.left, relaxed);
    words_[1].store(value.right, relaxed);
  }
  std::atomic<std::uint64_t> version_{0};
  std::atomic<std::uint64_t> words_[2];
  std::atomic<bool> busy_{false};
};

/// A ring for one producer and one consumer. Right: release.
template <class T, std::memory_order Publish>
class ordered_ring {
 public:
  explicit ordered_ring(std::size_t) {}
  static constexpr struct { bool many_producers = false, many_consumers = false; } sides{};
  bool try_push(T&& v) {
    const std::uint64_t at = pushed_.load(relaxed);
    if (at - popped_.load(acquire) == capacity) return false;
    items_[at % capacity] = v;
    pushed_.store(at + 1, Publish);
    return true;
  }
  bool try_pop(T& out) {
    const std::uint64_t at = popped_.load(relaxed);
    if (at == pushed_.load(acquire)) return false;
    out = items_[at % capacity];
    popped_.store(at + 1, Publish);
    return true;
  }

 private:
  static constexpr std::uint64_t capacity = 2;
  T items_[capacity] = {};
  std::atomic<std::uint64_t> pushed_{0}, popped_{0};
};

/// A lock whose waiters sleep: they say so and then look again, unlock() frees and then looks for sleepers. Right:
/// seq_cst for all four; with acquire and release a sleeper is missed and sleeps for ever.
template <std::memory_order Store, std::memory_order Load>
class sleeping_lock {
 public:
  void lock() {
    if (try_lock()) return;
    sleepers_.fetch_add(1, Store);
    for (;;) {
      const std::uint32_t heard = rings_.load(acquire);
      if (held_.load(Load) == 0 && try_lock()) break;
      platform::park(rings_, heard);
    }
    sleepers_.fetch_sub(1, relaxed);
  }
  bool try_lock() {
    std::uint32_t free = 0;
    return held_.compare_exchange_strong(free, 1, acquire, relaxed);
  }
  void unlock() {
    held_.store(0, Store);
    if (sleepers_.load(Load) == 0) return;
    rings_.fetch_add(1, release);
    platform::wake_one(rings_);
  }

 private:
  std::atomic<std::uint32_t> held_{0}, sleepers_{0}, rings_{0};
};

}  // namespace contend::twins
