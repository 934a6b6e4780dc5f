// SPDX-License-Identifier: MIT
// The contract of the rwlock family: data that many may read at once and one may change.
#pragma once

#include <concepts>
#include <mutex>
#include <shared_mutex>
#include <type_traits>
#include <utility>

#include "../facts.hpp"
#include "../generic.hpp"

namespace contend {

/// What read and write may run: f's result is a value (or void), because a reference would outlive the lock.
/// A pointer, view or iterator into the data outlives it as well: the type system cannot see that, do not return one.
template <class F, class... A>
concept returns_value = std::invocable<F&, A...> && !std::is_reference_v<std::invoke_result_t<F&, A...>>;

/// A reader-writer lock without data: read(f) runs f with other readers, write(f) runs f alone. f's result is returned.
/// An exception in f ends the section and passes on. Memory effect: the end of write(f) synchronises with every later
/// read and write; the end of read(f) with every later write.
/// Nesting: a read inside a read of the same lock is allowed only where the lock's comment says so (elsewhere it hangs
/// when a writer waits in between); a write inside a read or a write, or a read inside a write, never.
/// A lock is destroyed only after every call on it has returned.
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
}
&&std::constructible_from<P, const T&>;

/// read(f) and write(f) for a lock L that has the standard's SharedMutex names. L derives from shared_sections<L>.
template <class L>
class shared_sections {
 public:
  template <class F>
  requires returns_value<F>
  auto read(F&& f) {
    std::shared_lock<L> held(static_cast<L&>(*this));
    return f();
  }
  template <class F>
  requires returns_value<F>
  auto write(F&& f) {
    std::lock_guard<L> held(static_cast<L&>(*this));
    return f();
  }

  shared_sections(const shared_sections&) = delete;
  shared_sections& operator=(const shared_sections&) = delete;

 protected:
  shared_sections() = default;
  ~shared_sections() = default;
};

/// A plain rwlock and the data that it protects.
template <plain_rwlock L, class T>
class rw_guarded {
 public:
  explicit rw_guarded(const T& initial) : data_(initial) {}
  template <class F>
  requires returns_value<F, const T&>
  auto read(F&& f) {
    return lock_.read([&] { return f(std::as_const(data_)); });
  }
  template <class F>
  requires returns_value<F, T&>
  auto write(F&& f) {
    return lock_.write([&] { return f(data_); });
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
