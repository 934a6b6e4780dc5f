// SPDX-License-Identifier: MIT
// The states that shared cache lines are in. Lines in the same state have the same object, and what an access makes of
// a state is worked out once and looked up afterwards: a line that threads fight for is in few states, again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core_views.hpp"
#include "machine.hpp"
#include "shared_values.hpp"

namespace contend::coherence {

enum class access_kind : std::uint8_t { load, store, rmw };

/// Bytes [offset, offset + size) of a line; size 0: more than one such part.
struct line_part {
  std::uint8_t offset = 0;
  std::uint8_t size = 0;
  static line_part of(unsigned first, unsigned count) noexcept {
    return {static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(count)};
  }
  [[nodiscard]] byte_mask mask() const noexcept { return byte_mask::of(offset, size); }
  bool operator==(const line_part&) const = default;
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
  explicit line_states(coherence_protocol protocol);

  /// The one object of a state.
  const known_state& intern(const line_state& state) { return states_.intern(state); }
  /// A second core comes to a line that `first` alone has touched.
  const known_state& of_second_user(unsigned first);
  /// A core without a copy asks for one.
  const known_state& asked(const known_state& from, unsigned core);
  /// A core has of the line what it takes, and uses it.
  const known_state& used(const known_state& from, unsigned core, access_kind kind, line_part part);
  /// The core gets the line. `part`: `bytes`, if they are in one part.
  line_change granted(const known_state& from, unsigned core, access_kind kind, line_part part, const byte_mask& bytes);

  /// As of shared_values.
  [[nodiscard]] bool crowded() const noexcept { return states_.crowded(); }
  void clear_marks() noexcept { states_.clear_marks(); }
  void mark(const known_state& one) noexcept { states_.mark(one); }
  void forget_unmarked(std::size_t spare);

  [[nodiscard]] std::size_t size() const noexcept { return states_.size(); }
  [[nodiscard]] std::size_t bytes_used() const noexcept;

 private:
  /// What comes of a state, a core, a kind and a part, in a word each.
  struct answer {
    std::uint64_t question = 0;
    std::uint64_t change = 0;
  };
  line_change work_out(const known_state& from, unsigned core, access_kind kind, const byte_mask& bytes);
  [[nodiscard]] const answer* answered(std::uint64_t question) const noexcept;
  line_change remember(std::uint64_t question, const line_change& change);
  [[nodiscard]] line_change unpacked(std::uint64_t word) const noexcept;

  const coherence_protocol protocol_;
  shared_values<line_state> states_;
  std::vector<answer> answers_;  // a power of two, the later one stays
  std::size_t displaced_ = 0;
};

}  // namespace contend::coherence
