// SPDX-License-Identifier: MIT
// Ring for one producer and one consumer, each of which remembers where it last saw the other.
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
#include "queue.hpp"

namespace contend {

/// A bounded queue of T for one pushing and one popping thread. Wait-free; fifo. Each side publishes how many items it
/// has passed on, and keeps a copy of the other's count that it renews only when the copy says full (empty): in the
/// steady state a line moves once per many items.
///
/// At most one thread pushes and one pops at a time; a side may pass to another thread if the hand-over synchronises.
/// Not weak. Memory effect: a push synchronises with the pop of its item, and that pop with the push that reuses the
/// slot. Source: Lamport 1983, "Specifying Concurrent Program Modules", section 3 (the ring); Lee, Bu and Chandranmenon
/// 2010 (MCRingBuffer), section 3 (the remembered counts). Deviation: no batched publication, so nothing is held back.
template <class T>
class spsc_ring {
  static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
                    std::is_nothrow_destructible_v<T>,
                "T's moves and destructor may not throw");

 public:
  static constexpr contend::facts facts{.name = "spsc_ring",
                                        .summary = "ring for one producer and one consumer with remembered counts",
                                        .guarantees = progress::wait_free,
                                        .step = rung::lock_free,
                                        .source = "Lamport 1983; Lee, Bu and Chandranmenon 2010, section 3",
                                        .delivers = delivery::fifo,
                                        .bounded = true};
  static constexpr queue_sides sides{.many_producers = false, .many_consumers = false};

  /// Room for exactly `capacity` items (≥ 1). Throws std::bad_alloc.
  explicit spsc_ring(std::size_t capacity)
      : capacity_(capacity), blocks_(std::make_unique<block[]>((capacity + per_block - 1) / per_block)) {
    assert(capacity >= 1);
  }
  ~spsc_ring() {
    while (consumer_.count.load(std::memory_order_relaxed) != producer_.count.load(std::memory_order_relaxed)) {
      std::destroy_at(item(consumer_.index));
      advance(consumer_, consumer_.count.load(std::memory_order_relaxed));
    }
  }
  spsc_ring(const spsc_ring&) = delete;
  spsc_ring& operator=(const spsc_ring&) = delete;

  /// The producer's. True when v was taken; false when full, and v is as it was.
  [[nodiscard]] bool try_push(T&& v) noexcept {
    const std::uint64_t pushed = producer_.count.load(std::memory_order_relaxed);
    if (pushed - producer_.others == capacity_) {
      // [popped] <- try_pop(): without acquire the item could be built before the last one was moved out.
      producer_.others = consumer_.count.load(std::memory_order_acquire);
      if (pushed - producer_.others == capacity_) return false;
    }
    std::construct_at(item(producer_.index), std::move(v));
    advance(producer_, pushed);  // [pushed] -> try_pop()
    return true;
  }

  /// The consumer's. True when the oldest item was moved to out; false when empty. The slot keeps nothing of the item.
  [[nodiscard]] bool try_pop(T& out) noexcept {
    const std::uint64_t popped = consumer_.count.load(std::memory_order_relaxed);
    if (popped == consumer_.others) {
      // [pushed] <- try_push(): without acquire the item could be read before it is written.
      consumer_.others = producer_.count.load(std::memory_order_acquire);
      if (popped == consumer_.others) return false;
    }
    T* const oldest = item(consumer_.index);
    out = std::move(*oldest);
    std::destroy_at(oldest);
    advance(consumer_, popped);  // [popped] -> try_push()
    return true;
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  // One line per side: only its owner writes it, the other side reads `count` now and then.
  struct alignas(platform::cache_line) side {
    std::atomic<std::uint64_t> count{0};  // items passed on so far; never wraps
    std::uint64_t others = 0;             // the other side's count, as last seen
    std::size_t index = 0;                // count mod capacity
  };
  static_assert(sizeof(side) == platform::cache_line, "the sides must not share a line");

  // No item straddles two lines that would fit into one.
  static constexpr std::size_t per_block =
      sizeof(T) < platform::cache_line ? std::bit_floor(platform::cache_line / sizeof(T)) : 1;
  struct alignas(alignof(T) > platform::cache_line ? alignof(T) : platform::cache_line) block {
    block() noexcept {}
    ~block() {}
    union {
      T items[per_block];
    };
  };

  T* item(std::size_t index) const noexcept { return &blocks_[index / per_block].items[index % per_block]; }
  void advance(side& mine, std::uint64_t count) noexcept {
    mine.index = mine.index + 1 == capacity_ ? 0 : mine.index + 1;
    mine.count.store(count + 1, std::memory_order_release);  // [pushed] -> try_pop(), [popped] -> try_push()
  }

  const std::size_t capacity_;
  const std::unique_ptr<block[]> blocks_;
  side producer_;
  side consumer_;
};

}  // namespace contend
