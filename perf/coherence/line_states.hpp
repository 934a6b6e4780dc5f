// SPDX-License-Identifier: MIT
// The states that shared cache lines are in. Lines in the same state have the same object, and what an access makes of
// a state is worked out once and looked up afterwards: a line that threads fight for is in few states, again and again.
#pragma once

#include <cstddef>
#include <cstdint>

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

/// What it comes to that a core wants to access a line.
struct line_use {
  const known_state* to = nullptr;
  bool hit = false;         ///< the core has of the line what it takes, and uses it
  bool has_copy = false;    ///< it has a copy at least
  bool served = false;      ///< MOESI: the core that wrote the line serves this reader
  std::uint8_t other = 0;   ///< which core it gets the line from, or has to tell, if nobody is served before; itself: none
};

/// What it comes to that a core gets a line.
struct line_change {
  enum class sharing : std::uint8_t { none, with_true, with_false };
  const known_state* to = nullptr;
  std::uint8_t invalidated = 0;  ///< copies that other cores lost
  bool transferred = false;      ///< the core got the data from another one
  bool upgraded = false;         ///< it had a copy and became the owner
  bool written_back = false;     ///< MESI: memory got what the owner had written
  sharing because = sharing::none;
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
  /// An access in one part is to be made.
  line_use use(const known_state& from, core_access what) {
    const std::uint64_t question = question_of(from, what, about::use);
    const std::uint64_t* const known = answers_.find(question);
    return known != nullptr ? unpacked_use(*known) : remember(question, work_out_use(from, what));
  }
  /// Its core gets the line. `bytes`: of an access that is not in one part.
  line_change granted(const known_state& from, core_access what, const byte_mask& bytes) {
    if (!what.in_one_part()) return work_out(from, what, bytes);
    const std::uint64_t question = question_of(from, what, about::granted);
    const std::uint64_t* const known = answers_.find(question);
    return known != nullptr ? unpacked_change(*known) : remember(question, work_out(from, what, what.bytes()));
  }

  /// As of shared_values.
  [[nodiscard]] bool crowded() const noexcept { return states_.crowded(); }
  void clear_marks() noexcept { states_.clear_marks(); }
  void mark(const known_state& one) noexcept { states_.mark(one); }
  void forget_unmarked(std::size_t spare);

  [[nodiscard]] std::size_t size() const noexcept { return states_.size(); }
  [[nodiscard]] std::size_t bytes_used() const noexcept { return states_.bytes_used() + answers_.bytes_used(); }

 private:
  enum class about : std::uint8_t { use, granted };
  static std::uint64_t question_of(const known_state& from, core_access what, about which) noexcept {
    return std::uint64_t{from.number} << 32 | what.word() | static_cast<std::uint64_t>(which);
  }
  line_use work_out_use(const known_state& from, core_access what);
  line_change work_out(const known_state& from, core_access what, const byte_mask& bytes);
  /// The core that serves a miss if nothing is under way, and whether it does so whatever is.
  void find_server(const line_state& from, core_access what, line_use& out) const;
  line_use remember(std::uint64_t question, const line_use& use);
  line_change remember(std::uint64_t question, const line_change& change);
  // An answer: the number of a state, and below it what else there is to say.
  [[nodiscard]] line_use unpacked_use(std::uint64_t word) const noexcept {
    line_use out;
    out.to = &states_.at(static_cast<std::uint32_t>(word >> 32));
    out.other = static_cast<std::uint8_t>(word >> 8);
    out.hit = (word & 1) != 0;
    out.has_copy = (word & 2) != 0;
    out.served = (word & 4) != 0;
    return out;
  }
  [[nodiscard]] line_change unpacked_change(std::uint64_t word) const noexcept {
    line_change out;
    out.to = &states_.at(static_cast<std::uint32_t>(word >> 32));
    out.invalidated = static_cast<std::uint8_t>(word >> 8);
    out.because = static_cast<line_change::sharing>(word >> 3 & 3);
    out.transferred = (word & 1) != 0;
    out.upgraded = (word & 2) != 0;
    out.written_back = (word & 4) != 0;
    return out;
  }

  const machine& machine_;
  const unsigned cores_;
  shared_values<line_state> states_;
  answers answers_{4096};
};

}  // namespace contend::coherence
