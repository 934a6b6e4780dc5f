// SPDX-License-Identifier: MIT
// A published value over a reclamation domain: a pointer that updaters swing and readers follow inside a section.
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "../domain/reclaim_limits.hpp"
#include "limbo.hpp"
#include "reader_state.hpp"

namespace contend {

/// What try_update() did.
enum class update_result {
  published,    ///< the new version is out
  backlog_full  ///< nothing happened: readers keep too many old versions alive, see stalled()
};

namespace detail {

/// A value of T whose old versions `Domain` frees. See the contract in ../rcu.hpp.
/// If `NestsByReuse`, a nested read() sees the same version as the outer one; otherwise the same or a newer one.
template <class T, class Domain, bool NestsByReuse>
class domain_published {
 public:
  /// A registered reader. Outside of read() and update() when it is moved or destroyed.
  class reader : public reader_state<T> {
   public:
    void offline() noexcept { registration_.offline(); }
    void online() noexcept { registration_.online(); }

   private:
    friend domain_published;
    explicit reader(typename Domain::reader&& registration) : registration_(std::move(registration)) {}
    typename Domain::reader registration_;
  };

  explicit domain_published(const T& initial, reclaim_limits limits = {})
      : domain_(std::move(limits)), current_(new version(initial)) {}
  domain_published(const domain_published&) = delete;
  domain_published& operator=(const domain_published&) = delete;
  ~domain_published() { delete current_.load(std::memory_order_relaxed); }

  /// Throws std::runtime_error when reclaim_limits::readers are registered.
  [[nodiscard]] reader register_thread() { return reader(domain_.register_thread()); }

  /// Calls f(const T&) and returns its result by value. The progress of entering is the domain's.
  template <class F>
  auto read(reader& by, F&& f) {
    if constexpr (NestsByReuse) {
      if (by.inside() != nullptr) return f(*by.inside());
      typename Domain::section inside(domain_, by.registration_);
      const T& value = inside.protect(current_)->value;
      const typename reader::reading remembered(by, value);
      return f(value);
    } else {
      typename Domain::section inside(domain_, by.registration_);
      return f(std::as_const(inside.protect(current_)->value));
    }
  }

  /// Copies the newest version, calls f(T&) on the copy, publishes it; again from the start if another update came
  /// first, so f may be called more than once. f runs outside of any section and lock. Lock-free among updaters while
  /// there is room in the backlog; when there is none, waits for readers (back-pressure) and reports those that stall.
  /// Throws what f, copying and allocating throw; then nothing was published.
  template <updater_of<T> F>
  void update(reader& by, F&& f) {
    if (joined(by, f)) return;
    domain_.quiescent(by.registration_);
    change(by, f, [&] { return std::optional(domain_.reserve(by.registration_)); });
  }

  /// As update(), but gives up instead of waiting for readers.
  template <updater_of<T> F>
  [[nodiscard]] update_result try_update(reader& by, F&& f) {
    if (joined(by, f)) return update_result::published;
    domain_.quiescent(by.registration_);
    return change(by, f, [&] { return domain_.try_reserve(by.registration_); });
  }

  void quiescent(reader& by) noexcept { domain_.quiescent(by.registration_); }

  /// Blocking. Reports readers that stall. Not inside read().
  void synchronize(reader& by) noexcept {
    assert(by.inside() == nullptr && "synchronize() inside read() waits for itself");
    domain_.synchronize(by.registration_);
  }

  /// At most reclaim_limits::backlog, whatever readers do.
  [[nodiscard]] std::size_t backlog() const noexcept { return domain_.backlog(); }
  /// Readers in the way for reclaim_limits::stall_timeout or longer, longest first.
  [[nodiscard]] std::vector<stalled_reader> stalled() { return domain_.stalled(); }

 private:
  struct version final : retirable {
    explicit version(const T& from) : value(from) {}
    T value;
    std::uint64_t number = 0;  // counts the versions; an address can come back, a number does not
  };

  template <class F>
  bool joined(reader& by, F& f) {
    assert(by.inside() == nullptr && "update() inside read() could wait for itself");
    if (by.draft() == nullptr) return false;
    f(*by.draft());  // an update inside an update's callback joins it
    return true;
  }

  template <class F, class Reserve>
  update_result change(reader& by, F& f, Reserve reserve) {
    auto room = reserve();
    if (!room) return update_result::backlog_full;
    for (;;) {
      std::unique_ptr<version> next = draft_of_newest(by);
      {
        const typename reader::drafting remembered(by, next->value);
        f(next->value);
      }
      version* const old = replace(by, *next);
      if (old == nullptr) continue;
      (void)next.release();  // readers have it
      domain_.retire(by.registration_, std::move(*room), old);
      return update_result::published;
    }
  }

  std::unique_ptr<version> draft_of_newest(reader& by) {
    typename Domain::section inside(domain_, by.registration_);
    const version* const newest = inside.protect(current_);
    auto draft = std::make_unique<version>(newest->value);
    draft->number = newest->number + 1;
    return draft;
  }

  // Publishes `next` if it follows the current version; returns the version it replaced, or null.
  version* replace(reader& by, version& next) noexcept {
    typename Domain::section inside(domain_, by.registration_);  // so that `seen` is not freed and made anew meanwhile
    version* seen = inside.protect(current_);
    if (seen->number + 1 != next.number) return nullptr;
    // [publish] -> Domain::section::protect(): what f wrote is there before a reader follows the pointer; seq_cst for
    // domains that look at announcements next (litmus SB, see hazard_domain::section::protect).
    return current_.compare_exchange_strong(seen, &next, std::memory_order_seq_cst) ? seen : nullptr;
  }

  Domain domain_;  // frees what is retired; destroyed last
  alignas(platform::cache_line) std::atomic<version*> current_;
};

}  // namespace detail
}  // namespace contend
