// SPDX-License-Identifier: MIT
// Baseline: std::atomic<std::shared_ptr>, the standard library's answer.
#pragma once

#include <atomic>
#include <memory>

#include "detail/shared_published.hpp"
#include "rcu.hpp"

namespace contend {

namespace detail {
template <class T>
class atomic_shared_cell {
 public:
  explicit atomic_shared_cell(std::shared_ptr<const T> first) noexcept : newest_(std::move(first)) {}

  [[nodiscard]] std::shared_ptr<const T> load() const noexcept {
    return newest_.load(std::memory_order_acquire);  // [publish] <- replace(): the version's content
  }
  bool replace(std::shared_ptr<const T>& expected, std::shared_ptr<const T>&& next) noexcept {
    // [publish] -> load()
    return newest_.compare_exchange_strong(expected, std::move(next), std::memory_order_acq_rel,
                                           std::memory_order_acquire);
  }

 private:
  std::atomic<std::shared_ptr<const T>> newest_;
};
}  // namespace detail

/// Readers take and drop a reference count. In libstdc++ a load spins on a bit in the pointer while it adds the count,
/// so readers write the same two lines (the pointer's and the count's) and exclude each other for a few instructions;
/// a thread that is pre-empted there makes the others burn their time slices.
/// libstdc++ 12 gives that bit back with relaxed order after a load, which leaves the pointer it read unordered with
/// the next writer's plain store (seen by ThreadSanitizer; harmless on x86, where the unlock is a full barrier).
/// Source: C++20 standard, [util.smartptr.atomic.shared].
template <class T>
class atomic_shared_ptr_published : public detail::shared_published<T, detail::atomic_shared_cell<T>> {
 public:
  static constexpr contend::facts facts{.name = "atomic_shared_ptr",
                                        .summary = "std::atomic<std::shared_ptr>: readers take a reference count",
                                        .admits = admission::barging,
                                        .waits = waiting::spin,
                                        .step = rung::atomic,
                                        .baseline = true,
                                        .source = "C++20 standard, [util.smartptr.atomic.shared]"};
  using detail::shared_published<T, detail::atomic_shared_cell<T>>::shared_published;
};

}  // namespace contend
