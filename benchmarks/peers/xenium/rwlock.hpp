// SPDX-License-Identifier: MIT
// xenium's seqlock and left-right.
#pragma once

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <xenium/left_right.hpp>
#include <xenium/seqlock.hpp>

#include "contend_peers/versions.hpp"
#include "primitives/rwlock/rwlock.hpp"

namespace contend::peers {

namespace detail {
/// Runs f(data) inside xenium's update, which drops results, and keeps the last one.
template <class Protected, class T, class F>
auto updated(Protected& shared, F& f) {
  using result = std::invoke_result_t<F&, T&>;
  if constexpr (std::is_void_v<result>) {
    shared.update([&](auto& data) { f(data); });
  } else {
    std::optional<result> last;
    shared.update([&](auto& data) { last.emplace(f(data)); });
    return std::move(*last);
  }
}

/// xenium's seqlock wants more than a pointer's worth of bytes.
template <class T>
struct widened {
  T value;
  std::size_t unused[2];
};
}  // namespace detail

/// xenium::seqlock with one slot: readers copy and look again; writers spin for the sequence. f must not throw in a
/// write: the sequence stays odd then.
template <class T>
class xenium_seqlock {
 public:
  static constexpr contend::facts facts{.name = "xenium_seqlock",
                                        .summary = "xenium's seqlock: readers copy the data and look again",
                                        .admits = admission::writer_first,
                                        .waits = waiting::retry,
                                        .step = rung::lock_free,
                                        .source = "xenium " CONTEND_XENIUM_VERSION,
                                        .origin = "xenium"};
  static constexpr bool writes_must_not_throw = true;

  explicit xenium_seqlock(const T& initial) : data_(held(initial)) {}
  template <class F>
  requires returns_value<F, const T&>
  auto read(F&& f) {
    const stored copy = data_.load();
    return f(std::as_const(value_of(copy)));
  }
  template <class F>
  requires returns_value<F, T&>
  auto write(F&& f) {
    const auto change = [&](stored& data) { return f(value_of(data)); };
    return detail::updated<decltype(data_), stored>(data_, change);
  }

 private:
  static constexpr bool widens = sizeof(T) <= sizeof(void*);
  using stored = std::conditional_t<widens, detail::widened<T>, T>;
  static stored held(const T& value) {
    if constexpr (widens)
      return {value, {}};
    else
      return value;
  }
  template <class S>
  static auto& value_of(S& data) {
    if constexpr (widens)
      return data.value;
    else
      return data;
  }
  ::xenium::seqlock<stored> data_;
};

/// xenium::left_right: two instances, readers count themselves in and out, writers change one after the other under a
/// std::mutex and yield until the readers have left. f must not throw in a write: the two instances differ then.
template <class T>
class xenium_left_right {
 public:
  static constexpr contend::facts facts{.name = "xenium_left_right",
                                        .summary = "xenium's left_right: two copies, readers never wait",
                                        .admits = admission::reader_first,
                                        .waits = waiting::spin_with_backoff,
                                        .step = rung::lock_free,
                                        .source = "xenium " CONTEND_XENIUM_VERSION "; Ramalhete and Correia 2015",
                                        .origin = "xenium"};
  static constexpr bool writes_must_not_throw = true;

  explicit xenium_left_right(const T& initial) : data_(initial) {}
  template <class F>
  requires returns_value<F, const T&>
  auto read(F&& f) { return data_.read(f); }
  template <class F>
  requires returns_value<F, T&>
  auto write(F&& f) { return detail::updated<decltype(data_), T>(data_, f); }

 private:
  ::xenium::left_right<T> data_;
};

namespace of_xenium {
using rwlocks = type_list<generic<xenium_seqlock>, generic<xenium_left_right>>;
}

}  // namespace contend::peers
