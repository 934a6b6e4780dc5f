// SPDX-License-Identifier: MIT
// A published value behind a lock: one version, in place; readers hold the lock while they read.
#pragma once

#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

#include "reader_state.hpp"

namespace contend::detail {

/// Body of the lock baselines. `ReadLock` is the guard that a reader holds on `Mutex`. See the contract in ../rcu.hpp.
template <std::copyable T, class Mutex, class ReadLock>
class locked_published {
 public:
  using reader = unregistered_reader<T>;

  explicit locked_published(const T& initial) : value_(initial) {}

  [[nodiscard]] reader register_thread() noexcept { return {}; }

  /// Calls f(const T&) under the lock and returns its result by value. A nested read() uses the outer one's lock.
  template <class F>
  auto read(reader& by, F&& f) {
    if (by.inside() != nullptr) return f(*by.inside());
    const ReadLock held(mutex_);
    const typename reader::reading remembered(by, value_);
    return f(std::as_const(value_));
  }

  /// Copies the value, calls f(T&) on the copy outside of the lock, and assigns it if no other update came first;
  /// otherwise again, so f may be called more than once. Throws what f and copying throw; then nothing was published.
  template <updater_of<T> F>
  void update(reader& by, F&& f) {
    assert(by.inside() == nullptr && "update() inside read() waits for itself");
    if (by.draft() != nullptr) return f(*by.draft());  // an update inside an update's callback joins it
    for (;;) {
      auto [draft, number] = newest();
      {
        const typename reader::drafting remembered(by, draft);
        f(draft);
      }
      const std::lock_guard held(mutex_);
      if (number_ != number) continue;
      value_ = std::move(draft);
      ++number_;
      return;
    }
  }

  void quiescent(reader&) noexcept {}
  /// Nothing is retired: the old version is overwritten when no reader is inside.
  void synchronize(reader& by) noexcept {
    assert(by.inside() == nullptr && "synchronize() inside read() waits for itself");
    (void)by;
  }
  [[nodiscard]] std::size_t backlog() const noexcept { return 0; }

 private:
  std::pair<T, std::uint64_t> newest() {
    const ReadLock held(mutex_);
    return {value_, number_};
  }

  Mutex mutex_;
  T value_;                   // guarded by mutex_
  std::uint64_t number_ = 0;  // guarded by mutex_; counts the versions
};

}  // namespace contend::detail
