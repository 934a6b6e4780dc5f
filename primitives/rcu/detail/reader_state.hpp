// SPDX-License-Identifier: MIT
// What a reader of a published value remembers: the version it is inside of, and the draft it is writing.
#pragma once

#include <cassert>
#include <concepts>
#include <type_traits>
#include <utility>

namespace contend::detail {

/// A function that may stand in update(): it changes the draft and returns nothing, so that no version can be null or
/// the old one again.
template <class F, class T>
concept updater_of = std::invocable<F&, T&> && std::is_void_v<std::invoke_result_t<F&, T&>>;

/// State of one reader. Touched by its thread alone.
template <class T>
class reader_state {
 public:
  reader_state() = default;
  reader_state([[maybe_unused]] reader_state&& other) noexcept {
    assert(other.idle() && "a reader is moved outside of read and update");
  }
  reader_state& operator=([[maybe_unused]] reader_state&& other) noexcept {
    assert(idle() && other.idle() && "a reader is moved outside of read and update");
    return *this;
  }

  /// The version of the outermost read() that is running, or null.
  [[nodiscard]] const T* inside() const noexcept { return inside_; }
  /// The draft of the update() whose callback is running, or null.
  [[nodiscard]] T* draft() const noexcept { return draft_; }

  /// Remembers the version for the time of a read().
  class [[nodiscard]] reading {
   public:
    reading(reader_state& state, const T& version) noexcept : state_(state) { state.inside_ = &version; }
    ~reading() { state_.inside_ = nullptr; }
    reading(const reading&) = delete;
    reading& operator=(const reading&) = delete;

   private:
    reader_state& state_;
  };

  /// Remembers the draft for the time of a callback.
  class [[nodiscard]] drafting {
   public:
    drafting(reader_state& state, T& draft) noexcept : state_(state) { state.draft_ = &draft; }
    ~drafting() { state_.draft_ = nullptr; }
    drafting(const drafting&) = delete;
    drafting& operator=(const drafting&) = delete;

   private:
    reader_state& state_;
  };

 private:
  [[nodiscard]] bool idle() const noexcept { return inside_ == nullptr && draft_ == nullptr; }
  const T* inside_ = nullptr;
  T* draft_ = nullptr;
};

/// The reader of a value that needs no registration: only the state.
template <class T>
struct unregistered_reader : reader_state<T> {
  /// Only QSBR needs these; here they do nothing.
  void offline() noexcept {}
  void online() noexcept {}
};

}  // namespace contend::detail
