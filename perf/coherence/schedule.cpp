// SPDX-License-Identifier: MIT
// See schedule.hpp.
#include "schedule.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <stdexcept>

namespace contend::coherence {

scheduler::scheduler(const schedule_options& options, unsigned threads) : kind_(options.kind), draws_(options.seed) {
  if (kind_ == schedule_kind::varied || kind_ == schedule_kind::jitter) {
    for (unsigned i = 0; i < threads; ++i) of_thread_.emplace_back(options.seed, i);
  } else if (kind_ == schedule_kind::random) {
    // Some bugs want a switch at every access, others a thread that is left behind for long.
    stretch_ = std::uint64_t{1} << 2 * draws_.below(4);
  } else if (kind_ == schedule_kind::pct) {
    if (options.depth == 0) throw std::invalid_argument("depth: 0 is no depth of a bug; expected 1 or more");
    priority_.resize(threads);
    std::iota(priority_.begin(), priority_.end(), std::int64_t{options.depth});
    for (std::size_t i = threads; i > 1; --i) std::swap(priority_[i - 1], priority_[draws_.below(i)]);
    for (unsigned i = 1; i < options.depth; ++i)
      change_points_.push_back(1 + draws_.below(std::max<std::uint64_t>(options.length, 1)));
    std::sort(change_points_.begin(), change_points_.end(), std::greater<>());
  }
}

picoseconds scheduler::delay(unsigned thread) noexcept {
  // Mostly none, often about a hit, at times as long as a hand-over, and once in a while an interrupt.
  const std::uint64_t draw = of_thread_[thread].next();
  const std::uint64_t size = draw >> 32;
  switch (draw % 64) {
    case 0:
      return size % 2'000'000;
    case 1:
    case 2:
    case 3:
      return size % 100'000;
    default:
      return draw % 64 < 20 ? size % 2'000 : 0;
  }
}

void scheduler::step(unsigned thread, std::uint64_t address, bool load) noexcept {
  if (kind_ != schedule_kind::pct) return;
  ++steps_;
  while (!change_points_.empty() && change_points_.back() <= steps_) {
    priority_[thread] = static_cast<std::int64_t>(change_points_.size());
    change_points_.pop_back();
    look_again_ = true;
  }
  repeated_ = load && address == last_loaded_ ? repeated_ + 1 : 0;
  last_loaded_ = load ? address : 0;
  if (repeated_ >= patience || ++in_a_row_ >= slice) spun(thread);
}

void scheduler::spun(unsigned thread) noexcept {
  if (kind_ != schedule_kind::pct) return;
  priority_[thread] = --lowest_;
  look_again_ = true;
}

unsigned scheduler::next(unsigned thread, bool can_go_on, const std::vector<unsigned>& others) noexcept {
  if (kind_ == schedule_kind::random) {
    if (can_go_on && !draws_.one_in(stretch_)) return thread;
    const std::uint64_t drawn = draws_.below(others.size() + can_go_on);
    return drawn == others.size() ? thread : others[drawn];
  }
  if (can_go_on && !look_again_) return thread;
  look_again_ = false;
  unsigned best = can_go_on ? thread : others.front();
  for (const unsigned other : others)
    if (priority_[other] > priority_[best]) best = other;
  if (best != thread) {
    in_a_row_ = 0;
    last_loaded_ = 0;
  }
  return best;
}

}  // namespace contend::coherence
