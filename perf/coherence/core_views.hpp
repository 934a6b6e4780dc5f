// SPDX-License-Identifier: MIT
// Who has seen what of a cache line. Cores that saw the same are kept as one group: a line that 128 cores fight for
// takes as little memory and time as one that two share.
#pragma once

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "machine.hpp"

namespace contend::coherence {

/// Cores of the model: those of the machine, and one for whoever starts and stops the others.
inline constexpr unsigned slots = max_cores + 1;
using core_set = std::bitset<slots>;

/// Which bytes of a line: bit i is byte i. Wide enough for lines of 128 bytes.
struct byte_mask {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  static byte_mask of(unsigned offset, unsigned size) noexcept {
    const std::uint64_t ones = size >= 64 ? ~0ULL : (1ULL << size) - 1;
    byte_mask out;
    if (offset >= 64) {
      if (offset < 128) out.high = ones << (offset - 64);
      return out;
    }
    out.low = ones << offset;
    if (const unsigned end = std::min(offset + size, 128U); end > 64)
      out.high = end == 128 ? ~0ULL : (1ULL << (end - 64)) - 1;
    return out;
  }
  [[nodiscard]] bool meets(const byte_mask& other) const noexcept {
    return ((low & other.low) | (high & other.high)) != 0;
  }
  [[nodiscard]] bool covers(const byte_mask& other) const noexcept {
    return ((other.low & ~low) | (other.high & ~high)) == 0;
  }
  byte_mask& operator|=(const byte_mask& other) noexcept {
    low |= other.low;
    high |= other.high;
    return *this;
  }
  bool operator==(const byte_mask&) const = default;
};

/// Which bytes of a line a core read and which it wrote. A read-modify-write does both.
struct byte_use {
  byte_mask read;
  byte_mask wrote;
  [[nodiscard]] bool covers(const byte_use& other) const noexcept {
    return read.covers(other.read) && wrote.covers(other.wrote);
  }
  bool operator==(const byte_use&) const = default;
};

/// For each core that asked for a line: whether it has a copy, which bytes of it it used since it got it, or which
/// bytes others wrote since it lost it.
class core_views {
 public:
  core_views() = default;  ///< nobody has one
  /// The first core that used the line has a copy, and what it did before the second one came is not known.
  explicit core_views(unsigned first);

  /// A core without a copy asks for one, maybe for the first time.
  void ask(unsigned core);
  /// A core that has a copy uses bytes of it.
  void use(unsigned core, const byte_mask& bytes);
  /// The owner wrote these bytes: news to all that have no copy.
  void tell_absent(const byte_mask& written);
  /// The core gets a copy beside those of others, and uses these bytes.
  void share(unsigned core, const byte_mask& bytes);
  /// The core gets the only copy; what it used of one that it had already, it has used.
  void take(unsigned core, const byte_mask& bytes);

  [[nodiscard]] const core_set& holders() const noexcept { return holders_; }
  /// Has a copy, had one, or waits for its first.
  [[nodiscard]] bool has_asked(unsigned core) const { return find(core) != nullptr; }
  /// Has had a copy before: the first one is a cold miss, not sharing.
  [[nodiscard]] bool has_had_copy(unsigned core) const;
  /// Whether others wrote any of these bytes since the core lost its copy.
  [[nodiscard]] bool are_news(unsigned core, const byte_mask& bytes) const;
  /// Whether another core that has a copy used any of these bytes.
  [[nodiscard]] bool used_by_others(unsigned core, const byte_mask& bytes) const;
  /// Whether another core has a copy of which it is not known what it used.
  [[nodiscard]] bool others_are_vague(unsigned core) const noexcept { return vague_ != no_core && vague_ != core; }
  /// Whether a core that has a copy has used all of these bytes of it already.
  [[nodiscard]] bool has_used(unsigned core, const byte_mask& bytes) const {
    for (const auto& g : groups_)
      if (g.who[core]) return g.bytes.covers(bytes);
    return false;
  }
  [[nodiscard]] std::size_t bytes_used() const noexcept { return groups_.capacity() * sizeof(group); }
  bool operator==(const core_views&) const = default;
  [[nodiscard]] std::uint64_t hash() const noexcept;

 private:
  static constexpr std::uint16_t no_core = 0xffff;
  enum class state : std::uint8_t { has_copy, lost_copy, never_had };
  /// Cores of one state with the same bytes: used, or written by others.
  struct group {
    byte_mask bytes;
    core_set who;
    state what;
    bool operator==(const group&) const = default;
  };
  [[nodiscard]] const group* find(unsigned core) const;
  void remove(unsigned core);
  void add(const core_set& who, state what, const byte_mask& bytes);
  void add(unsigned core, state what, const byte_mask& bytes);
  void merge_equal();

  core_set holders_;
  std::vector<group> groups_;  // no two alike, none empty
  std::uint16_t vague_ = no_core;
};

/// For each core which bytes it used, for the report.
class core_uses {
 public:
  void add(unsigned core, const byte_use& what);
  [[nodiscard]] bool covers(unsigned core, const byte_use& what) const {
    for (const auto& g : groups_)
      if (g.who[core]) return g.what.covers(what);
    return false;
  }
  [[nodiscard]] byte_use of(unsigned core) const;
  [[nodiscard]] std::size_t bytes_used() const noexcept { return groups_.capacity() * sizeof(group); }
  bool operator==(const core_uses&) const = default;
  [[nodiscard]] std::uint64_t hash() const noexcept;

 private:
  struct group {
    byte_use what;
    core_set who;
    bool operator==(const group&) const = default;
  };
  std::vector<group> groups_;
};

}  // namespace contend::coherence
