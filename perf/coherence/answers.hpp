// SPDX-License-Identifier: MIT
// What was worked out once and is asked again and again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace contend::coherence {

/// Answers to questions, a word each. Of two that belong to one place the later one stays.
class answers {
 public:
  /// Room for `most` of them in the end; a power of two.
  explicit answers(std::size_t most) : most_(most), known_(std::min(least, most)), mask_(known_.size() - 1) {}
  /// The answer to a question, which is not 0, or nullptr.
  [[nodiscard]] const std::uint64_t* find(std::uint64_t question) const noexcept {
    const entry& one = known_[place_of(question)];
    return one.question == question ? &one.answer : nullptr;
  }
  void remember(std::uint64_t question, std::uint64_t answer) {
    if (displaced_ > known_.size() && known_.size() < most_) {
      known_.assign(2 * known_.size(), {});
      mask_ = known_.size() - 1;
      displaced_ = 0;
    }
    entry& place = known_[place_of(question)];
    displaced_ += place.question != 0;
    place = {question, answer};
  }
  void forget_all() noexcept { std::fill(known_.begin(), known_.end(), entry{}); }
  [[nodiscard]] std::size_t bytes_used() const noexcept { return known_.capacity() * sizeof(entry); }

 private:
  struct entry {
    std::uint64_t question = 0;
    std::uint64_t answer = 0;
  };
  static constexpr std::size_t least = 256;
  [[nodiscard]] std::size_t place_of(std::uint64_t question) const noexcept {
    return (question * 0x9E3779B97F4A7C15U >> 40) & mask_;
  }
  std::size_t most_;
  std::vector<entry> known_;
  std::size_t mask_;  // its size, less 1
  std::size_t displaced_ = 0;
};

}  // namespace contend::coherence
