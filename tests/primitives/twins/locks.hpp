// SPDX-License-Identifier: MIT
// Locks that are almost right. Each differs from its sibling in primitives/lock/ by the one thing its comment names.
// Their wait loops ask the hang watch, so that a test of a lock that hangs still ends.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <mutex>
#include <utility>

#include "primitives/lock/lock.hpp"
#include "primitives/lock/sharded_mutex.hpp"
#include "primitives/platform.hpp"
#include "tests/support/hang_watch.hpp"

namespace contend::twins {

inline void spin() {
  platform::relax();
  testing::hang_watch::turn();
}

/// tas, but it loads the flag and stores it in two steps.
class load_then_store_lock {
 public:
  void lock() {
    while (!try_lock()) spin();
  }
  bool try_lock() {
    if (held_.load()) return false;
    held_.store(true);
    return true;
  }
  void unlock() { held_.store(false); }

 private:
  std::atomic<bool> held_{false};
};

/// ticket, but it takes a ticket by a non-atomic increment: two threads may get the same one.
class lost_ticket_lock {
 public:
  void lock() {
    const std::uint32_t ticket = next_.load();
    next_.store(ticket + 1);
    while (serving_.load() != ticket) spin();
  }
  bool try_lock() {
    std::uint32_t ticket = serving_.load();
    return next_.compare_exchange_strong(ticket, ticket + 1);
  }
  void unlock() { serving_.store(serving_.load() + 1); }

 private:
  std::atomic<std::uint32_t> next_{0}, serving_{0};
};

/// mcs, but unlock() takes "nobody has linked" for "nobody is behind": it forgets a successor that is about to link.
class forgetful_mcs_lock {
 public:
  struct node {
    std::atomic<node*> successor{nullptr};
    std::atomic<bool> granted{false};
  };
  void lock(node& mine) {
    mine.successor.store(nullptr);
    mine.granted.store(false);
    node* const predecessor = tail_.exchange(&mine);
    if (predecessor == nullptr) return;
    predecessor->successor.store(&mine);
    while (!mine.granted.load()) spin();
  }
  bool try_lock(node& mine) {
    mine.successor.store(nullptr);
    node* nobody = nullptr;
    return tail_.compare_exchange_strong(nobody, &mine);
  }
  void unlock(node& mine) {
    node* const successor = mine.successor.load();
    if (successor != nullptr)
      successor->granted.store(true);
    else
      tail_.store(nullptr);
  }

 private:
  std::atomic<node*> tail_{nullptr};
};

/// clh, but a node keeps its own cell when it leaves, although its successor may still be watching it.
class greedy_clh_lock {
 public:
  struct node {
    std::atomic<bool> busy{false};
  };
  void lock(node& mine) {
    mine.busy.store(true);
    const node* const predecessor = tail_.exchange(&mine);
    if (predecessor == nullptr) return;
    while (predecessor->busy.load()) spin();
  }
  bool try_lock(node& mine) {
    mine.busy.store(true);
    node* nobody = nullptr;
    return tail_.compare_exchange_strong(nobody, &mine);
  }
  void unlock(node& mine) { mine.busy.store(false); }

 private:
  std::atomic<node*> tail_{nullptr};
};

enum class defect {
  none,
  looks_before_it_frees,  ///< unlock() reads the word, then frees it: what a waiter wrote between is overwritten
  forgets_the_others,     ///< a woken waiter takes the word as `held`, though others are parked
};

/// park() and wake_one() as the kernel has them, with a way out of a sleep that nobody will end.
class watched_parking {
 public:
  void park(const std::atomic<std::uint32_t>& word, std::uint32_t expected) {
    sleeper self;
    if (!fall_asleep(self, word, expected)) return;
    while (!self.woken.load()) spin();
  }
  /// False only if the deadline passed and nobody woke this thread.
  bool park_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                  std::chrono::steady_clock::time_point deadline) {
    sleeper self;
    if (!fall_asleep(self, word, expected)) return true;
    while (!self.woken.load())
      if (platform::yield(); std::chrono::steady_clock::now() >= deadline) {
        const std::lock_guard<std::mutex> held(mutex_);
        sleepers_.remove(&self);
        break;
      }
    return self.woken.load();
  }
  void wake_one() {
    const std::lock_guard<std::mutex> held(mutex_);
    if (sleepers_.empty()) return;
    sleepers_.front()->woken.store(true);
    sleepers_.pop_front();
  }

 private:
  struct sleeper {
    std::atomic<bool> woken{false};
  };
  bool fall_asleep(sleeper& self, const std::atomic<std::uint32_t>& word, std::uint32_t expected) {
    const std::lock_guard<std::mutex> held(mutex_);
    if (word.load() != expected) return false;
    sleepers_.push_back(&self);
    return true;
  }
  std::mutex mutex_;
  std::list<sleeper*> sleepers_;
};

/// adaptive_mutex with a defect, without its spin.
template <defect Defect>
class parking_twin {
 public:
  void lock() {
    if (try_lock()) return;
    while (!take_parked()) parking_.park(state_, 2);
  }
  bool try_lock() {
    std::uint32_t expected = 0;
    return state_.compare_exchange_strong(expected, 1);
  }
  bool try_lock_for(std::chrono::nanoseconds patience) {
    if (try_lock()) return true;
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!take_parked())
      if (!parking_.park_until(state_, 2, deadline)) return false;
    return true;
  }
  void unlock() {
    std::uint32_t before;
    if constexpr (Defect == defect::looks_before_it_frees) {
      before = state_.load();
      state_.store(0);
    } else {
      before = state_.exchange(0);
    }
    if (before == 2) parking_.wake_one();
  }

 private:
  bool take_parked() {
    if constexpr (Defect == defect::forgets_the_others) {
      if (try_lock()) return true;
      std::uint32_t expected = 1;
      state_.compare_exchange_strong(expected, 2);
      return false;
    } else {
      return state_.exchange(2) == 0;
    }
  }
  std::atomic<std::uint32_t> state_{0};
  watched_parking parking_;
};

/// A correct lock that can be got out of a deadlock: what the sharded twins are made of.
class watched_lock {
 public:
  static constexpr contend::facts facts{.name = "watched", .summary = "tas with a way out"};
  watched_lock() = default;
  watched_lock(const watched_lock&) = delete;
  watched_lock& operator=(const watched_lock&) = delete;
  void lock() {
    while (!try_lock()) spin();
  }
  bool try_lock() { return !held_.exchange(true); }
  void unlock() noexcept { held_.store(false); }

 private:
  std::atomic<bool> held_{false};
};

enum class mistake {
  none,
  unlocks_unhashed,   ///< the key is hashed on the way in, and not on the way out: another key's shard is unlocked
  order_of_mention,   ///< keys are locked in the caller's order: two threads with two keys block each other
  once_for_each_key,  ///< keys that share a shard lock it twice
};

/// sharded_mutex with a mistake.
template <mistake Mistake, std::size_t Shards>
class sharded_twin {
 public:
  static std::size_t shard_of(std::uint64_t key) { return basic_sharded_mutex<watched_lock, Shards>::shard_of(key); }
  void lock(std::uint64_t key) { shards_[shard_of(key)].lock(); }
  bool try_lock(std::uint64_t key) { return shards_[shard_of(key)].try_lock(); }
  void unlock(std::uint64_t key) {
    if constexpr (Mistake == mistake::unlocks_unhashed)
      shards_[key / platform::cache_line % Shards].unlock();
    else
      shards_[shard_of(key)].unlock();
  }

  class keys_guard {
   public:
    keys_guard(sharded_twin& mutex, std::size_t a, std::size_t b) : keys_guard(mutex) {
      if (Mistake != mistake::order_of_mention && b < a) std::swap(a, b);
      take(a);
      if (a != b || Mistake == mistake::once_for_each_key) take(b);
    }
    ~keys_guard() {
      while (count_ > 0) mutex_.shards_[held_[--count_]].unlock();
    }
    keys_guard(const keys_guard&) = delete;
    keys_guard& operator=(const keys_guard&) = delete;

   private:
    explicit keys_guard(sharded_twin& mutex) : mutex_(mutex) {}
    void take(std::size_t shard) {
      mutex_.shards_[shard].lock();
      held_[count_++] = shard;
    }
    sharded_twin& mutex_;
    std::array<std::size_t, 2> held_{};
    unsigned count_ = 0;
  };
  keys_guard lock_keys(std::uint64_t a, std::uint64_t b) { return {*this, shard_of(a), shard_of(b)}; }

 private:
  std::array<watched_lock, Shards> shards_;
};

}  // namespace contend::twins
