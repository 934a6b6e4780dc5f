// SPDX-License-Identifier: MIT
// The contract of the rwlock family: data that many may read at once and one may change.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "../facts.hpp"
#include "../generic.hpp"

namespace contend {

/// A reader-writer lock without data: read(f) runs f with other readers, write(f) runs f alone. f's result is returned.
/// Memory effect: the end of write(f) synchronises with every later read and write.
template <class L>
concept plain_rwlock = requires(L& l, int (*f)()) {
  { l.read(f) } -> std::same_as<int>;
  { l.write(f) } -> std::same_as<int>;
};

/// Data behind a reader-writer lock: read(f) calls f(const T&), write(f) calls f(T&).
/// f may be called more than once per write (left-right) and on a private copy per read (seqlock): it must depend on
/// its argument alone and have no other effect than on its argument or by its result.
template <class P, class T>
concept rw_protected = requires(P& p, int (*reader)(const T&), int (*writer)(T&)) {
  { p.read(reader) } -> std::same_as<int>;
  { p.write(writer) } -> std::same_as<int>;
} && std::constructible_from<P, const T&>;

/// A plain rwlock and the data that it protects.
template <plain_rwlock L, class T>
class rw_guarded {
 public:
  explicit rw_guarded(const T& initial) : data_(initial) {}
  template <class F>
  auto read(F&& f) {
    return lock_.read([&]() -> decltype(auto) { return f(std::as_const(data_)); });
  }
  template <class F>
  auto write(F&& f) {
    return lock_.write([&]() -> decltype(auto) { return f(data_); });
  }

 private:
  L lock_;
  T data_;
};

namespace detail {
template <class L, class T>
struct protecting {
  using type = rw_guarded<L, T>;
};
template <is_generic L, class T>
struct protecting<L, T> {
  using type = typename L::template of<T>;
};
}  // namespace detail

/// T protected by the catalogue entry L, be it a plain rwlock or one that must own its data (seqlock, left-right).
template <class L, class T>
using protecting = typename detail::protecting<L, T>::type;

}  // namespace contend
