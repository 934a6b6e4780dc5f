// SPDX-License-Identifier: MIT
// What the three reclamation domains have in common: readers, places, retiring, waiting, and naming who is in the way.
#pragma once

#include <algorithm>
#include <cassert>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "../domain/reclaim_limits.hpp"
#include "limbo.hpp"
#include "patience.hpp"
#include "registry.hpp"

namespace contend::detail {

/// The announcement of a reader that keeps objects from being freed; `value` differs between any two stalls of a slot.
struct obstacle {
  std::uint64_t value;
  std::uint64_t epoch;
};

/// Base of a domain (CRTP). `Derived` says what a reader announces and when an object is ready:
///   joined(reader), left(reader)     registration; left() also when the reader is idle
///   suspend(reader) -> bool          before a wait: the reader announces nothing meanwhile; resume(reader, that)
///   quiescent(reader)                the reader holds no reference now
///   stamp()                          a number for what was unlinked before the call
///   advance()                        tries to bring the grace period on
///   scan()                           a predicate ready(address, stamp) for objects gathered before the call
///   settled(stamp)                   readers that were inside when stamp() returned `stamp` have left
///   obstacle_of(slot)                what this reader holds up now, if anything
template <class Derived, class Hot>
class domain_core {
 public:
  using slot = registry_slot<Hot>;

  /// Room for one object in the backlog, taken before something is unlinked, so that retiring it cannot fail. Given
  /// back when it is destroyed unused.
  class [[nodiscard]] place {
   public:
    place(place&& other) noexcept : limbo_(std::exchange(other.limbo_, nullptr)) {}
    place& operator=(place&& other) noexcept {
      std::swap(limbo_, other.limbo_);
      return *this;
    }
    ~place() {
      if (limbo_ != nullptr) limbo_->give_back(1);
    }

   private:
    friend class domain_core;
    explicit place(limbo& from) noexcept : limbo_(&from) {}
    limbo* limbo_;
  };

  /// A registered reader; unregisters at its destruction. Used by one thread at a time, and outside of any section
  /// when it is moved or destroyed. It must not outlive the domain.
  class reader {
   public:
    reader(reader&& other) noexcept
        : domain_(std::exchange(other.domain_, nullptr)), slot_(other.slot_), retired_(other.retired_) {
      assert(other.depth_ == 0 && "a reader is moved outside of its sections");
    }
    reader& operator=(reader&& other) noexcept {
      reader(std::move(other)).swap(*this);
      return *this;
    }
    ~reader() {
      if (domain_ == nullptr) return;
      assert(depth_ == 0 && "a reader is destroyed outside of its sections");
      domain_->left(*this);
      domain_->readers_.release(*slot_);
    }

    /// Before the thread blocks for long, or stops reading: the reader holds no reference until online(). With QSBR
    /// reclamation waits for a reader that is neither offline nor quiescent; elsewhere this does nothing.
    void offline() noexcept { domain_->offline(*this); }
    /// After offline(), before the next read.
    void online() noexcept { domain_->online(*this); }

   private:
    friend domain_core;
    friend Derived;
    explicit reader(Derived& domain) : domain_(&domain), slot_(&domain.readers_.claim()) { domain.joined(*this); }
    void swap(reader& other) noexcept {
      std::swap(domain_, other.domain_);
      std::swap(slot_, other.slot_);
      std::swap(retired_, other.retired_);
    }

    Derived* domain_;
    slot* slot_;
    unsigned depth_ = 0;    // sections that this reader is inside
    unsigned retired_ = 0;  // retirements since its last attempt to free
  };

  /// Registers the calling thread. Lock-free; may overlap with everything. Throws std::runtime_error when
  /// reclaim_limits::readers are registered already.
  [[nodiscard]] reader register_thread() { return reader(self()); }

  /// Takes room for one retirement, and tries once to free some if there is none. Never waits. Outside of sections.
  /// Returns nothing if the backlog is full: look at stalled() for who is in the way.
  [[nodiscard]] std::optional<place> try_reserve(reader& by) noexcept {
    assert(by.depth_ == 0 && "a place is taken outside of the reader's sections");
    if (limbo_.try_reserve()) return place(limbo_);
    self().quiescent(by);
    reclaim(false);
    if (limbo_.try_reserve()) return place(limbo_);
    look_for_stalls(nullptr);
    return std::nullopt;
  }

  /// Takes room for one retirement; waits for readers while the backlog is full, and reports those that stall.
  /// Blocking: this is the back-pressure that bounds memory. Outside of sections: the reader counts as idle meanwhile.
  place reserve(reader& by) noexcept {
    assert(by.depth_ == 0 && "a place is taken outside of the reader's sections");
    if (limbo_.try_reserve()) return place(limbo_);
    const bool was_online = self().suspend(by);
    patience waiting;
    for (;;) {
      reclaim(false);
      if (limbo_.try_reserve()) break;
      wait(waiting);
    }
    self().resume(by, was_online);
    return place(limbo_);
  }

  /// Retires an object that was unlinked before the call: it is freed after every reader that can see it left.
  /// Lock-free apart from the destructors it may run. May be called inside a section.
  /// Memory effect: all readers' accesses to the object happen before its disposal.
  template <std::derived_from<retirable> T>
  void retire(reader& by, place&& room, T* unlinked) noexcept {
    retire(by, std::move(room), unlinked, [](retirable* object) noexcept { delete static_cast<T*>(object); });
  }
  /// As above, with a function that disposes of the object (a pool, an allocator).
  template <std::derived_from<retirable> T>
  void retire(reader& by, place&& room, T* unlinked, retirable::dispose_function dispose) noexcept {
    push(by, std::move(room), unlinked, unlinked, dispose);
  }
  /// As above for any object: the wait costs one allocation. On std::bad_alloc the object is still the caller's.
  template <class T, class Deleter = std::default_delete<T>>
  requires(!std::derived_from<T, retirable>) void retire(reader& by, place&& room, T* unlinked, Deleter deleter = {}) {
    struct holder final : retirable {
      holder(T* object, Deleter&& with) : object_(object), deleter_(std::move(with)) {}
      T* object_;
      Deleter deleter_;
    };
    auto* const held = new holder(unlinked, std::move(deleter));
    push(by, std::move(room), held, unlinked, [](retirable* object) noexcept {
      const std::unique_ptr<holder> last(static_cast<holder*>(object));
      last->deleter_(last->object_);
    });
  }
  /// reserve() and retire() in one, for callers that unlinked already: outside of sections, blocking.
  template <class T>
  void retire(reader& by, T* unlinked) {
    retire(by, reserve(by), unlinked);
  }

  /// Waits until every reader that was inside at the call left (with hazard pointers: every reader that holds something
  /// retired), and every object retired before the call is disposed of (or is just being, by another thread). Blocking;
  /// reports readers that stall. Outside of sections, and never from a destructor that the domain runs.
  void synchronize(reader& by) noexcept {
    assert(by.depth_ == 0 && "synchronize() inside a section waits for itself");
    const bool was_online = self().suspend(by);
    const std::uint64_t until = self().stamp();
    patience waiting;
    for (;;) {
      self().advance();
      if (self().settled(until) && limbo_.collect(scan(), until, true)) break;
      wait(waiting);
    }
    self().resume(by, was_online);
  }

  /// Objects retired and not yet freed, plus places taken: at most limits().backlog; an estimate while others retire.
  [[nodiscard]] std::size_t backlog() const noexcept { return limbo_.backlog(); }

  /// The readers that are in the way for limits().stall_timeout or longer, longest first. A reader's time starts when a
  /// waiting updater or this call first finds it. May overlap with everything.
  [[nodiscard]] std::vector<stalled_reader> stalled() {
    std::vector<stalled_reader> found;
    self().advance();
    look_for_stalls(&found);
    std::sort(found.begin(), found.end(), [](auto& a, auto& b) { return a.stuck_for > b.stuck_for; });
    return found;
  }

  [[nodiscard]] const reclaim_limits& limits() const noexcept { return limits_; }

  domain_core(const domain_core&) = delete;
  domain_core& operator=(const domain_core&) = delete;

 protected:
  explicit domain_core(reclaim_limits limits)
      : limits_(std::move(limits)), readers_(limits_.readers), limbo_(limits_.backlog) {
    assert(limits_.backlog >= 1 && limits_.batch >= 1 && limits_.readers >= 1);
  }
  /// Disposes of everything left. No reader may be registered any more.
  ~domain_core() { assert(readers_.was_empty() && "a reader outlives its domain"); }

  registry<Hot>& readers() noexcept { return readers_; }
  limbo& waiting_objects() noexcept { return limbo_; }

 private:
  Derived& self() noexcept { return static_cast<Derived&>(*this); }
  auto scan() noexcept {
    return [this] { return self().scan(); };
  }

  void reclaim(bool wait) noexcept {
    self().advance();
    self().advance();  // with epochs, an object's grace period ends at the second
    limbo_.collect(scan(), 0, wait);
  }

  void push(reader& by, place&& room, retirable* object, const void* address,
            retirable::dispose_function dispose) noexcept {
    assert(room.limbo_ == &limbo_ && "the place is of another domain, or was used");
    room.limbo_ = nullptr;
    limbo_.push(object, address, self().stamp(), dispose);
    if (++by.retired_ < limits_.batch) return;
    by.retired_ = 0;
    self().advance();
    limbo_.collect(scan(), 0, false);
  }

  void wait(patience& waiting) noexcept {
    waiting.pause();
    if (waiting.sleeps()) look_for_stalls(nullptr);
  }

  void look_for_stalls(std::vector<stalled_reader>* found) {
    const std::int64_t now = std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
    readers_.for_each([&](slot& each) {
      const std::optional<obstacle> held_up = self().obstacle_of(each);
      if (!held_up) return;
      // [stall] <- below: without acquire the time of an earlier stall could be taken for this one's.
      if (each.stuck_at.load(std::memory_order_acquire) != held_up->value) {
        each.stuck_since_ns.store(now, std::memory_order_relaxed);
        each.stuck_at.store(held_up->value, std::memory_order_release);  // [stall] -> above
      }
      const std::chrono::nanoseconds stuck_for{now - each.stuck_since_ns.load(std::memory_order_relaxed)};
      if (stuck_for < limits_.stall_timeout) return;
      const stalled_reader report{each.thread.load(std::memory_order_relaxed), held_up->epoch, stuck_for};
      if (each.reported.exchange(held_up->value, std::memory_order_relaxed) != held_up->value && limits_.on_stall)
        limits_.on_stall(report);
      if (found != nullptr) found->push_back(report);
    });
  }

  const reclaim_limits limits_;
  registry<Hot> readers_;
  limbo limbo_;
};

}  // namespace contend::detail
