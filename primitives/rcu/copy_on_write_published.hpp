// SPDX-License-Identifier: MIT
// Copy-on-write pointer: the reference count is taken under a short std::mutex, the reading is done outside of it.
#pragma once

#include <memory>
#include <mutex>

#include "detail/shared_published.hpp"
#include "rcu.hpp"

namespace contend {

namespace detail {
template <class T>
class mutex_shared_cell {
 public:
  explicit mutex_shared_cell(std::shared_ptr<const T> first) noexcept : newest_(std::move(first)) {}

  [[nodiscard]] std::shared_ptr<const T> load() const {
    const std::lock_guard held(mutex_);
    return newest_;
  }
  bool replace(std::shared_ptr<const T>& expected, std::shared_ptr<const T>&& next) {
    const std::lock_guard held(mutex_);
    if (newest_ != expected) return false;
    newest_.swap(next);  // the old version dies with `next` or `expected`, outside of the lock
    return true;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> newest_;  // guarded by mutex_
};
}  // namespace detail

/// Readers lock for as long as it takes to copy a shared_ptr, and read outside of the lock; updaters copy, change and
/// swap. Against atomic_shared_ptr: the same two counted steps, but a reader that finds the lock taken parks in place
/// of spinning, so a pre-empted reader costs the others no processor time; it works with every library, and it is free
/// of the relaxed unlock described there. Blocking for a few instructions. Source: the copy-on-write idiom.
template <class T>
class copy_on_write_published : public detail::shared_published<T, detail::mutex_shared_cell<T>> {
 public:
  static constexpr contend::facts facts{.name = "copy_on_write",
                                        .summary = "shared_ptr copied under a short std::mutex, read outside of it",
                                        .admits = admission::barging,
                                        .waits = waiting::park,
                                        .step = rung::mutex,
                                        .source = "copy-on-write idiom"};
  using detail::shared_published<T, detail::mutex_shared_cell<T>>::shared_published;
};

}  // namespace contend
