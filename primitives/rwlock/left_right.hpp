// SPDX-License-Identifier: MIT
// Left-right: two copies of the data, readers on one while a writer changes the other, so reads never wait.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "detail/doorbell.hpp"
#include "detail/reader_slots.hpp"
#include "detail/writer_mutex.hpp"
#include "rwlock.hpp"

namespace contend {

/// Two instances of T (copyable). read(f): wait-free, f sees the instance that no writer touches. write(f): blocking,
/// one writer at a time; calls f on the idle instance, sends the readers there, waits until the other one is free of
/// readers and calls f on that too. So f must do the same both times. A reader that stays delays writers, no reader.
/// Exceptions: thrown by the first f, nothing changed; by the second, the write stands and the instance is made good
/// by copying before the next write (a copy that throws then fails that write, nothing changed).
/// Nested reads: allowed. Memory: twice T and one cache line per processor, from the heap; the constructor throws
/// std::bad_alloc. A first read in a thread throws as platform::thread_index() does.
/// Source: Ramalhete and Correia 2013, "Left-Right: a concurrency control technique with wait-free population
/// oblivious reads". Deviation: read indicators are spread over a slot per processor; the writer sleeps after a while.
template <class T>
class left_right {
 public:
  static constexpr contend::facts facts{.name = "left_right",
                                        .summary = "two copies: reads are wait-free, a write is done twice and blocks",
                                        .admits = admission::reader_first,
                                        .waits = waiting::spin_then_park,
                                        .guarantees = progress::wait_free,
                                        .step = rung::lock_free,
                                        .source = "Ramalhete and Correia 2013"};

  /// `slots`: a power of two, 1 to 128.
  explicit left_right(const T& initial, unsigned slots = detail::default_reader_slots())
      : count_(slots), slots_(std::make_unique<slot[]>(slots)), data_{{initial}, {initial}} {
    assert(slots != 0 && (slots & (slots - 1)) == 0);
  }
  left_right(const left_right&) = delete;
  left_right& operator=(const left_right&) = delete;

  template <class F>
  requires returns_value<F, const T&>
  auto read(F&& f) {
    const presence inside(*this);
    // [side] <- write(): without acquire f could see this instance before the write that made it current. Litmus SB
    // with presence: with less than seq_cst the reader may take the old side while the writer sees nobody there.
    const unsigned side = side_.load(std::memory_order_seq_cst);
    return f(std::as_const(data_[side].value));
  }

  template <class F>
  requires returns_value<F, T&>
  auto write(F&& f) {
    const std::lock_guard<detail::writer_mutex> held(writers_);
    const unsigned old_side = side_.load(std::memory_order_relaxed);
    const unsigned new_side = 1 - old_side;
    if (spoilt_) data_[new_side].value = std::as_const(data_[old_side].value);
    spoilt_ = true;  // until f is through
    if constexpr (std::is_void_v<std::invoke_result_t<F&, T&>>) {
      f(data_[new_side].value);
      send_readers_to(new_side);
      repeat(f, data_[old_side].value);
    } else {
      auto result = f(data_[new_side].value);
      send_readers_to(new_side);
      repeat(f, data_[old_side].value);
      return result;
    }
  }

 private:
  struct alignas(platform::cache_line) slot {
    std::atomic<std::uint32_t> inside[2] = {};  // readers that arrived under version 0 and 1: presence +1, -1
  };
  static_assert(sizeof(slot) == platform::cache_line, "neighbouring slots must not share a line");
  struct alignas(platform::cache_line) instance {
    T value;  // lines of its own: the writer changes one while all read the other
  };

  /// A reader between arrival and departure.
  class presence {
   public:
    explicit presence(left_right& owner)
        : owner_(owner),
          // A stale version is harmless, for the writer waits for both: it only keeps new readers apart from old.
          inside_(
              owner.slots_[detail::reader_slot(owner.count_)].inside[owner.version_.load(std::memory_order_relaxed)]) {
      // [present] -> drain(); seq_cst: SB with side_, see read()
      inside_.fetch_add(1, std::memory_order_seq_cst);
    }
    ~presence() {
      // [departed] -> drain(); seq_cst: SB with drain_'s sleepers
      if (inside_.fetch_sub(1, std::memory_order_seq_cst) == 1) owner_.drain_.ring_one();
    }
    presence(const presence&) = delete;
    presence& operator=(const presence&) = delete;

   private:
    left_right& owner_;
    std::atomic<std::uint32_t>& inside_;
  };

  /// On return no reader is on the other side, and none will come.
  void send_readers_to(unsigned side) noexcept {
    side_.store(side, std::memory_order_seq_cst);  // [side] -> read(); seq_cst: SB with presence, see read()
    const unsigned version = version_.load(std::memory_order_relaxed);
    drain(1 - version);  // leftovers that read the version before the last toggle
    version_.store(1 - version, std::memory_order_relaxed);
    drain(version);  // finite: newcomers arrive under the other version
  }

  void drain(unsigned version) noexcept {
    for (unsigned i = 0; i < count_; ++i)
      // [present] <- presence, [departed] <- ~presence: without it the write could overtake a read that has just ended.
      drain_.wait_until([&] { return slots_[i].inside[version].load(std::memory_order_seq_cst) == 0; });
  }

  template <class F>
  void repeat(F& f, T& value) noexcept {
    try {
      f(value);
      spoilt_ = false;
    } catch (...) {
      // The write has been seen: it stands. spoilt_ makes the next write begin with a copy.
    }
  }

  // side_     index into data_ that readers take: write() toggles when the other instance is new
  // version_  index into slot::inside that arriving readers count in: write() toggles between its two waits
  alignas(platform::cache_line) std::atomic<unsigned> side_{0};
  std::atomic<unsigned> version_{0};
  const unsigned count_;
  const std::unique_ptr<slot[]> slots_;
  detail::doorbell drain_;  // rung when a slot became empty; readers look at it, so it lies with what they read
  alignas(platform::cache_line) detail::writer_mutex writers_;
  bool spoilt_ = false;  // the idle instance is not equal to the current one; under writers_
  instance data_[2];
};

}  // namespace contend
