// SPDX-License-Identifier: MIT
// Baseline: a value behind one std::mutex.
#pragma once

#include <mutex>

#include "detail/locked_published.hpp"
#include "rcu.hpp"

namespace contend {

/// Readers exclude each other and writers. Blocking.
template <class T>
class mutex_published : public detail::locked_published<T, std::mutex, std::lock_guard<std::mutex>> {
 public:
  static constexpr contend::facts facts{.name = "mutex",
                                        .summary = "one std::mutex around every read and every update",
                                        .admits = admission::barging,
                                        .waits = waiting::park,
                                        .step = rung::mutex,
                                        .baseline = true,
                                        .source = "C++ standard, [thread.mutex.class]"};
  using detail::locked_published<T, std::mutex, std::lock_guard<std::mutex>>::locked_published;
};

}  // namespace contend
