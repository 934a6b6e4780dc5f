// SPDX-License-Identifier: MIT
// The readers of one domain: a slot of their own lines for each, claimed and given back without limit.
#pragma once

#include <atomic>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "../../platform.hpp"

namespace contend::detail {

/// One reader's slot. Its first line is the reader's: it writes `hot`, updaters read it. The second line is cold.
///
/// | field            | meaning                                      | who writes                                 |
/// | hot              | the domain's announcement (see the domain)   | the reader                                 |
/// | taken            | a reader holds the slot                      | register_thread(), the reader's destructor |
/// | thread           | platform::thread_index() of the registrant   | register_thread()                          |
/// | stuck_at         | announcement first found in the way, 0: none | whoever waits for readers                  |
/// | stuck_since_ns   | steady clock when it was found               | whoever waits for readers                  |
/// | reported         | announcement that on_stall was called for    | whoever waits for readers                  |
template <class Hot>
struct alignas(platform::cache_line) registry_slot {
  Hot hot{};
  alignas(platform::cache_line) std::atomic<bool> taken{false};
  std::atomic<unsigned> thread{0};
  std::atomic<std::uint64_t> stuck_at{0};
  std::atomic<std::int64_t> stuck_since_ns{0};
  std::atomic<std::uint64_t> reported{0};
};

/// Slots for at most `capacity` readers at a time.
template <class Hot>
class registry {
 public:
  using slot = registry_slot<Hot>;
  static_assert(sizeof(slot) == 2 * platform::cache_line, "a reader's line must not hold anything of another reader");

  explicit registry(unsigned capacity) : capacity_(capacity), slots_(std::make_unique<slot[]>(capacity)) {}

  /// Takes a free slot. Lock-free. Throws std::runtime_error when all are taken.
  slot& claim() {
    const unsigned thread = platform::thread_index();
    for (unsigned i = 0; i < capacity_; ++i) {
      slot& candidate = slots_[i];
      // [slot] <- release(): without acquire the last owner's announcements could land after ours.
      if (candidate.taken.load(std::memory_order_relaxed) || candidate.taken.exchange(true, std::memory_order_acquire))
        continue;
      candidate.thread.store(thread, std::memory_order_relaxed);
      unsigned seen = used_.load(std::memory_order_relaxed);
      // [used] -> for_each(): seq_cst because the raise comes before the reader's first announcement in the one order
      // of all seq_cst accesses, so that a scan that must see the announcement also looks at the slot (litmus SB).
      while (seen < i + 1 && !used_.compare_exchange_weak(seen, i + 1, std::memory_order_seq_cst)) platform::relax();
      return candidate;
    }
    throw std::runtime_error("contend: all " + std::to_string(capacity_) + " reader slots of this domain are taken");
  }

  void release(slot& used) noexcept {
    used.taken.store(false, std::memory_order_release);  // [slot] -> claim()
  }

  /// Calls visit(slot&) for every slot that was ever claimed.
  template <class Visit>
  void for_each(Visit visit) {
    // [used] <- claim(): read before the slots; with less than seq_cst a new reader could be overlooked (litmus SB).
    const unsigned used = used_.load(std::memory_order_seq_cst);
    for (unsigned i = 0; i < used; ++i) visit(slots_[i]);
  }

  [[nodiscard]] bool was_empty() {
    bool empty = true;
    for_each([&](slot& each) { empty = empty && !each.taken.load(std::memory_order_relaxed); });
    return empty;
  }

 private:
  const unsigned capacity_;
  const std::unique_ptr<slot[]> slots_;
  std::atomic<unsigned> used_{0};  // slots below it were claimed at least once; never falls
};

}  // namespace contend::detail
