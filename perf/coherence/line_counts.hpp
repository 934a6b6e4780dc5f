// SPDX-License-Identifier: MIT
// What is counted of cache lines.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "line_states.hpp"

namespace contend::coherence {

/// What was counted of one line.
struct line_counts {
  std::uint64_t line_transfers = 0;  ///< a core got a line's data from another core
  std::uint64_t invalidations = 0;   ///< copies that other cores lost
  std::uint64_t upgrades = 0;        ///< a core that had a copy became the owner: no data travelled
  std::uint64_t write_backs = 0;     ///< MESI: a line that had been written was read by another core
  std::uint64_t true_sharing = 0;    ///< misses and upgrades on bytes that another core wrote, or reads
  std::uint64_t false_sharing = 0;   ///< the others: another part of the line was used by somebody else
  bool operator==(const line_counts&) const = default;
};

/// What was counted of all lines: how often each kind of change came.
class change_counts {
 public:
  void add(const line_change& change) noexcept {
    ++of_kind_[change.kind()];
    invalidations_ += change.invalidated();
  }
  [[nodiscard]] line_counts all() const noexcept {
    line_counts sum;
    sum.invalidations = invalidations_;
    for (unsigned kind = 0; kind < line_change::kinds; ++kind) {
      const line_change one = line_change::of_kind(kind);
      const std::uint64_t n = of_kind_[kind];
      sum.line_transfers += n * one.transferred();
      sum.upgrades += n * one.upgraded();
      sum.write_backs += n * one.written_back();
      sum.true_sharing += n * one.true_sharing();
      sum.false_sharing += n * one.false_sharing();
    }
    return sum;
  }

 private:
  std::array<std::uint64_t, line_change::kinds> of_kind_{};
  std::uint64_t invalidations_ = 0;
};

/// As lines keep them, there being many: two to a word, none beyond 2^31.
class small_line_counts {
 public:
  void add(const line_change& change) noexcept {
    const words& one = of_kind[change.kind()];
    transfers_ += one.transfers | change.invalidated() << 32;
    upgrades_ += one.upgrades;
    sharing_ += one.sharing;
    if (((transfers_ | upgrades_ | sharing_) & (stop | stop << 32)) != 0) [[unlikely]]
      for (std::uint64_t* both : {&transfers_, &upgrades_, &sharing_}) {
        if ((*both & stop) != 0) *both = (*both & ~low) | stop;
        if ((*both & stop << 32) != 0) *both = (*both & low) | stop << 32;
      }
  }
  [[nodiscard]] line_counts all() const noexcept {
    return {transfers_ & low, transfers_ >> 32, upgrades_ & low, upgrades_ >> 32, sharing_ & low, sharing_ >> 32};
  }

 private:
  struct words {
    std::uint64_t transfers;
    std::uint64_t upgrades;
    std::uint64_t sharing;
  };
  static constexpr auto of_kind = [] {
    std::array<words, line_change::kinds> out{};
    for (unsigned kind = 0; kind < line_change::kinds; ++kind) {
      const line_change one = line_change::of_kind(kind);
      out[kind] = {one.transferred(), one.upgraded() | one.written_back() << 32,
                   one.true_sharing() | one.false_sharing() << 32};
    }
    return out;
  }();
  static constexpr std::uint64_t low = 0xffffffff;
  static constexpr std::uint64_t stop = 0x80000000;
  std::uint64_t transfers_ = 0;  // and invalidations above
  std::uint64_t upgrades_ = 0;   // and write-backs
  std::uint64_t sharing_ = 0;    // true, and false
};

/// What threads did.
struct deed_counts {
  std::uint64_t accesses = 0;
  std::uint64_t failed_cas = 0;
  std::uint64_t spins = 0;
  std::uint64_t parks = 0;
};

/// Of all lines, over all cores.
struct event_counts : line_counts, deed_counts {};

/// What one place of the program had to wait for on a line.
struct site_counts {
  const void* from = nullptr;  ///< return address of its hook; nullptr: all places beyond the first max_sites
  access_kind kind = access_kind::load;
  std::uint64_t true_sharing = 0;
  std::uint64_t false_sharing = 0;
};
inline constexpr std::size_t max_sites = 64;

}  // namespace contend::coherence
