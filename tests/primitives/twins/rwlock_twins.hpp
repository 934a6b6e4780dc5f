// SPDX-License-Identifier: MIT
// Reader-writer locks with one mistake each. The checks that the real ones pass must catch every one of them.
#pragma once

#include <atomic>
#include <cstdint>

#include "primitives/rwlock/writer_preferring.hpp"

namespace contend::twins {

/// Forgets a reader: arrivals are counted by a load and a store, so that of two readers that arrive at once only one
/// counts, and the writer goes ahead when one of them has left.
class forgetful_rwlock : public shared_sections<forgetful_rwlock> {
 public:
  void lock_shared() {
    for (;;) {
      while (writer_.load()) platform::relax();
      arrived_.store(arrived_.load() + 1);  // the mistake: not one step
      if (!writer_.load()) return;
      left_.fetch_add(1);
    }
  }
  void unlock_shared() { left_.fetch_add(1); }
  void lock() {
    while (writer_.exchange(true)) platform::relax();
    while (static_cast<std::int32_t>(arrived_.load() - left_.load()) > 0) platform::relax();
  }
  void unlock() { writer_.store(false); }

 private:
  std::atomic<bool> writer_{false};
  std::atomic<std::uint32_t> arrived_{0};
  std::atomic<std::uint32_t> left_{0};
};

/// Which of its two looks at the version a seqlock's reader leaves out.
enum class forgotten_look { before, after };

/// A seqlock whose reader looks at the version once.
template <class T, forgotten_look Forgotten>
class one_look_seqlock {
 public:
  explicit one_look_seqlock(const T& initial) { store(initial); }
  template <class F>
  auto read(F f) {
    for (;; platform::relax()) {
      if (Forgotten == forgotten_look::after && version_.load() % 2 != 0) continue;
      const T copy = load();
      if (Forgotten == forgotten_look::before && version_.load() % 2 != 0) continue;
      return f(copy);
    }
  }
  template <class F>
  void write(F f) {
    while (busy_.exchange(true)) platform::relax();
    T copy = load();
    f(copy);
    version_.fetch_add(1);
    store(copy);
    version_.fetch_add(1);
    busy_.store(false);
  }

 private:
  static_assert(sizeof(T) == 2 * sizeof(std::uint64_t));
  T load() const { return T{words_[0].load(), words_[1].load()}; }
  void store(const T& value) {
    words_[0].store(value.left);
    words_[1].store(value.right);
  }
  std::atomic<std::uint64_t> version_{0};
  std::atomic<std::uint64_t> words_[2];
  std::atomic<bool> busy_{false};
};

/// A left-right that sends the readers to the other side and does not wait for those that are still on the old one.
template <class T>
class impatient_left_right {
 public:
  explicit impatient_left_right(const T& initial) : data_{initial, initial} {}
  template <class F>
  auto read(F f) {
    return f(static_cast<const T&>(data_[side_.load()]));
  }
  template <class F>
  void write(F f) {
    while (busy_.exchange(true)) platform::relax();
    const unsigned old_side = side_.load();
    f(data_[1 - old_side]);
    side_.store(1 - old_side);
    f(data_[old_side]);  // the mistake: somebody may read here
    busy_.store(false);
  }

 private:
  T data_[2];
  std::atomic<unsigned> side_{0};
  std::atomic<bool> busy_{false};
};

/// A BRAVO that takes the bias away and does not wait for the readers that published themselves while it was there.
class hasty_bravo : public shared_sections<hasty_bravo> {
 public:
  void lock_shared() {
    auto& mine = places_[platform::thread_index() % places];
    if (biased_.load() && mine.exchange(true) == false) {
      if (biased_.load()) return;
      mine.store(false);
    }
    underneath_.lock_shared();
    biased_.store(true);
  }
  void unlock_shared() {
    auto& mine = places_[platform::thread_index() % places];
    if (!mine.exchange(false)) underneath_.unlock_shared();
  }
  void lock() {
    underneath_.lock();
    biased_.store(false);  // the mistake: places_ is not looked at
  }
  void unlock() { underneath_.unlock(); }

 private:
  static constexpr unsigned places = platform::max_threads;
  std::atomic<bool> biased_{false};
  std::atomic<bool> places_[places] = {};
  writer_preferring underneath_;
};

/// A lock that says it admits readers first and does not: the trap of a "reader-priority" lock whose readers wait for
/// a writer's flag.
class mislabelled : public writer_preferring {
 public:
  static constexpr contend::facts facts{.name = "mislabelled", .summary = {}, .admits = admission::reader_first};
};

/// A reader that meets a waiting writer stays counted until it looks again: those turned away hold the writer up.
class lingering_readers : public shared_sections<lingering_readers> {
 public:
  bool try_lock_shared() {
    readers_.fetch_add(1);
    return !writer_.load();  // the mistake: still counted when turned away
  }
  void unlock_shared() { readers_.fetch_sub(1); }
  bool try_lock() {
    if (writer_.exchange(true)) return false;
    if (readers_.load() == 0) return true;
    writer_.store(false);
    return false;
  }
  void unlock() { writer_.store(false); }

 private:
  std::atomic<bool> writer_{false};
  std::atomic<std::uint32_t> readers_{0};
};

}  // namespace contend::twins
