// SPDX-License-Identifier: MIT
// Accesses of the simulated C library: the very calls that a compiler makes under -fsanitize=thread, written out, so
// that gcc and clang charge the same for one mutex.
#pragma once

#include <cstdint>

extern "C" {
void __tsan_read4(void*);
void __tsan_write4(void*);
std::uint32_t __tsan_atomic32_load(const volatile std::uint32_t*, int);
void __tsan_atomic32_store(volatile std::uint32_t*, std::uint32_t, int);
std::uint32_t __tsan_atomic32_exchange(volatile std::uint32_t*, std::uint32_t, int);
std::uint32_t __tsan_atomic32_fetch_add(volatile std::uint32_t*, std::uint32_t, int);
std::uint32_t __tsan_atomic32_fetch_and(volatile std::uint32_t*, std::uint32_t, int);
std::uint32_t __tsan_atomic32_fetch_or(volatile std::uint32_t*, std::uint32_t, int);
std::uint32_t __tsan_atomic32_compare_exchange_val(volatile std::uint32_t*, std::uint32_t, std::uint32_t, int, int);
std::uint64_t __tsan_atomic64_load(const volatile std::uint64_t*, int);
void __tsan_atomic64_store(volatile std::uint64_t*, std::uint64_t, int);
std::uint64_t __tsan_atomic64_fetch_add(volatile std::uint64_t*, std::uint64_t, int);
std::uint64_t __tsan_atomic64_fetch_xor(volatile std::uint64_t*, std::uint64_t, int);
std::uint64_t __tsan_atomic64_compare_exchange_val(volatile std::uint64_t*, std::uint64_t, std::uint64_t, int, int);
}

namespace contend::coherence::posix {

using word = std::uint32_t;
using wide = std::uint64_t;

inline constexpr int relaxed = __ATOMIC_RELAXED;
inline constexpr int acquire = __ATOMIC_ACQUIRE;
inline constexpr int release = __ATOMIC_RELEASE;
inline constexpr int acquire_release = __ATOMIC_ACQ_REL;

/// The C library keeps its words in ints of both kinds.
inline word& as_word(int& field) noexcept { return reinterpret_cast<word&>(field); }
inline word& as_word(word& field) noexcept { return field; }

// Plain accesses: of fields that a lock protects.
template <class Field>
Field read(Field& field) noexcept {
  static_assert(sizeof(Field) == 4, "a word of four bytes");
  __tsan_read4(&field);
  return field;
}
template <class Field>
void write(Field& field, Field value) noexcept {
  static_assert(sizeof(Field) == 4, "a word of four bytes");
  __tsan_write4(&field);
  field = value;
}

inline word load(word& w, int order = relaxed) noexcept { return __tsan_atomic32_load(&w, order); }
inline wide load(wide& w, int order = relaxed) noexcept { return __tsan_atomic64_load(&w, order); }
inline void store(word& w, word value, int order = relaxed) noexcept { __tsan_atomic32_store(&w, value, order); }
inline void store(wide& w, wide value, int order = relaxed) noexcept { __tsan_atomic64_store(&w, value, order); }
inline word exchange(word& w, word value, int order) noexcept { return __tsan_atomic32_exchange(&w, value, order); }
inline word fetch_add(word& w, word value, int order) noexcept { return __tsan_atomic32_fetch_add(&w, value, order); }
inline wide fetch_add(wide& w, wide value, int order) noexcept { return __tsan_atomic64_fetch_add(&w, value, order); }
inline word fetch_and(word& w, word value, int order) noexcept { return __tsan_atomic32_fetch_and(&w, value, order); }
inline word fetch_or(word& w, word value, int order) noexcept { return __tsan_atomic32_fetch_or(&w, value, order); }
inline wide fetch_xor(wide& w, wide value, int order) noexcept { return __tsan_atomic64_fetch_xor(&w, value, order); }

/// `seen` is what the word must be; afterwards what it was.
inline bool compare_exchange(word& w, word& seen, word value, int order) noexcept {
  const word old = __tsan_atomic32_compare_exchange_val(&w, seen, value, order, relaxed);
  const bool done = old == seen;
  seen = old;
  return done;
}
inline bool compare_exchange(wide& w, wide& seen, wide value, int order) noexcept {
  const wide old = __tsan_atomic64_compare_exchange_val(&w, seen, value, order, relaxed);
  const bool done = old == seen;
  seen = old;
  return done;
}

}  // namespace contend::coherence::posix
