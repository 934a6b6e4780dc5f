// SPDX-License-Identifier: MIT
// Hazard pointers: a reader announces the very object it holds, and only that object stays.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "../detail/domain_core.hpp"

namespace contend {

/// Hazard pointers for any data structure. Each section protects one object; sections of a reader nest up to
/// `hazards_per_reader` deep. Bounded by construction: a stalled reader keeps the objects that it protects and nothing
/// else, so retirement never waits for it as long as the backlog's limit is above readers × hazards in use.
/// Protecting is lock-free (it retries when the source changed) and costs one seq_cst store per try.
/// Pointers are compared by address: retire the same pointer type that was protected. Unlink with seq_cst.
/// Source: Michael 2004, Hazard pointers: safe memory reclamation for lock-free objects, section 3.
class hazard_domain
    : public detail::domain_core<hazard_domain, std::array<std::atomic<const void*>,
                                                           platform::cache_line / sizeof(std::atomic<const void*>)>> {
 public:
  static constexpr unsigned hazards_per_reader = platform::cache_line / sizeof(std::atomic<const void*>);

 private:
  using core = detail::domain_core<hazard_domain, std::array<std::atomic<const void*>, hazards_per_reader>>;

 public:
  using core::reader;

  explicit hazard_domain(reclaim_limits limits = {}) : core(std::move(limits)) {
    held_.reserve(std::size_t{this->limits().readers} * hazards_per_reader);  // so that scan() cannot fail
  }

  /// Protects at most one object, from protect() to its destruction.
  class [[nodiscard]] section {
   public:
    section(hazard_domain&, reader& by) noexcept : by_(by), hazard_(next_hazard(by)) {}
    section(const section&) = delete;
    section& operator=(const section&) = delete;
    ~section() {
      // [free] -> scan(): our reads of the object happen before it is freed.
      hazard_.store(nullptr, std::memory_order_release);
      --by_.depth_;
    }

    /// The object that `source` points to, alive until the section ends or protect() is called again. Whoever unlinks
    /// it must do so with seq_cst: [unlink] -> here.
    template <class N>
    [[nodiscard]] N* protect(const std::atomic<N*>& source) noexcept {
      N* expected = source.load(std::memory_order_relaxed);
      for (;;) {
        // [hazard] -> scan(): seq_cst. Litmus SB: either scan() sees the hazard, or the load below sees that the
        // object was unlinked. With less, neither, and the object is freed under our hands.
        hazard_.store(expected, std::memory_order_seq_cst);
        // [unlink] <- above: still linked, so not retired before the hazard was there; and the object's content.
        N* const found = source.load(std::memory_order_seq_cst);
        if (found == expected) return found;
        expected = found;
        platform::relax();
      }
    }

   private:
    static std::atomic<const void*>& next_hazard(reader& by) noexcept {
      assert(by.depth_ < hazards_per_reader && "sections nested too deep");
      return by.slot_->hot[by.depth_++];
    }
    reader& by_;
    std::atomic<const void*>& hazard_;
  };

  /// A reader outside of its sections holds nothing: these do nothing.
  void quiescent(reader&) noexcept {}
  void offline(reader&) noexcept {}
  void online(reader&) noexcept {}

 private:
  friend core;

  void joined(reader&) noexcept {}
  void left(reader&) noexcept {}
  bool suspend(reader&) noexcept { return false; }
  void resume(reader&, bool) noexcept {}
  void advance() noexcept {}
  bool settled(std::uint64_t) noexcept { return true; }  // objects are waited for one by one

  // A running number; it orders nothing.
  std::uint64_t stamp() noexcept { return retired_.fetch_add(1, std::memory_order_relaxed) + 1; }

  // Called by one thread at a time, the collector, to which held_ belongs.
  auto scan() noexcept {
    held_.clear();
    core::readers().for_each([&](slot& each) {
      for (const auto& hazard : each.hot) {
        // [hazard] <- protect(), [free] <- ~section(): seq_cst, after the unlinking in the one order (litmus SB).
        const void* const held = hazard.load(std::memory_order_seq_cst);
        if (held != nullptr) held_.push_back(held);
      }
    });
    std::sort(held_.begin(), held_.end(), std::less<>{});
    return [this](const void* object, std::uint64_t) {
      return !std::binary_search(held_.begin(), held_.end(), object, std::less<>{});
    };
  }

  std::optional<detail::obstacle> obstacle_of(slot& each) noexcept {
    std::optional<std::uint64_t> oldest;
    for (const auto& hazard : each.hot) {
      const void* const held = hazard.load(std::memory_order_relaxed);
      if (held == nullptr) continue;
      const std::optional<std::uint64_t> stamp = core::waiting_objects().stamp_of(held);
      if (stamp && (!oldest || *stamp < *oldest)) oldest = stamp;
    }
    if (!oldest) return std::nullopt;
    return detail::obstacle{*oldest, *oldest};
  }

  // A slot's `hot`: the objects that its reader protects, null where none.
  alignas(platform::cache_line) std::atomic<std::uint64_t> retired_{0};
  std::vector<const void*> held_;
};

}  // namespace contend
