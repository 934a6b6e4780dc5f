// SPDX-License-Identifier: MIT
// Baseline: a value behind one std::shared_mutex.
#pragma once

#include <shared_mutex>

#include "detail/locked_published.hpp"
#include "rcu.hpp"

namespace contend {

/// Readers share, writers exclude. Blocking; who waits longer depends on the library (glibc prefers readers).
template <class T>
class shared_mutex_published
    : public detail::locked_published<T, std::shared_mutex, std::shared_lock<std::shared_mutex>> {
 public:
  static constexpr contend::facts facts{.name = "shared_mutex",
                                        .summary = "one std::shared_mutex, shared by readers",
                                        .admits = admission::reader_first,
                                        .waits = waiting::park,
                                        .step = rung::shared_mutex,
                                        .baseline = true,
                                        .source = "C++ standard, [thread.sharedmutex.class]"};
  using detail::locked_published<T, std::shared_mutex, std::shared_lock<std::shared_mutex>>::locked_published;
};

}  // namespace contend
