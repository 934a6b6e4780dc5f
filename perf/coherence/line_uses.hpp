// SPDX-License-Identifier: MIT
// Which bytes of shared lines their cores used, for the report; nothing that is simulated depends on it. Lines that
// were used alike have the same object.
#pragma once

#include <cstddef>
#include <cstdint>

#include "answers.hpp"
#include "core_views.hpp"
#include "line_states.hpp"
#include "shared_values.hpp"

namespace contend::coherence {

using known_uses = shared_values<core_uses>::known;

class line_uses {
 public:
  /// The number of nothing.
  std::uint32_t none() { return uses_.intern({}).number; }
  /// The number of what has been used after one more access, in one part.
  std::uint32_t after(std::uint32_t before, core_access what) {
    const std::uint64_t question = std::uint64_t{before} << 32 | what.word();
    if (const std::uint64_t* const known = answers_.find(question)) return static_cast<std::uint32_t>(*known);
    return work_out(uses_.at(before), what, question);
  }
  [[nodiscard]] const core_uses& at(std::uint32_t number) const noexcept { return uses_.at(number); }

  /// As of shared_values.
  [[nodiscard]] bool crowded() const noexcept { return uses_.crowded(); }
  void clear_marks() noexcept { uses_.clear_marks(); }
  void mark(std::uint32_t number) noexcept { uses_.mark(number); }
  void forget_unmarked(std::size_t spare) {
    uses_.forget_unmarked(spare);
    answers_.forget_all();
  }
  [[nodiscard]] std::size_t bytes_used() const noexcept { return uses_.bytes_used() + answers_.bytes_used(); }

 private:
  [[gnu::noinline]] std::uint32_t work_out(const known_uses& before, core_access what, std::uint64_t question) {
    byte_use use;
    if (what.kind() != access_kind::store) use.read = what.bytes();
    if (what.kind() != access_kind::load) use.wrote = what.bytes();
    const known_uses* out = &before;
    if (!before.covers(what.core(), use)) {
      core_uses all = before;
      all.add(what.core(), use);
      out = &uses_.intern(all);
    }
    answers_.remember(question, out->number);
    return out->number;
  }
  shared_values<core_uses> uses_;
  answers answers_{1024};
};

}  // namespace contend::coherence
