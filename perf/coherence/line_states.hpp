// SPDX-License-Identifier: MIT
// The states that shared cache lines are in. Lines in the same state have the same object, and what an access makes of
// a state is worked out once and looked up afterwards: a line that threads fight for is in few states, again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "answers.hpp"
#include "core_views.hpp"
#include "machine.hpp"
#include "shared_values.hpp"

namespace contend::coherence {

enum class access_kind : std::uint8_t { load, store, rmw };

/// Which core accesses what of a line, in a word: bytes [offset, offset + size), or, size being 0, several such parts.
class core_access {
 public:
  core_access() = default;  ///< nobody's: equal to no access
  core_access(unsigned core, access_kind kind, unsigned offset, unsigned size) noexcept
      : word_(core << 24 | offset << 16 | size << 8 | static_cast<unsigned>(kind) << 2) {}
  [[nodiscard]] unsigned core() const noexcept { return word_ >> 24; }
  [[nodiscard]] access_kind kind() const noexcept { return static_cast<access_kind>(word_ >> 2 & 3); }
  [[nodiscard]] bool in_one_part() const noexcept { return (word_ & 0xff00) != 0; }
  /// Of one in one part.
  [[nodiscard]] byte_mask bytes() const noexcept { return byte_mask::of(word_ >> 16 & 0xff, word_ >> 8 & 0xff); }
  /// With more bytes, in another part.
  [[nodiscard]] core_access in_parts() const noexcept { return {core(), kind(), 0, 0}; }
  /// Its two lowest bits are 0.
  [[nodiscard]] std::uint32_t word() const noexcept { return word_; }
  bool operator==(const core_access&) const = default;

 private:
  std::uint32_t word_ = 0;
};

/// Of a line that more than one core has touched all that decides what the next access to it does. Never changed.
struct line_state {
  static constexpr std::uint16_t nobody = 0xffff;
  std::uint16_t owner = nobody;     ///< has it exclusively
  std::uint16_t owned_by = nobody;  ///< MOESI: wrote it, has a copy beside others, and serves the readers
  bool dirty = false;               ///< memory is behind what the owner, of either kind, has
  byte_mask written;                ///< by the owner since it became the owner
  core_views views;
  bool operator==(const line_state&) const = default;
  [[nodiscard]] std::uint64_t hash() const noexcept;
  [[nodiscard]] std::size_t bytes_used() const noexcept { return views.bytes_used(); }
};
using known_state = shared_values<line_state>::known;

/// What comes of a state, in a word, as it is remembered: the number of the state that follows, and what else there is
/// to say below it.
class of_state {
 public:
  explicit constexpr of_state(std::uint64_t word) noexcept : word_(word) {}
  /// The number of the state that the line is in then.
  [[nodiscard]] std::uint32_t to() const noexcept { return static_cast<std::uint32_t>(word_ >> 32); }
  [[nodiscard]] std::uint64_t word() const noexcept { return word_; }
  bool operator==(const of_state&) const = default;

 protected:
  of_state(std::uint32_t to, unsigned number, std::initializer_list<bool> bits) noexcept
      : word_(std::uint64_t{to} << 32 | std::uint64_t{number} << 8) {
    unsigned at = 0;
    for (const bool one : bits) word_ |= std::uint64_t{one} << at++;
  }
  [[nodiscard]] constexpr std::uint64_t bit(unsigned which) const noexcept { return word_ >> which & 1; }
  [[nodiscard]] unsigned number() const noexcept { return static_cast<unsigned>(word_ >> 8 & 0xff); }

 private:
  std::uint64_t word_;
};

/// What it comes to that a core wants to access a line.
class line_use : public of_state {
 public:
  using of_state::of_state;
  line_use(std::uint32_t to, bool hit, bool has_copy, bool served, unsigned other) noexcept
      : of_state(to, other, {hit, has_copy, served}) {}
  /// The core has of the line what it takes, and uses it.
  [[nodiscard]] bool hit() const noexcept { return bit(0) != 0; }
  /// It has a copy at least.
  [[nodiscard]] bool has_copy() const noexcept { return bit(1) != 0; }
  /// MOESI: the core that wrote the line serves this reader.
  [[nodiscard]] bool served() const noexcept { return bit(2) != 0; }
  /// Which core it gets the line from, or has to tell, if nobody is served before; itself: none.
  [[nodiscard]] unsigned other() const noexcept { return number(); }
};

/// What it comes to that a core gets a line. Each of these is 0 or 1, but for the copies.
class line_change : public of_state {
 public:
  using of_state::of_state;
  enum class sharing : std::uint8_t { none, with_true, with_false };
  line_change(std::uint32_t to, bool transferred, bool upgraded, bool written_back, sharing because,
              unsigned invalidated) noexcept
      : of_state(to, invalidated,
                 {transferred, upgraded, written_back, because == sharing::with_true, because == sharing::with_false}) {
  }
  /// The data came from another core.
  [[nodiscard]] constexpr std::uint64_t transferred() const noexcept { return bit(0); }
  /// It had a copy and became the owner.
  [[nodiscard]] constexpr std::uint64_t upgraded() const noexcept { return bit(1); }
  /// MESI: memory got what was written.
  [[nodiscard]] constexpr std::uint64_t written_back() const noexcept { return bit(2); }
  [[nodiscard]] constexpr std::uint64_t true_sharing() const noexcept { return bit(3); }
  [[nodiscard]] constexpr std::uint64_t false_sharing() const noexcept { return bit(4); }
  /// Copies that other cores lost.
  [[nodiscard]] std::uint64_t invalidated() const noexcept { return number(); }
  static constexpr unsigned kinds = 32;
  /// All of these but the copies, as a number below `kinds`.
  [[nodiscard]] unsigned kind() const noexcept { return static_cast<unsigned>(word()) % kinds; }
  static constexpr line_change of_kind(unsigned kind) noexcept { return line_change(kind); }
};

/// All states that lines have been in.
class line_states {
 public:
  /// `cores`: how many take part.
  line_states(const machine& m, unsigned cores);

  /// The one object of a state.
  const known_state& intern(const line_state& state) { return states_.intern(state); }
  /// A second core comes to a line that `first` alone has touched.
  const known_state& of_second_user(unsigned first);
  [[nodiscard]] const known_state& at(std::uint32_t number) const noexcept { return states_.at(number); }
  /// An access in one part is to be made of a line in the state with a number.
  line_use use(std::uint32_t from, core_access what) {
    const std::uint64_t question = question_of(from, what, about::use);
    if (const std::uint64_t* const known = answers_.find(question)) return line_use(*known);
    const line_use fresh = work_out_use(at(from), what);
    answers_.remember(question, fresh.word());
    return fresh;
  }
  /// Its core gets the line. `bytes`: of an access that is not in one part.
  line_change granted(std::uint32_t from, core_access what, const byte_mask& bytes) {
    if (!what.in_one_part()) return work_out(at(from), what, bytes);
    const std::uint64_t question = question_of(from, what, about::granted);
    if (const std::uint64_t* const known = answers_.find(question)) return line_change(*known);
    const line_change fresh = work_out(at(from), what, what.bytes());
    answers_.remember(question, fresh.word());
    return fresh;
  }

  /// As of shared_values.
  [[nodiscard]] bool crowded() const noexcept { return states_.crowded(); }
  void clear_marks() noexcept { states_.clear_marks(); }
  void mark(std::uint32_t number) noexcept { states_.mark(number); }
  void forget_unmarked(std::size_t spare);

  [[nodiscard]] std::size_t size() const noexcept { return states_.size(); }
  [[nodiscard]] std::size_t bytes_used() const noexcept { return states_.bytes_used() + answers_.bytes_used(); }

 private:
  enum class about : std::uint8_t { use, granted };
  static std::uint64_t question_of(std::uint32_t from, core_access what, about which) noexcept {
    return std::uint64_t{from} << 32 | what.word() | static_cast<std::uint64_t>(which);
  }
  line_use work_out_use(const known_state& from, core_access what);
  line_change work_out(const known_state& from, core_access what, const byte_mask& bytes);
  /// A miss on a line on which nothing is under way.
  [[nodiscard]] line_use missed(const known_state& from, core_access what, std::uint32_t to) const;

  const machine& machine_;
  const unsigned cores_;
  shared_values<line_state> states_;
  answers answers_{4096};
};

}  // namespace contend::coherence
