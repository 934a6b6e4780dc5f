// SPDX-License-Identifier: MIT
// Queues that are wrong in one place each, to show that the checks would see it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "primitives/platform.hpp"
#include "primitives/queue/michael_scott.hpp"
#include "primitives/queue/sequenced_ring.hpp"

namespace contend::twins {

struct spins_for_ever : std::runtime_error {
  spins_for_ever() : std::runtime_error("no end in sight") {}
};

/// Counts the turns of a loop that may have no end, and throws when there were too many.
class turns {
 public:
  void one_more() {
    if (++count_ == 10'000) throw spins_for_ever();
  }

 private:
  int count_ = 0;
};

/// Vyukov's ring with one number per position, as usually written. The flags break it.
enum class ring_defect {
  none_above_capacity_1,    ///< with one slot "full" and "free for the next" are the same number: a push overwrites
  publishes_before_writing  ///< the sequence number is stored before the item
};

template <class T, ring_defect Defect>
class textbook_ring {
 public:
  explicit textbook_ring(std::size_t capacity) : slots_(capacity) {
    for (std::size_t i = 0; i < capacity; ++i) slots_[i].sequence.store(i);
  }
  bool try_push(T&& v) {
    turns bound;
    for (std::uint64_t p = tail_.load();; bound.one_more()) {
      slot& mine = slots_[p % slots_.size()];
      const auto ahead = static_cast<std::int64_t>(mine.sequence.load() - p);
      if (ahead == 0) {
        if (!tail_.compare_exchange_weak(p, p + 1)) continue;
        if constexpr (Defect == ring_defect::publishes_before_writing) {
          mine.sequence.store(p + 1);
          mine.item = std::move(v);
        } else {
          mine.item = std::move(v);
          mine.sequence.store(p + 1);
        }
        return true;
      }
      if (ahead < 0) return false;
      p = tail_.load();
    }
  }
  bool try_pop(T& out) {
    turns bound;
    for (std::uint64_t p = head_.load();; bound.one_more()) {
      slot& mine = slots_[p % slots_.size()];
      const auto ahead = static_cast<std::int64_t>(mine.sequence.load() - (p + 1));
      if (ahead == 0) {
        if (!head_.compare_exchange_weak(p, p + 1)) continue;
        out = std::move(mine.item);
        mine.sequence.store(p + slots_.size());
        return true;
      }
      if (ahead < 0) return false;
      p = head_.load();
    }
  }

 private:
  struct slot {
    std::atomic<std::uint64_t> sequence{0};
    T item{};
  };
  std::vector<slot> slots_;
  std::atomic<std::uint64_t> tail_{0};
  std::atomic<std::uint64_t> head_{0};
};

/// The full and the empty test ask whether an unsigned difference is negative: it never is.
template <class T>
class unsigned_difference_ring {
 public:
  explicit unsigned_difference_ring(std::size_t capacity) : slots_(capacity) {
    for (std::size_t i = 0; i < capacity; ++i) slots_[i].sequence.store(2 * i);
  }
  bool try_push(T&& v) {
    for (turns bound;; bound.one_more()) {
      std::uint64_t p = tail_.load();
      slot& mine = slots_[p % slots_.size()];
      const std::uint64_t ahead = mine.sequence.load() - 2 * p;
      if (ahead == 0 && tail_.compare_exchange_weak(p, p + 1)) {
        mine.item = std::move(v);
        mine.sequence.store(2 * p + 1);
        return true;
      }
      if (negative(ahead)) return false;
    }
  }
  bool try_pop(T& out) {
    for (turns bound;; bound.one_more()) {
      std::uint64_t p = head_.load();
      slot& mine = slots_[p % slots_.size()];
      const std::uint64_t ahead = mine.sequence.load() - (2 * p + 1);
      if (ahead == 0 && head_.compare_exchange_weak(p, p + 1)) {
        out = std::move(mine.item);
        mine.sequence.store(2 * (p + slots_.size()));
        return true;
      }
      if (negative(ahead)) return false;
    }
  }

 private:
  template <class N>
  static bool negative(N n) {
    return n < N{};
  }
  struct slot {
    std::atomic<std::uint64_t> sequence{0};
    T item{};
  };
  std::vector<slot> slots_;
  std::atomic<std::uint64_t> tail_{0};
  std::atomic<std::uint64_t> head_{0};
};

/// Waits as blocking_bounded does, but does not look again between announcing itself and parking.
template <class T>
class lost_wake_up_queue {
 public:
  explicit lost_wake_up_queue(std::size_t capacity) : ring_(capacity) {}
  bool push(T&& v) {
    for (;;) {
      switch (ring_.try_push(std::move(v))) {
        case ring::pushed::taken:
          wake(poppers_);
          return true;
        case ring::pushed::closed:
          return false;
        case ring::pushed::full:
          sleep(pushers_);
      }
    }
  }
  bool pop(T& out) {
    while (ring_.try_pop(out) != ring::popped::taken) {
      if (ring_.head() == ring::at_head::drained) return false;
      sleep(poppers_);
    }
    wake(pushers_);
    return true;
  }
  void close() {
    ring_.close();
    ended_.store(true);
    wake(pushers_);
    wake(poppers_);
  }

 private:
  using ring = detail::sequenced_ring<T>;
  struct event {
    std::atomic<std::uint32_t> waiting{0};
    std::atomic<std::uint32_t> wakes{0};
  };
  void sleep(event& on) {
    on.waiting.fetch_add(1);
    const std::uint32_t seen = on.wakes.load();
    if (!ended_.load()) platform::park(on.wakes, seen);
    on.waiting.fetch_sub(1);
  }
  static void wake(event& of) {
    if (of.waiting.load() == 0) return;
    of.wakes.fetch_add(1);
    platform::wake_all(of.wakes);
  }
  ring ring_;
  std::atomic<bool> ended_{false};
  event pushers_;
  event poppers_;
};

enum class list_defect {
  recycles_unemptied,  ///< the next pop gives the node back although its item may not have been moved out yet
  untagged             ///< nothing tells a recycled node from itself one life before
};

/// Michael and Scott's queue as in the paper's figure 1, with sequentially consistent accesses.
template <class T, list_defect Defect>
class textbook_list {
 public:
  explicit textbook_list(std::size_t) : nodes_(1) {
    const std::uint32_t dummy = nodes_.take();
    nodes_[dummy].holds.store(1);
    head_.store(dummy);
    tail_.store(dummy);
  }
  bool try_push(T&& v) {
    const std::uint32_t mine = nodes_.take();
    node& filled = nodes_[mine];
    filled.item = std::move(v);
    filled.holds.store(2);
    filled.next.store(pool::successor(filled.next.load(), 0));
    for (turns bound;; bound.one_more()) {
      link last = tail_.load();
      node& end = nodes_[pool::index_of(last)];
      link next = end.next.load();
      if (last != tail_.load()) continue;
      if (pool::index_of(next) != 0) {
        tail_.compare_exchange_strong(last, pool::successor(last, pool::index_of(next)));
      } else if (end.next.compare_exchange_strong(next, pool::successor(next, mine))) {
        tail_.compare_exchange_strong(last, pool::successor(last, mine));
        return true;
      }
    }
  }
  bool try_pop(T& out) {
    for (turns bound;; bound.one_more()) {
      link first = head_.load();
      link last = tail_.load();
      const link next = nodes_[pool::index_of(first)].next.load();
      if (first != head_.load()) continue;
      if (pool::index_of(first) == pool::index_of(last)) {
        if (pool::index_of(next) == 0) return false;
        tail_.compare_exchange_strong(last, pool::successor(last, pool::index_of(next)));
      } else if (head_.compare_exchange_strong(first, pool::successor(first, pool::index_of(next)))) {
        out = std::move(nodes_[pool::index_of(next)].item);
        if constexpr (Defect == list_defect::recycles_unemptied) {
          nodes_.give(pool::index_of(first));
        } else {
          let_go(pool::index_of(next));
          let_go(pool::index_of(first));
        }
        return true;
      }
    }
  }

 private:
  struct node {
    std::atomic<std::uint64_t> next{0};
    std::atomic<std::uint32_t> holds{0};
    std::atomic<std::uint32_t> below{0};
    T item{};
  };
  using pool = detail::node_pool<node, Defect == list_defect::untagged ? 0 : 36>;
  using link = typename pool::link;
  void let_go(std::uint32_t index) {
    if (nodes_[index].holds.fetch_sub(1) == 1) nodes_.give(index);
  }
  pool nodes_;
  std::atomic<link> head_{0};
  std::atomic<link> tail_{0};
};

}  // namespace contend::twins
