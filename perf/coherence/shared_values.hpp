// SPDX-License-Identifier: MIT
// Values that many lines have alike, each kept once.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace contend::coherence {

/// The hash of what `sum` is of, and a word more.
inline std::uint64_t hash_step(std::uint64_t sum, std::uint64_t word) noexcept {
  return (std::rotl(sum, 23) ^ word) * 0x9E3779B97F4A7C15U;
}

/// A table of values that are never changed, so that equal ones can be one object. Which of them are still needed its
/// user knows: when it is crowded(), clear_marks(), mark() what is, forget_unmarked(). T has ==, hash() and
/// bytes_used(), which is what it has allocated.
template <class T>
class shared_values {
 public:
  struct known : T {
    std::uint32_t number = 0;
    bool in_use = false;  ///< while those that are not are looked for
    known(const T& value, std::uint32_t at) : T(value), number(at) {}
  };

  shared_values() : places_(4 * least_spare) {}
  shared_values(const shared_values&) = delete;
  shared_values& operator=(const shared_values&) = delete;

  /// The one object of a value; it stays where it is until it is forgotten.
  const known& intern(const T& value) {
    if (2 * (size_ + 1) > places_.size()) enter_all(2 * places_.size());
    const std::size_t at = place_of(value);
    if (places_[at] != 0) return *all_[places_[at] - 1];
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint32_t>(all_.size()));
      all_.emplace_back();
    }
    const std::uint32_t number = free_.back();
    all_[number] = std::make_unique<known>(value, number);
    free_.pop_back();
    places_[at] = number + 1;
    ++size_;
    return *all_[number];
  }
  [[nodiscard]] const known& at(std::uint32_t number) const noexcept { return *all_[number]; }

  [[nodiscard]] bool crowded() const noexcept { return size_ >= limit_; }
  void clear_marks() noexcept {
    for (const auto& one : all_)
      if (one) one->in_use = false;
  }
  void mark(std::uint32_t number) noexcept { all_[number]->in_use = true; }
  /// Then as many as `spare` may come before it is crowded again.
  void forget_unmarked(std::size_t spare) {
    for (auto& one : all_)
      if (one && !one->in_use) {
        free_.push_back(one->number);
        one.reset();
        --size_;
      }
    enter_all(places_.size());
    limit_ = size_ + std::max(least_spare, spare);
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t bytes_used() const noexcept {
    std::size_t sum = all_.capacity() * sizeof(all_[0]) + free_.capacity() * sizeof(free_[0]) +
                      places_.capacity() * sizeof(places_[0]);
    for (const auto& one : all_)
      if (one) sum += sizeof(known) + one->bytes_used();
    return sum;
  }

 private:
  static constexpr std::size_t least_spare = 256;
  [[nodiscard]] std::size_t place_of(const T& value) const {
    const std::size_t mask = places_.size() - 1;
    std::size_t at = (value.hash() >> 17) & mask;
    while (places_[at] != 0 && !(static_cast<const T&>(*all_[places_[at] - 1]) == value)) at = (at + 1) & mask;
    return at;
  }
  void enter_all(std::size_t places) {
    places_.assign(places, 0);
    for (const auto& one : all_)
      if (one) places_[place_of(*one)] = one->number + 1;
  }

  std::vector<std::unique_ptr<known>> all_;  // by number; nullptr: the number is free
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> places_;  // open addressing, a power of two; number + 1, or 0
  std::size_t size_ = 0;
  std::size_t limit_ = least_spare;
};

}  // namespace contend::coherence
