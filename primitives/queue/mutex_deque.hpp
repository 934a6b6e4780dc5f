// SPDX-License-Identifier: MIT
// std::deque under std::mutex with two condition variables: the queue that everybody writes first.
#pragma once

#include <cassert>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "queue.hpp"

namespace contend {

/// A bounded queue of T behind one mutex; waiting sides park on a condition variable each.
/// Blocking, barging; fifo. Any threads may overlap. try_* are not weak: false means full (empty) at that moment.
/// Memory effect: a push synchronises with the pop that takes its item. Source: Monitors, Hoare 1974, section 3.
template <class T>
class mutex_deque {
 public:
  static constexpr contend::facts facts{.name = "mutex_deque",
                                        .summary = "std::deque under std::mutex, condition variables to wait on",
                                        .admits = admission::barging,
                                        .waits = waiting::park,
                                        .step = rung::mutex,
                                        .baseline = true,
                                        .source = "Hoare 1974, Monitors, section 3",
                                        .delivers = delivery::fifo,
                                        .bounded = true};
  static constexpr queue_sides sides{};

  /// Room for `capacity` items (≥ 1). Allocates as it fills: push may throw std::bad_alloc and then took nothing.
  explicit mutex_deque(std::size_t capacity) : capacity_(capacity) { assert(capacity >= 1); }
  mutex_deque(const mutex_deque&) = delete;
  mutex_deque& operator=(const mutex_deque&) = delete;

  /// True when v was taken; false when full or closed, and v is as it was.
  [[nodiscard]] bool try_push(T&& v) {
    {
      const std::lock_guard<std::mutex> held(mutex_);
      if (closed_ || items_.size() >= capacity_) return false;
      items_.push_back(std::move(v));
    }
    not_empty_.notify_one();
    return true;
  }

  /// True when the oldest item was moved to out; false when empty.
  [[nodiscard]] bool try_pop(T& out) {
    {
      const std::lock_guard<std::mutex> held(mutex_);
      if (items_.empty()) return false;
      take(out);
    }
    not_full_.notify_one();
    return true;
  }

  /// Waits while full. True when v was taken; false once closed, and v is as it was.
  [[nodiscard]] bool push(T&& v) {
    {
      std::unique_lock<std::mutex> held(mutex_);
      not_full_.wait(held, [&] { return closed_ || items_.size() < capacity_; });
      if (closed_) return false;
      items_.push_back(std::move(v));
    }
    not_empty_.notify_one();
    return true;
  }

  /// Waits while empty. True when the oldest item was moved to out; false once closed and drained.
  [[nodiscard]] bool pop(T& out) {
    {
      std::unique_lock<std::mutex> held(mutex_);
      not_empty_.wait(held, [&] { return closed_ || !items_.empty(); });
      if (items_.empty()) return false;
      take(out);
    }
    not_full_.notify_one();
    return true;
  }

  /// No item is taken from now on; all waiters wake. Idempotent.
  void close() {
    {
      const std::lock_guard<std::mutex> held(mutex_);
      closed_ = true;
    }
    not_empty_.notify_all();
    not_full_.notify_all();
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  void take(T& out) {
    out = std::move(items_.front());
    items_.pop_front();
  }

  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable not_empty_;
  std::condition_variable not_full_;
  std::deque<T> items_;
  bool closed_ = false;
};

}  // namespace contend
