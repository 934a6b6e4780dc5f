// SPDX-License-Identifier: MIT
// Epoch-based reclamation: readers announce the epoch they entered in; what is retired waits two epochs.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <optional>

#include "../detail/domain_core.hpp"

namespace contend {

/// Epoch-based reclamation for any data structure: read inside a section, unlink, retire.
/// Entering a section is wait-free and costs one seq_cst store; leaving costs a release store. A reader that stays
/// inside keeps everything that is retired meanwhile: the backlog grows to its limit, then updaters wait.
/// Source: Fraser 2004, Practical lock-freedom, section 5.2.3. Deviations: epochs are 64-bit numbers in place of 3, so
/// that an object carries its own and one list does; no fences (see stamp()).
/// `GraceEpochs` is 2 by proof; tests show that 1 is not enough.
///
/// Why 2: with the epoch at g, a reader inside announced g or g−1, for the epoch does not move past g while anybody
/// announces g−1. It can hold what was unlinked in epoch g−1 or later. So what was stamped g−2 is nobody's.
template <unsigned GraceEpochs>
class basic_epoch_domain : public detail::domain_core<basic_epoch_domain<GraceEpochs>, std::atomic<std::uint64_t>> {
  using core = detail::domain_core<basic_epoch_domain, std::atomic<std::uint64_t>>;

 public:
  using typename core::reader;

  explicit basic_epoch_domain(reclaim_limits limits = {}) : core(std::move(limits)) {}

  /// A read-side section, from construction to destruction. Sections of one reader nest.
  class [[nodiscard]] section {
   public:
    section(basic_epoch_domain& domain, reader& by) noexcept : by_(by) {
      if (by.depth_++ != 0) return;
      const std::uint64_t now = domain.epoch_.load(std::memory_order_relaxed);
      // [inside] -> advance(): seq_cst, and so is the load below. Litmus SB: either advance() sees this announcement,
      // or the load below sees its epoch, and with it ([epoch]) all that was unlinked before. With less, neither.
      by.slot_->hot.store(now << 1 | 1, std::memory_order_seq_cst);
      // [epoch] <- advance(), stamp(): what was unlinked in an earlier epoch is out of sight for the loads that follow.
      (void)domain.epoch_.load(std::memory_order_seq_cst);
    }
    section(const section&) = delete;
    section& operator=(const section&) = delete;
    ~section() {
      // [outside] -> advance(): our reads of the objects happen before they are freed.
      if (--by_.depth_ == 0) by_.slot_->hot.store(0, std::memory_order_release);
    }

    /// The object that `source` points to, alive until the section ends. Whoever put the pointer there must have done
    /// so with release: [publish] -> here.
    template <class N>
    [[nodiscard]] N* protect(const std::atomic<N*>& source) const noexcept {
      return source.load(std::memory_order_acquire);  // [publish] <- above: the object's content
    }

   private:
    reader& by_;
  };

  /// A reader outside of its sections holds nothing: these do nothing.
  void quiescent(reader&) noexcept {}
  void offline(reader&) noexcept {}
  void online(reader&) noexcept {}

 private:
  friend core;
  using slot = typename core::slot;

  void joined(reader&) noexcept {}
  void left(reader&) noexcept {}
  bool suspend(reader&) noexcept { return false; }
  void resume(reader&, bool) noexcept {}

  // The epoch, read by a read-modify-write: it comes before the next advance in the word's modification order, so the
  // advance reads from it, and whoever sees the next epoch sees what the caller unlinked. A load would not do that.
  std::uint64_t stamp() noexcept {
    return epoch_.fetch_add(0, std::memory_order_acq_rel);  // [epoch] -> section()
  }

  void advance() noexcept {
    // [epoch] <- stamp(), and seq_cst: before the announcements are read (litmus SB, see section).
    std::uint64_t now = epoch_.load(std::memory_order_seq_cst);
    bool behind = false;
    core::readers().for_each([&](slot& each) {
      // [inside] <- section(), [outside] <- ~section()
      const std::uint64_t announced = each.hot.load(std::memory_order_seq_cst);
      behind = behind || ((announced & 1) != 0 && announced >> 1 != now);
    });
    // [epoch] -> section(), scan(): seq_cst, for it stands between two scans in the one order (litmus SB).
    if (!behind) epoch_.compare_exchange_strong(now, now + 1, std::memory_order_seq_cst);
  }

  auto scan() noexcept {
    // [epoch] <- advance(): the reads of all who left happen before what we free.
    const std::uint64_t now = epoch_.load(std::memory_order_acquire);
    return [now](const void*, std::uint64_t stamp) { return stamp + GraceEpochs <= now; };
  }

  bool settled(std::uint64_t stamp) noexcept {
    // [epoch] <- advance(): as in scan(), for the caller of synchronize()
    return epoch_.load(std::memory_order_acquire) >= stamp + GraceEpochs;
  }

  std::optional<detail::obstacle> obstacle_of(slot& each) noexcept {
    const std::uint64_t announced = each.hot.load(std::memory_order_relaxed);
    if ((announced & 1) == 0 || announced >> 1 == epoch_.load(std::memory_order_relaxed)) return std::nullopt;
    return detail::obstacle{announced, announced >> 1};
  }

  // epoch_: moves by one in advance(), when no reader announces another. A slot's `hot`: epoch << 1 | 1 inside, 0 out.
  alignas(platform::cache_line) std::atomic<std::uint64_t> epoch_{1};
};

using epoch_domain = basic_epoch_domain<2>;

}  // namespace contend
