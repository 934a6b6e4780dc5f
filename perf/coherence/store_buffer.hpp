// SPDX-License-Identifier: MIT
// When the stores of a thread that are under way are done.
#pragma once

#include <cstddef>
#include <vector>

#include "machine.hpp"

namespace contend::coherence {

/// Kept in order; the stores of a thread mostly end as they began, so a new one goes to the end.
class store_buffer {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_ == times_.size(); }
  [[nodiscard]] std::size_t size() const noexcept { return times_.size() - first_; }
  [[nodiscard]] picoseconds earliest() const noexcept { return times_[first_]; }
  [[nodiscard]] picoseconds latest() const noexcept { return times_.back(); }
  void clear() noexcept {
    times_.clear();
    first_ = 0;
  }
  /// Forgets what is done by then.
  void forget_until(picoseconds now) noexcept {
    while (!empty() && earliest() <= now) ++first_;
    if (empty()) clear();
  }
  void add(picoseconds done) {
    if (first_ >= shift_at) {
      times_.erase(times_.begin(), times_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    std::size_t at = times_.size();
    times_.push_back(done);
    for (; at > first_ && times_[at - 1] > done; --at) times_[at] = times_[at - 1];
    times_[at] = done;
  }

 private:
  static constexpr std::size_t shift_at = 64;
  std::vector<picoseconds> times_;
  std::size_t first_ = 0;
};

}  // namespace contend::coherence
