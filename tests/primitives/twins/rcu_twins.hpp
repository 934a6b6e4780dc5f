// SPDX-License-Identifier: MIT
// Broken published values, each a real one with one defect, whose premature frees can be seen without harm.
#pragma once

#include <limits>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "primitives/rcu/detail/domain_published.hpp"
#include "primitives/rcu/detail/shared_published.hpp"
#include "primitives/rcu/domain/epoch_domain.hpp"
#include "primitives/rcu/domain/hazard_domain.hpp"
#include "primitives/rcu/domain/qsbr_domain.hpp"
#include "primitives/rcu/epoch_published.hpp"

namespace contend::testing {

/// Memory that was given back and must not be used again while a reader may still look at it.
class quarantine {
 public:
  static void park(void* memory) {
    const std::lock_guard held(mutex());
    parked().push_back(memory);
  }
  static void empty() {
    const std::lock_guard held(mutex());
    for (void* memory : parked()) ::operator delete(memory);
    parked().clear();
  }

 private:
  static std::mutex& mutex() {
    static std::mutex instance;
    return instance;
  }
  static std::vector<void*>& parked() {
    static std::vector<void*> instance;
    return instance;
  }
};

/// `Domain`, except that a freed object is destroyed (which poisons it) and its memory parked.
template <class Domain>
class quarantined : public Domain {
 public:
  using Domain::Domain;
  template <class V>
  void retire(typename Domain::reader& by, typename Domain::place&& room, V* unlinked) noexcept {
    Domain::retire(by, std::move(room), unlinked, [](retirable* object) noexcept {
      V* const version = static_cast<V*>(object);
      version->~V();
      quarantine::park(version);
    });
  }
};

/// Twin: frees one grace period early.
template <class T>
using early_epoch_published = detail::domain_published<T, quarantined<basic_epoch_domain<1>>, true>;

/// Twin: no grace period at all.
template <class T>
using graceless_published = detail::domain_published<T, quarantined<basic_epoch_domain<0>>, true>;

/// Twin: counts a thread as quiescent that has never passed a quiescent state, until it passes its first.
class trusting_qsbr_domain : public qsbr_domain {
 public:
  using qsbr_domain::qsbr_domain;
  [[nodiscard]] reader register_thread() {
    reader newcomer = qsbr_domain::register_thread();
    newcomer.offline();
    return newcomer;
  }
  void quiescent(reader& by) noexcept { online(by); }

  struct section {
    section(qsbr_domain&, reader&) noexcept {}
    template <class N>
    N* protect(const std::atomic<N*>& source) const noexcept {
      return source.load(std::memory_order_acquire);
    }
  };
};
template <class T>
using trusting_qsbr_published = detail::domain_published<T, quarantined<trusting_qsbr_domain>, false>;

/// Twin: announces the object and does not look again whether it is still linked.
class hasty_hazard_domain : public hazard_domain {
 public:
  using hazard_domain::hazard_domain;
  struct section : hazard_domain::section {
    using hazard_domain::section::section;
    template <class N>
    N* protect(const std::atomic<N*>& source) noexcept {
      const std::atomic<N*> loaded_once(source.load(std::memory_order_acquire));
      return hazard_domain::section::protect(loaded_once);
    }
  };
};
template <class T>
using hasty_hazard_published = detail::domain_published<T, quarantined<hasty_hazard_domain>, true>;

/// Twin: swaps the new version in without looking whether the one it was copied from is still there.
template <class T>
class careless_cell {
 public:
  explicit careless_cell(std::shared_ptr<const T> first) : newest_(std::move(first)) {}
  std::shared_ptr<const T> load() const {
    const std::lock_guard held(mutex_);
    return newest_;
  }
  bool replace(std::shared_ptr<const T>&, std::shared_ptr<const T>&& next) {
    const std::lock_guard held(mutex_);
    newest_.swap(next);
    return true;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> newest_;
};
template <class T>
using careless_copy_on_write = detail::shared_published<T, careless_cell<T>>;

/// Twin: changes the published version in place, so that one section sees two versions.
template <class T>
class in_place_published : public epoch_published<T> {
 public:
  using epoch_published<T>::epoch_published;
  using reader = typename epoch_published<T>::reader;
  template <class F>
  void update(reader& by, F&& f) {
    this->read(by, [&](const T& version) { f(const_cast<T&>(version)); });
  }
};

/// Twin: the callback runs under the lock of the writers.
template <class T>
class locked_callback_published : public epoch_published<T> {
 public:
  using epoch_published<T>::epoch_published;
  using reader = typename epoch_published<T>::reader;
  template <class F>
  void update(reader& by, F&& f) {
    const std::lock_guard held(writers_);
    epoch_published<T>::update(by, f);
  }

 private:
  std::mutex writers_;
};

/// Twin: keeps whatever a stalled reader keeps.
template <class T>
class unbounded_published : public epoch_published<T> {
 public:
  unbounded_published(const T& initial, reclaim_limits limits) : epoch_published<T>(initial, unlimited(limits)) {}

 private:
  static reclaim_limits unlimited(reclaim_limits limits) {
    limits.backlog = std::numeric_limits<std::size_t>::max();
    return limits;
  }
};

}  // namespace contend::testing
