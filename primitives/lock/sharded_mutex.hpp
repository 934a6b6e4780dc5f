// SPDX-License-Identifier: MIT
// Sharded mutex: a key's hash picks one of many mutexes, so that threads with different keys seldom meet.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "../platform.hpp"
#include "adaptive_mutex.hpp"
#include "lock.hpp"
#include "padded.hpp"
#include "timed.hpp"

namespace contend {

/// Holds the lock of one key from construction to destruction.
template <keyed_lock M>
class [[nodiscard]] key_guard {
 public:
  key_guard(M& mutex, std::uint64_t key) : mutex_(mutex), key_(key) { mutex_.lock(key_); }
  ~key_guard() { mutex_.unlock(key_); }
  key_guard(const key_guard&) = delete;
  key_guard& operator=(const key_guard&) = delete;

 private:
  M& mutex_;
  const std::uint64_t key_;
};

/// `Shards` locks (a power of two), one of which protects a key. Two keys may share a shard: lock(a); lock(b) by one
/// thread deadlocks with itself then, or with a thread that does it the other way round. Use lock_keys(a, b).
/// Blocking; admission as Lock's. Padded: each shard on a line of its own; otherwise packed, and neighbours' threads
/// slow each other down by false sharing.
/// Memory effect: as a plain lock's, among the keys of one shard.
/// Source: lock striping, Herlihy and Shavit 2008, section 13.2.2; the hash: Steele, Lea and Flood 2014 (splitmix64).
template <plain_lock Lock, std::size_t Shards = 64, bool Padded = true>
requires(std::has_single_bit(Shards)) class basic_sharded_mutex {
 public:
  static constexpr contend::facts facts{
      .name = Padded ? "sharded_mutex" : "sharded_mutex_unpadded",
      .summary = Padded ? "a mutex per hash of the key, each on its own cache line"
                        : "a mutex per hash of the key, packed: shows what padding is for",
      .admits = Lock::facts.admits,
      .waits = Lock::facts.waits,
      .step = rung::sharded,
      .source = "Herlihy and Shavit 2008, section 13.2.2 (lock striping)"};
  static constexpr std::size_t shards = Shards;

  basic_sharded_mutex() = default;
  basic_sharded_mutex(const basic_sharded_mutex&) = delete;
  basic_sharded_mutex& operator=(const basic_sharded_mutex&) = delete;

  /// The shard of a key, below `shards`. Neighbours, multiples and aligned addresses spread.
  [[nodiscard]] static constexpr std::size_t shard_of(std::uint64_t key) noexcept {
    key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9U;
    key = (key ^ (key >> 27)) * 0x94D049BB133111EBU;
    return (key ^ (key >> 31)) & (Shards - 1);
  }

  void lock(std::uint64_t key) noexcept(noexcept(std::declval<Lock&>().lock())) { shards_[shard_of(key)].lock(); }
  [[nodiscard]] bool try_lock(std::uint64_t key) noexcept(noexcept(std::declval<Lock&>().try_lock())) {
    return shards_[shard_of(key)].try_lock();
  }
  /// By the holder of `key`, or of a key in the same shard. The shard's lock asserts that it is held.
  void unlock(std::uint64_t key) noexcept { shards_[shard_of(key)].unlock(); }

  /// As try_lock(key), and waits until the deadline. See timed_lock.
  [[nodiscard]] bool try_lock_until(std::uint64_t key,
                                    std::chrono::steady_clock::time_point deadline) requires timed_lock<Lock> {
    return shards_[shard_of(key)].try_lock_until(deadline);
  }
  [[nodiscard]] bool try_lock_for(std::uint64_t key, std::chrono::nanoseconds patience) requires timed_lock<Lock> {
    return shards_[shard_of(key)].try_lock_for(patience);
  }

  /// Holds the shards of some keys from construction to destruction.
  template <std::size_t Count>
  class [[nodiscard]] keys_guard {
   public:
    keys_guard(basic_sharded_mutex& mutex, const std::array<std::uint64_t, Count>& keys) : keys_guard(mutex) {
      // In ascending order, or two guards deadlock with each other; each shard once, or one does with itself.
      for (std::size_t shard = 0, next; (next = least_shard(keys, shard)) < Shards; shard = next + 1) {
        mutex_.shards_[next].lock();
        held_[count_++] = next;
      }
    }
    ~keys_guard() {
      while (count_ > 0) mutex_.shards_[held_[--count_]].unlock();
    }
    keys_guard(const keys_guard&) = delete;
    keys_guard& operator=(const keys_guard&) = delete;

   private:
    explicit keys_guard(basic_sharded_mutex& mutex) noexcept : mutex_(mutex) {}  // delegated to: a lock() may throw

    static std::size_t least_shard(const std::array<std::uint64_t, Count>& keys, std::size_t from) noexcept {
      std::size_t least = Shards;
      for (const auto key : keys)
        if (const std::size_t shard = shard_of(key); shard >= from && shard < least) least = shard;
      return least;
    }

    basic_sharded_mutex& mutex_;
    std::size_t count_ = 0;
    std::array<std::size_t, Count> held_{};
  };

  /// Holds every shard from construction to destruction: nobody holds a key meanwhile.
  class [[nodiscard]] all_guard {
   public:
    explicit all_guard(basic_sharded_mutex& mutex) : all_guard(mutex, 0) {
      for (auto& shard : mutex_.shards_) {
        shard.lock();
        ++count_;
      }
    }
    ~all_guard() {
      while (count_ > 0) mutex_.shards_[--count_].unlock();
    }
    all_guard(const all_guard&) = delete;
    all_guard& operator=(const all_guard&) = delete;

   private:
    all_guard(basic_sharded_mutex& mutex, std::size_t count) noexcept : mutex_(mutex), count_(count) {}

    basic_sharded_mutex& mutex_;
    std::size_t count_;
  };

  /// Locks all the keys, which may be equal or share shards; never deadlocks with another lock_keys() or lock_all(),
  /// as long as the thread holds no other key.
  template <std::convertible_to<std::uint64_t>... Key>
  [[nodiscard]] keys_guard<sizeof...(Key)> lock_keys(Key... keys) {
    return {*this, {static_cast<std::uint64_t>(keys)...}};
  }

  /// Locks every key there is. The thread must hold none.
  [[nodiscard]] all_guard lock_all() { return all_guard(*this); }

 private:
  using shard = std::conditional_t<Padded, padded<Lock>, Lock>;
  static_assert(!Padded || sizeof(shard) % platform::cache_line == 0, "a shard must not share its line");

  alignas(platform::cache_line) std::array<shard, Shards> shards_{};
};

using sharded_mutex = basic_sharded_mutex<adaptive_mutex>;
using sharded_mutex_unpadded = basic_sharded_mutex<adaptive_mutex, 64, false>;

static_assert(any_lock<sharded_mutex> && keyed_lock<sharded_mutex> && any_lock<sharded_mutex_unpadded>);
static_assert(sizeof(sharded_mutex) == 64 * platform::cache_line);
static_assert(sizeof(sharded_mutex_unpadded) == 64 * sizeof(adaptive_mutex));

}  // namespace contend
