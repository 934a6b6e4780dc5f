// SPDX-License-Identifier: MIT
// Where retired objects wait until no reader can see them: counted, bounded, freed by whoever finds them ready.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "../../platform.hpp"
#include "patience.hpp"

namespace contend {

namespace detail {
class limbo;
}

/// Base of objects that a domain can retire without allocating anything.
class retirable {
 public:
  /// Destroys the object and gives its memory back.
  using dispose_function = void (*)(retirable*) noexcept;

 protected:
  retirable() = default;
  ~retirable() = default;
  retirable(const retirable&) noexcept {}  // a copy is a new object, retired on its own
  retirable& operator=(const retirable&) noexcept { return *this; }

 private:
  friend class detail::limbo;
  retirable* next_ = nullptr;
  std::uint64_t stamp_ = 0;
  const void* address_ = nullptr;
  dispose_function dispose_ = nullptr;
};

namespace detail {

/// Retired objects of one domain. push() and the places are lock-free and may overlap with everything; one thread at a
/// time collects. Objects are disposed of outside of the collector's turn, so that a destructor may retire more.
class limbo {
 public:
  explicit limbo(std::size_t limit) : limit_(limit) {}
  limbo(const limbo&) = delete;
  limbo& operator=(const limbo&) = delete;
  /// Disposes of everything left. Nothing may overlap.
  ~limbo() {
    splice();
    // A destructor may retire more: those arrive at incoming_.
    while (kept_ != nullptr) {
      dispose(take_kept());
      splice();
    }
  }

  /// Takes one of the `limit` places; every push needs one. False if there is none.
  [[nodiscard]] bool try_reserve() noexcept {
    std::size_t used = used_.load(std::memory_order_relaxed);
    while (used < limit_) {
      if (used_.compare_exchange_weak(used, used + 1, std::memory_order_relaxed)) return true;
      platform::relax();
    }
    return false;
  }
  void give_back(std::size_t places) noexcept { used_.fetch_sub(places, std::memory_order_relaxed); }

  /// Places taken: objects that wait, plus updates that are about to add one.
  [[nodiscard]] std::size_t backlog() const noexcept { return used_.load(std::memory_order_relaxed); }

  /// Leaves an unlinked object here until a collector finds it ready. The caller holds a place, which it hands over.
  void push(retirable* object, const void* address, std::uint64_t stamp, retirable::dispose_function dispose) noexcept {
    object->address_ = address;
    object->stamp_ = stamp;
    object->dispose_ = dispose;
    object->next_ = incoming_.load(std::memory_order_relaxed);
    // [retired] -> splice()
    while (
        !incoming_.compare_exchange_weak(object->next_, object, std::memory_order_release, std::memory_order_relaxed))
      platform::relax();
  }

  /// Disposes of every object here for which ready(address, stamp) holds, where ready = scan() is made after the
  /// objects were gathered. If another thread collects: waits for its turn, or returns false if `wait` is false.
  /// Returns true if no object with a stamp up to `bound` had to stay.
  template <class Scan>
  bool collect(Scan scan, std::uint64_t bound, bool wait) noexcept {
    if (!enter(wait)) return false;
    splice();
    const auto ready = scan();
    retirable* freed = nullptr;
    bool settled = true;
    for (retirable** link = &kept_; *link != nullptr;) {
      retirable* const object = *link;
      if (ready(object->address_, object->stamp_)) {
        *link = object->next_;
        object->next_ = freed;
        freed = object;
      } else {
        settled = settled && object->stamp_ > bound;
        link = &object->next_;
      }
    }
    leave();
    dispose(freed);
    return settled;
  }

  /// The stamp of the object at `address`, if it waits here.
  [[nodiscard]] std::optional<std::uint64_t> stamp_of(const void* address) noexcept {
    enter(true);
    splice();
    std::optional<std::uint64_t> found;
    for (const retirable* object = kept_; object != nullptr && !found; object = object->next_)
      if (object->address_ == address) found = object->stamp_;
    leave();
    return found;
  }

 private:
  bool enter(bool wait) noexcept {
    // [turn] <- leave(): without acquire the list could be read as it was before the last collector changed it.
    for (patience waiting; collecting_.exchange(true, std::memory_order_acquire); waiting.pause())
      if (!wait) return false;
    return true;
  }
  void leave() noexcept {
    collecting_.store(false, std::memory_order_release);  // [turn] -> enter()
  }

  // The collector's: moves what arrived to kept_.
  void splice() noexcept {
    // [retired] <- push(): without acquire the object's stamp and links could be read before they were written.
    retirable* arrived = incoming_.exchange(nullptr, std::memory_order_acquire);
    while (arrived != nullptr) {
      retirable* const next = arrived->next_;
      arrived->next_ = kept_;
      kept_ = arrived;
      arrived = next;
    }
  }
  retirable* take_kept() noexcept {
    retirable* const all = kept_;
    kept_ = nullptr;
    return all;
  }

  void dispose(retirable* list) noexcept {
    while (list != nullptr) {
      retirable* const next = list->next_;
      list->dispose_(list);
      give_back(1);  // after the memory is gone, so that the backlog never says less than there is
      list = next;
    }
  }

  const std::size_t limit_;
  // | field       | meaning                                 | who changes it                        |
  // | used_       | places taken, 0 … limit_                | try_reserve(), give_back(), dispose() |
  // | incoming_   | stack of objects since the last collect | push(); a collector empties it        |
  // | collecting_ | somebody collects                       | enter(), leave()                      |
  // | kept_       | list of objects that were not ready     | the collector                         |
  alignas(platform::cache_line) std::atomic<std::size_t> used_{0};
  std::atomic<retirable*> incoming_{nullptr};
  alignas(platform::cache_line) std::atomic<bool> collecting_{false};
  retirable* kept_ = nullptr;
};

}  // namespace detail
}  // namespace contend
