// SPDX-License-Identifier: MIT
// When the stores of a thread that are under way are done.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "machine.hpp"

namespace contend::coherence {

/// Kept in order; the stores of a thread mostly end as they began, so a new one goes to the end.
class store_buffer {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_ == end_; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - first_; }
  [[nodiscard]] picoseconds earliest() const noexcept { return times_[first_]; }
  [[nodiscard]] picoseconds latest() const noexcept { return times_[end_ - 1]; }
  void clear() noexcept { first_ = end_ = 0; }
  /// Forgets what is done by then.
  void forget_until(picoseconds now) noexcept {
    while (!empty() && earliest() <= now) ++first_;
    if (empty()) clear();
  }
  void add(picoseconds done) {
    if (end_ == times_.size()) [[unlikely]]
      make_room();
    std::size_t at = end_++;
    for (; at > first_ && times_[at - 1] > done; --at) times_[at] = times_[at - 1];
    times_[at] = done;
  }

 private:
  [[gnu::noinline]] void make_room() {
    if (2 * size() > times_.size()) times_.resize(2 * times_.size());
    if (first_ == 0) return;
    std::copy(times_.begin() + static_cast<std::ptrdiff_t>(first_), times_.begin() + static_cast<std::ptrdiff_t>(end_),
              times_.begin());
    end_ -= std::exchange(first_, 0);
  }
  std::vector<picoseconds> times_ = std::vector<picoseconds>(64);  // [first_, end_)
  std::size_t first_ = 0;
  std::size_t end_ = 0;
};

}  // namespace contend::coherence
