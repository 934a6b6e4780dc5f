// SPDX-License-Identifier: MIT
// The array with a sequence number per slot that bounded_mpmc is, and that blocking_bounded waits around.
#pragma once

#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "../platform.hpp"

namespace contend::detail {

/// Vyukov's bounded MPMC queue. Positions count pushes and pops from 0 and never wrap (2^62 of them); position p uses
/// slot p mod capacity. A slot's sequence number says whose turn it is:
///
///   sequence            meaning                                        who changes it, to what
///   2p                  free for the push of position p                that push, to 2p + 1
///   2p + 1              holds the item of position p                   that pop, to 2 (p + capacity)
///
/// Two numbers per position, so that one slot is enough: with the original's p and p + 1 "holds the item of p" and
/// "free for p + 1" are the same number when the capacity is 1, and a push overwrites. The comparisons are of signed
/// differences: an unsigned one is never negative, so full and empty would never be seen and both sides would spin.
///
/// close() sets bit 62 of the tail: a closed tail agrees with no sequence number, so it costs an open queue nothing.
///
/// Not lock-free: a thread that stalls between its claim and its sequence store makes later items look absent, or the
/// ring look full, although no call ever waits for it.
/// Source: Vyukov, "Bounded MPMC queue", 1024cores.net, 2010. Deviations: above; any capacity, not only powers of two;
/// a slot's item is destroyed as it is popped; slots have cache lines of their own.
template <class T>
class sequenced_ring {
  static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
                    std::is_nothrow_destructible_v<T>,
                "a claimed slot must be filled and emptied without fail: T's moves and destructor may not throw");

 public:
  enum class pushed { taken, full, closed };
  enum class popped { taken, empty };
  enum class at_head { item, nothing, drained };

  explicit sequenced_ring(std::size_t capacity)
      : capacity_(capacity),
        mask_(std::has_single_bit(capacity) ? capacity - 1 : 0),
        slots_(std::make_unique<slot[]>(capacity)) {
    assert(capacity >= 1);
    for (std::size_t i = 0; i < capacity; ++i) slots_[i].sequence.store(2 * i, std::memory_order_relaxed);
  }

  ~sequenced_ring() {
    for (std::uint64_t p = head_.load(std::memory_order_relaxed);
         at(p).sequence.load(std::memory_order_relaxed) == 2 * p + 1; ++p) {
      std::destroy_at(std::addressof(at(p).item));
      at(p).sequence.store(0, std::memory_order_relaxed);
    }
  }
  sequenced_ring(const sequenced_ring&) = delete;
  sequenced_ring& operator=(const sequenced_ring&) = delete;

  pushed try_push(T&& v) noexcept {
    for (std::uint64_t position = tail_.load(std::memory_order_relaxed);;) {
      slot& mine = at(position);
      // [free] <- try_pop(): without acquire the item could be built before the last one was moved out.
      const std::int64_t ahead = difference(mine.sequence.load(std::memory_order_acquire), 2 * position);
      if (ahead == 0) {
        if (tail_.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) {
          std::construct_at(std::addressof(mine.item), std::move(v));
          mine.sequence.store(2 * position + 1, std::memory_order_release);  // [item] -> try_pop(), head()
          return pushed::taken;
        }
      } else {
        if ((position & closed_bit) != 0) return pushed::closed;
        if (ahead < 0) return pushed::full;
        position = tail_.load(std::memory_order_relaxed);
      }
      platform::relax();  // another push won this position
    }
  }

  popped try_pop(T& out) noexcept {
    for (std::uint64_t position = head_.load(std::memory_order_relaxed);;) {
      slot& mine = at(position);
      // [item] <- try_push(): without acquire the item could be read before it is written.
      const std::int64_t ahead = difference(mine.sequence.load(std::memory_order_acquire), 2 * position + 1);
      if (ahead == 0) {
        if (head_.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) {
          out = std::move(mine.item);
          std::destroy_at(std::addressof(mine.item));
          mine.sequence.store(2 * (position + capacity_),
                              std::memory_order_release);  // [free] -> try_push(), has_room()
          return popped::taken;
        }
      } else if (ahead < 0) {
        return popped::empty;
      } else {
        position = head_.load(std::memory_order_relaxed);
      }
      platform::relax();  // another pop won this position
    }
  }

  /// What a pop would find. `drained` (closed, and every position ever claimed was popped) is final.
  at_head head() const noexcept {
    for (;;) {
      const std::uint64_t position = head_.load(std::memory_order_relaxed);
      // [item] <- try_push(): as in try_pop()
      const std::int64_t ahead = difference(at(position).sequence.load(std::memory_order_acquire), 2 * position + 1);
      if (ahead == 0) return at_head::item;
      // [closed] <- close(): what the closing thread did before is visible to who finds the queue drained.
      if (ahead < 0)
        return tail_.load(std::memory_order_acquire) == (position | closed_bit) ? at_head::drained : at_head::nothing;
      platform::relax();
    }
  }

  /// Whether a push would find a free slot, or be told that the ring is closed.
  bool has_room() const noexcept {
    const std::uint64_t position = tail_.load(std::memory_order_relaxed);
    // [free] <- try_pop(): as in try_push()
    return (position & closed_bit) != 0 ||
           difference(at(position).sequence.load(std::memory_order_acquire), 2 * position) >= 0;
  }

  /// Every later try_push returns `closed`. Idempotent.
  void close() noexcept { tail_.fetch_or(closed_bit, std::memory_order_release); }  // [closed] -> head()

  std::size_t capacity() const noexcept { return capacity_; }

 private:
  static constexpr std::uint64_t closed_bit = std::uint64_t{1} << 62;

  struct alignas(platform::cache_line) slot {
    slot() noexcept {}
    ~slot() {}
    std::atomic<std::uint64_t> sequence{0};
    union {
      T item;  // alive while sequence is odd
    };
  };
  static_assert(sizeof(slot) % platform::cache_line == 0, "neighbouring slots must not share a line");

  static std::int64_t difference(std::uint64_t sequence, std::uint64_t expected) noexcept {
    return static_cast<std::int64_t>(sequence - expected);
  }
  slot& at(std::uint64_t position) const noexcept {
    return slots_[mask_ != 0 ? position & mask_ : position % capacity_];
  }

  const std::size_t capacity_;
  const std::size_t mask_;  // capacity - 1 where that is a power of two above 1, else 0: spares the division
  const std::unique_ptr<slot[]> slots_;
  alignas(platform::cache_line) std::atomic<std::uint64_t> tail_{0};  // next position to push, and closed_bit
  alignas(platform::cache_line) std::atomic<std::uint64_t> head_{0};  // next position to pop
};

}  // namespace contend::detail
