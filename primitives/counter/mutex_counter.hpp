// SPDX-License-Identifier: MIT
// One integer under one std::mutex: the counter that everybody writes first.
#pragma once

#include <mutex>

#include "../platform.hpp"
#include "counter.hpp"

namespace contend {

/// A mutex-guarded integer on a line of its own. Blocking, barging. Any threads may overlap, with any slots.
/// sum() is exact at the moment that it holds the mutex, so here it is a snapshot.
class mutex_counter {
 public:
  static constexpr contend::facts facts{.name = "mutex_counter",
                                        .summary = "one integer under one std::mutex",
                                        .admits = admission::barging,
                                        .waits = waiting::park,
                                        .step = rung::mutex,
                                        .baseline = true,
                                        .source = "C++11 [thread.mutex.class]"};

  /// `slots` is not used: all threads share the integer.
  explicit mutex_counter(unsigned /*slots*/) {}
  mutex_counter(const mutex_counter&) = delete;
  mutex_counter& operator=(const mutex_counter&) = delete;

  /// Adds n; `slot` is not used.
  void add(unsigned /*slot*/, std::uint64_t n) {
    const std::lock_guard<std::mutex> held(mutex_);
    total_ += n;
  }

  /// Everything added so far, modulo 2^64.
  [[nodiscard]] std::uint64_t sum() {
    const std::lock_guard<std::mutex> held(mutex_);
    return total_;
  }

 private:
  alignas(platform::cache_line) std::mutex mutex_;
  std::uint64_t total_ = 0;
};

}  // namespace contend
