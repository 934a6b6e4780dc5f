// SPDX-License-Identifier: MIT
// An integer under a mutex: what an atomic word replaces.
#pragma once

#include <mutex>

#include "../platform.hpp"
#include "atomic.hpp"

namespace contend {

/// Adds to a plain integer under a std::mutex on the same line. Blocking, barging; any threads may overlap.
class alignas(platform::cache_line) mutex_integer {
 public:
  static constexpr contend::facts facts{.name = "mutex_integer",
                                        .summary = "an integer under one std::mutex",
                                        .admits = admission::barging,
                                        .waits = waiting::park,
                                        .step = rung::mutex,
                                        .baseline = true,
                                        .source = "C++11 [thread.mutex.class]"};
  static constexpr word_effect effect = word_effect::add;

  explicit mutex_integer(std::uint64_t initial) : value_(initial) {}
  std::uint64_t operate(std::uint64_t value) noexcept {
    const std::lock_guard held(mutex_);
    const std::uint64_t before = value_;
    value_ += value;
    return before;
  }
  [[nodiscard]] std::uint64_t value() {
    const std::lock_guard held(mutex_);
    return value_;
  }

 private:
  std::mutex mutex_;
  std::uint64_t value_;
};

}  // namespace contend
