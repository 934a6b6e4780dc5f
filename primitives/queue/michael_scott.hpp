// SPDX-License-Identifier: MIT
// Unbounded linked queue of Michael and Scott, with the paper's own reclamation: counted indices into a node pool.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "../platform.hpp"
#include "queue.hpp"

namespace contend {
namespace detail {

/// Nodes that are never given back to the allocator before the pool ends, named by an index from 1 to 2^28 - 1 (0 is
/// no node). So a thread that was left behind reads a node that was reused, never memory that is not a node.
///
/// A `link` is one word: the index of a node, and above it a tag that is raised at every change, so that a CAS fails
/// when the word was changed in between, even back to the same node. The tag wraps: a thread would have to be left
/// behind for exactly a multiple of 2^TagBits changes of one word (36
/// bits are minutes of nothing else; fewer are for tests).
template <class Node, unsigned TagBits>
class node_pool {
 public:
  using link = std::uint64_t;
  static constexpr unsigned index_bits = 28;

  static constexpr std::uint32_t index_of(link word) noexcept {
    return static_cast<std::uint32_t>(word & ((link{1} << index_bits) - 1));
  }
  /// The word that replaces `old` and names `index`.
  static constexpr link successor(link old, std::uint32_t index) noexcept {
    constexpr link tags = TagBits == 0 ? 0 : ((link{1} << TagBits) - 1) << index_bits;
    return ((old + (link{1} << index_bits)) & tags) | index;
  }

  /// Nodes come in segments, the first of about `expected` nodes, each later one as large as all before it.
  explicit node_pool(std::size_t expected)
      : first_bits_(static_cast<unsigned>(std::bit_width(std::clamp<std::size_t>(expected, 63, 65'535)))) {
    segments_[0].store(new Node[std::size_t{1} << first_bits_], std::memory_order_relaxed);
  }
  ~node_pool() {
    for (auto& segment : segments_) delete[] segment.load(std::memory_order_relaxed);
  }
  node_pool(const node_pool&) = delete;
  node_pool& operator=(const node_pool&) = delete;

  Node& operator[](std::uint32_t index) const noexcept {
    const auto [segment, offset] = locate(index);
    // [segment] <- grow(): without acquire the node could be read before it was made.
    return segments_[segment].load(std::memory_order_acquire)[offset];
  }

  /// A free node, or 0 when memory or the indices are exhausted. Lock-free but for the allocator.
  std::uint32_t take() noexcept {
    // [returned] <- give(): without acquire the last owner's accesses could come after ours.
    link top = free_.load(std::memory_order_acquire);
    while (index_of(top) != 0) {
      const std::uint32_t below =
          (*this)[index_of(top)].below.load(std::memory_order_relaxed);  // stale if the CAS fails
      // [returned] <- give(): as above
      if (free_.compare_exchange_weak(top, successor(top, below), std::memory_order_acquire, std::memory_order_acquire))
        return index_of(top);
      platform::relax();
    }
    std::uint32_t fresh = fresh_.load(std::memory_order_relaxed);
    do {
      if (fresh >> index_bits != 0 || !grow(fresh)) return 0;
    } while (!fresh_.compare_exchange_weak(fresh, fresh + 1, std::memory_order_relaxed));
    return fresh;
  }

  /// Gives back a node that take() returned. Lock-free.
  void give(std::uint32_t index) noexcept {
    link top = free_.load(std::memory_order_relaxed);
    for (;;) {
      (*this)[index].below.store(index_of(top), std::memory_order_relaxed);
      // [returned] -> take()
      if (free_.compare_exchange_weak(top, successor(top, index), std::memory_order_release, std::memory_order_relaxed))
        return;
      platform::relax();
    }
  }

 private:
  struct place {
    unsigned segment;
    std::size_t offset;
  };
  place locate(std::uint32_t index) const noexcept {
    const auto segment = static_cast<unsigned>(std::bit_width(index >> first_bits_));
    return {segment, segment == 0 ? index : index - (std::size_t{1} << (first_bits_ + segment - 1))};
  }

  bool grow(std::uint32_t index) noexcept {
    auto& segment = segments_[locate(index).segment];
    // [segment] <- grow(): another thread's segment is as good.
    Node* present = segment.load(std::memory_order_acquire);
    if (present != nullptr) return true;
    Node* const made = new (std::nothrow) Node[std::size_t{1} << (first_bits_ + locate(index).segment - 1)];
    if (made == nullptr) return false;
    // [segment] -> operator[](), grow()
    if (!segment.compare_exchange_strong(present, made, std::memory_order_release, std::memory_order_relaxed))
      delete[] made;
    return true;
  }

  const unsigned first_bits_;
  std::atomic<Node*> segments_[index_bits] = {};
  alignas(platform::cache_line) std::atomic<link> free_{0};
  alignas(platform::cache_line) std::atomic<std::uint32_t> fresh_{1};  // the lowest index never taken
};

}  // namespace detail

/// An unbounded queue of T; fifo, lock-free (but for the allocator when the pool grows). Any threads may overlap; not
/// weak. Memory is kept until the queue ends: as many nodes, of whole cache lines, as were ever in use at once.
/// Memory effect: a push synchronises with the pop that takes its item.
/// Source: Michael and Scott 1996, "Simple, Fast, and Practical Non-Blocking and Blocking Concurrent Queue Algorithms",
/// figure 1. Deviations: 64-bit words of a 28-bit index and a 36-bit tag for pointer and count; the item is moved out
/// after the CAS, not copied before it, and `holds` keeps its node until then, so that any movable type will do.
template <class T>
class michael_scott {
  static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
                    std::is_nothrow_destructible_v<T>,
                "a claimed item must be moved out without fail: T's moves and destructor may not throw");

 public:
  static constexpr contend::facts facts{.name = "michael_scott",
                                        .summary = "unbounded linked list, nodes recycled under counted indices",
                                        .admits = admission::barging,
                                        .waits = waiting::retry,
                                        .guarantees = progress::lock_free,
                                        .step = rung::lock_free,
                                        .source = "Michael and Scott 1996, figure 1",
                                        .delivers = delivery::fifo};
  static constexpr queue_sides sides{};

  /// `expected` items (≥ 1) fit without a further allocation, within 63 and 65,535. Throws std::bad_alloc.
  explicit michael_scott(std::size_t expected) : nodes_(expected + 1) {
    assert(expected >= 1);
    const std::uint32_t dummy = nodes_.take();
    nodes_[dummy].holds.store(1, std::memory_order_relaxed);
    head_.store(dummy, std::memory_order_relaxed);
    tail_.store(dummy, std::memory_order_relaxed);
  }
  ~michael_scott() {
    for (auto at = next_of(pool::index_of(head_.load(std::memory_order_relaxed))); at != 0; at = next_of(at))
      std::destroy_at(std::addressof(nodes_[at].item));
  }
  michael_scott(const michael_scott&) = delete;
  michael_scott& operator=(const michael_scott&) = delete;

  /// True when v was taken; false when memory or the 2^28 nodes are exhausted, and v is as it was.
  [[nodiscard]] bool try_push(T&& v) noexcept {
    const std::uint32_t mine = nodes_.take();
    if (mine == 0) return false;
    node& filled = nodes_[mine];
    std::construct_at(std::addressof(filled.item), std::move(v));
    filled.holds.store(2, std::memory_order_relaxed);
    // [reused] -> try_push(), try_pop(): who reads this link of a reused node finds head and tail moved on.
    filled.next.store(pool::successor(filled.next.load(std::memory_order_relaxed), 0), std::memory_order_release);
    for (;;) {
      link last = tail_.load(std::memory_order_acquire);  // [tail] <- swing_tail(): the node it names is a node
      node& end = nodes_[pool::index_of(last)];
      // [reused] <- try_push(): see below; [linked] <- try_push(): so that helping publishes what it helps with
      link next = end.next.load(std::memory_order_acquire);
      if (last != tail_.load(std::memory_order_relaxed)) {  // then `next` may be a reused node's
        platform::relax();
        continue;
      }
      if (pool::index_of(next) != 0) {
        swing_tail(last, pool::index_of(next));
        continue;
      }
      // [linked] -> try_push(), try_pop()
      if (end.next.compare_exchange_strong(next, pool::successor(next, mine), std::memory_order_release,
                                           std::memory_order_relaxed)) {
        swing_tail(last, mine);
        return true;
      }
      platform::relax();
    }
  }

  /// True when the oldest item was moved to out; false when empty. The node keeps nothing of the item.
  [[nodiscard]] bool try_pop(T& out) noexcept {
    for (;;) {
      // [head] <- try_pop(): so that the tail read next is not behind this head.
      link first = head_.load(std::memory_order_acquire);
      link last = tail_.load(std::memory_order_acquire);  // [tail] <- swing_tail()
      // [linked] <- try_push(): without acquire the item could be read before it is written. [reused] <- try_push()
      const link next = nodes_[pool::index_of(first)].next.load(std::memory_order_acquire);
      if (first != head_.load(std::memory_order_relaxed)) {  // then `next` may be a reused node's
        platform::relax();
        continue;
      }
      if (pool::index_of(first) == pool::index_of(last)) {
        if (pool::index_of(next) == 0) return false;
        swing_tail(last, pool::index_of(next));
        continue;
      }
      // [head] -> try_pop()
      if (head_.compare_exchange_strong(first, pool::successor(first, pool::index_of(next)), std::memory_order_release,
                                        std::memory_order_relaxed)) {
        node& oldest = nodes_[pool::index_of(next)];  // the new dummy: ours to empty, and not reused before that
        out = std::move(oldest.item);
        std::destroy_at(std::addressof(oldest.item));
        let_go(pool::index_of(next));
        let_go(pool::index_of(first));
        return true;
      }
      platform::relax();
    }
  }

 private:
  /// A node leaves the queue when it was the dummy and head_ moves on; its item leaves one pop earlier, but the popping
  /// thread may be slower than the next one. Whoever is last of the two gives the node back.
  ///
  ///   holds   meaning                                     who changes it
  ///   2       linked (or about to be) and has its item    the pop of its item, or the pop that moves head_ past it: 1
  ///   1       linked as dummy, or unlinked with its item  the other of the two: gives it back
  struct alignas(platform::cache_line) node {
    node() noexcept {}
    ~node() {}
    std::atomic<std::uint64_t> next{0};
    std::atomic<std::uint32_t> holds{0};
    std::atomic<std::uint32_t> below{0};  // the free node under this one, while it is free
    union {
      T item;
    };
  };
  using pool = detail::node_pool<node, 36>;
  using link = typename pool::link;

  void swing_tail(link from, std::uint32_t to) noexcept {
    // [tail] -> try_push(), try_pop()
    tail_.compare_exchange_strong(from, pool::successor(from, to), std::memory_order_release,
                                  std::memory_order_relaxed);
  }

  void let_go(std::uint32_t index) noexcept {
    // [spent] -> let_go(), [spent] <- let_go(): the node is reused only after the other's last access to it.
    if (nodes_[index].holds.fetch_sub(1, std::memory_order_acq_rel) == 1) nodes_.give(index);
  }

  std::uint32_t next_of(std::uint32_t index) const noexcept {
    return pool::index_of(nodes_[index].next.load(std::memory_order_relaxed));
  }

  pool nodes_;
  alignas(platform::cache_line) std::atomic<link> head_{0};  // the dummy: its successor has the oldest item
  alignas(platform::cache_line) std::atomic<link> tail_{0};  // the last node, or one before it
};

}  // namespace contend
