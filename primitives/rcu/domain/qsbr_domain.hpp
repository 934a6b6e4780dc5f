// SPDX-License-Identifier: MIT
// Quiescent-state-based reclamation: reading costs nothing, and each reader says now and then that it holds nothing.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <limits>
#include <optional>

#include "../detail/domain_core.hpp"

namespace contend {

/// Quiescent-state-based reclamation for any data structure. A section is free: no store, no fence. In return every
/// registered reader must call quiescent() regularly, and go offline() before it blocks or stops: until it does, what
/// is retired stays, the backlog grows to its limit and updaters wait. quiescent() is wait-free: two loads, and a store
/// when something was retired since. A reader that waits in reserve() or synchronize() counts as offline.
/// Source: McKenney and Slingwine 1998, Read-copy update; Hart, McKenney, Brown and Walpole 2007, Performance of memory
/// reclamation for lockless synchronization, section 2.1. Deviations: no fences (see stamp() and online()).
class qsbr_domain : public detail::domain_core<qsbr_domain, std::atomic<std::uint64_t>> {
  using core = detail::domain_core<qsbr_domain, std::atomic<std::uint64_t>>;

 public:
  using core::reader;

  explicit qsbr_domain(reclaim_limits limits = {}) : core(std::move(limits)) {}

  /// A read-side section. It only checks, in debug builds, that the reader is online; references are in truth valid
  /// from one quiescent() of the reader to the next.
  class [[nodiscard]] section {
   public:
#ifdef NDEBUG
    section(qsbr_domain&, reader&) noexcept {}
#else
    section(qsbr_domain&, reader& by) noexcept : by_(by) {
      assert(by.slot_->hot.load(std::memory_order_relaxed) != 0 && "an offline reader reads");
      ++by_.depth_;
    }
    section(const section&) = delete;
    section& operator=(const section&) = delete;
    ~section() { --by_.depth_; }

   private:
    reader& by_;

   public:
#endif
    /// The object that `source` points to, alive until the reader's next quiescent(), offline() or end. Whoever put the
    /// pointer there must have done so with release: [publish] -> here.
    template <class N>
    [[nodiscard]] N* protect(const std::atomic<N*>& source) const noexcept {
      return source.load(std::memory_order_acquire);  // [publish] <- above: the object's content
    }
  };

  /// Says that the reader holds no reference now. Wait-free. Does nothing if the reader is offline.
  void quiescent(reader& by) noexcept {
    assert(by.depth_ == 0 && "quiescent() inside a section");
    auto& seen = by.slot_->hot;
    const std::uint64_t before = seen.load(std::memory_order_relaxed);
    // [retired] <- stamp(): what was unlinked up to this number is out of sight for the reads that follow.
    const std::uint64_t now = now_.load(std::memory_order_acquire);
    // [seen] -> oldest(): our reads of the objects happen before they are freed.
    if (before != 0 && before != now) seen.store(now, std::memory_order_release);
  }

  void offline(reader& by) noexcept {
    assert(by.depth_ == 0 && "offline() inside a section");
    by.slot_->hot.store(0, std::memory_order_release);  // [seen] -> oldest()
  }

  void online(reader& by) noexcept {
    const std::uint64_t before = now_.load(std::memory_order_relaxed);
    // [online] -> oldest(): seq_cst, and so is the load below. Litmus SB: either oldest() sees that this reader is
    // there, or the load below sees the number of every object that oldest() was asked for. With less, neither.
    by.slot_->hot.store(before, std::memory_order_seq_cst);
    // [retired] <- stamp(): those objects are out of sight for the reads that follow.
    (void)now_.load(std::memory_order_seq_cst);
  }

 private:
  friend core;

  void joined(reader& by) noexcept { online(by); }
  void left(reader& by) noexcept { offline(by); }
  bool suspend(reader& by) noexcept {
    const bool was_online = by.slot_->hot.load(std::memory_order_relaxed) != 0;
    if (was_online) offline(by);
    return was_online;
  }
  void resume(reader& by, bool was_online) noexcept {
    if (was_online) online(by);
  }

  // A number that a reader can only have seen after everything that the caller unlinked.
  std::uint64_t stamp() noexcept {
    // [retired] -> quiescent(), online(): seq_cst, for it comes before oldest() in the one order (litmus SB).
    return now_.fetch_add(1, std::memory_order_seq_cst) + 1;
  }

  void advance() noexcept {}

  auto scan() noexcept {
    return [oldest = oldest()](const void*, std::uint64_t stamp) { return stamp <= oldest; };
  }

  bool settled(std::uint64_t stamp) noexcept { return oldest() >= stamp; }

  // The number that every online reader has seen while it held nothing.
  std::uint64_t oldest() noexcept {
    std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
    core::readers().for_each([&](slot& each) {
      // [seen] <- quiescent(), offline(); [online] <- online(): with less a reader that came could be overlooked.
      const std::uint64_t seen = each.hot.load(std::memory_order_seq_cst);
      if (seen != 0 && seen < least) least = seen;
    });
    return least;
  }

  std::optional<detail::obstacle> obstacle_of(slot& each) noexcept {
    const std::uint64_t seen = each.hot.load(std::memory_order_relaxed);
    if (seen == 0 || seen >= now_.load(std::memory_order_relaxed)) return std::nullopt;
    return detail::obstacle{seen, seen};
  }

  // now_: number of the newest retirement; stamp() alone moves it. A slot's `hot`: the newest number that its reader
  // has seen while it held nothing, 0 while it is offline.
  alignas(platform::cache_line) std::atomic<std::uint64_t> now_{1};
};

}  // namespace contend
