// SPDX-License-Identifier: MIT
// A published value in a std::shared_ptr: readers hold a count, the last one to leave frees the version.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

#include "patience.hpp"
#include "reader_state.hpp"

namespace contend::detail {

/// Body of the reference-counted values. `Cell` holds the newest version's shared_ptr:
///   load() -> shared_ptr<const T>                               a counted copy
///   replace(shared_ptr<const T>& expected, shared_ptr<const T>) compare by identity and swap; says whether it did
/// See the contract in ../rcu.hpp. Bounded by construction: each reader keeps at most one old version alive.
template <class T, class Cell>
class shared_published {
  using pointer = std::shared_ptr<const T>;

 public:
  using reader = unregistered_reader<T>;

  explicit shared_published(const T& initial) : newest_(std::make_unique<T>(initial)) {}

  [[nodiscard]] reader register_thread() noexcept { return {}; }

  /// Calls f(const T&) outside of any lock and returns its result by value. A nested read() sees the outer version.
  template <class F>
  auto read(reader& by, F&& f) {
    if (by.inside() != nullptr) return f(*by.inside());
    const pointer version = newest_.load();
    const typename reader::reading remembered(by, *version);
    return f(*version);
  }

  /// Copies the newest version, calls f(T&) on the copy outside of any lock, and publishes it if no other update came
  /// first; otherwise again, so f may be called more than once. Never waits for readers that are inside f.
  /// Throws what f, copying and allocating throw; then nothing was published.
  template <updater_of<T> F>
  void update(reader& by, F&& f) {
    assert(by.inside() == nullptr && "update() inside read() is not portable to the other primitives");
    if (by.draft() != nullptr) return f(*by.draft());  // an update inside an update's callback joins it
    for (;;) {
      pointer old = newest_.load();  // held, so that its address cannot come back as another version
      auto draft = std::make_unique<T>(*old);
      {
        const typename reader::drafting remembered(by, *draft);
        f(*draft);
      }
      pointer next = std::move(draft);
      std::list<std::weak_ptr<const T>> retired{old};  // allocated now, for after the swap nothing may fail
      if (!newest_.replace(old, std::move(next))) continue;
      old.reset();
      const std::lock_guard held(mutex_);
      retired_.remove_if([](const auto& version) { return version.expired(); });
      retired_.splice(retired_.end(), retired);
      return;
    }
  }

  void quiescent(reader&) noexcept {}

  /// Waits until the last reader of each version that was retired before the call let go of it. Blocking.
  void synchronize(reader& by) {
    assert(by.inside() == nullptr && "synchronize() inside read() waits for itself");
    (void)by;
    std::list<std::weak_ptr<const T>> before;
    {
      const std::lock_guard held(mutex_);
      before = retired_;
    }
    for (const auto& version : before)
      for (patience waiting; !version.expired();) waiting.pause();
  }

  [[nodiscard]] std::size_t backlog() const {
    const std::lock_guard held(mutex_);
    return static_cast<std::size_t>(
        std::count_if(retired_.begin(), retired_.end(), [](const auto& version) { return !version.expired(); }));
  }

 private:
  Cell newest_;
  // Only for synchronize() and backlog(); readers do not touch it.
  mutable std::mutex mutex_;
  std::list<std::weak_ptr<const T>> retired_;  // guarded by mutex_
};

}  // namespace contend::detail
