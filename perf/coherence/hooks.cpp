// SPDX-License-Identifier: MIT
// What the compiler calls under -fsanitize=thread, for gcc ≥ 12 and clang ≥ 14, in place of libtsan. Plain accesses are
// made by the program itself after its hook returns; atomics are executed here, when it is their thread's turn.
// Outside of a simulated thread atomics are real ones. Those of 16 bytes and more are in hooks_wide.cpp.
// Blind: inline assembly, libraries that were not compiled so, memset that gcc expands inline.
#include <cstdint>
#include <cstring>

#include "engine.hpp"

namespace {

using contend::coherence::access_kind;
using contend::coherence::current;
using contend::coherence::watching;

constexpr int sequentially_consistent = __ATOMIC_SEQ_CST;

/// Makes the access in its turn. `from`: the return address, which tells where a thread hangs.
[[gnu::always_inline]] inline void at(const volatile void* address, unsigned long size, access_kind kind,
                                      const void* from) {
  if (!watching || size == 0) return;
  watching = false;
  current->running->last_access = from;
  current->access(reinterpret_cast<std::uint64_t>(address), static_cast<unsigned>(size), kind);
  watching = true;
}

}  // namespace

#define HERE __builtin_return_address(0)

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_ignore_thread_begin() {}
void __tsan_ignore_thread_end() {}
void __tsan_read_range(void* p, unsigned long n) { at(p, n, access_kind::load, HERE); }
void __tsan_write_range(void* p, unsigned long n) { at(p, n, access_kind::store, HERE); }
void __tsan_vptr_update(void** p, void*) { at(p, 8, access_kind::store, HERE); }
void __tsan_vptr_read(void** p) { at(p, 8, access_kind::load, HERE); }

#define READ(name, n) \
  void name##n(void* p) { at(p, n, access_kind::load, HERE); }
#define WRITE(name, n) \
  void name##n(void* p) { at(p, n, access_kind::store, HERE); }
#define BOTH(name, n)                   \
  void name##n(void* p) {               \
    at(p, n, access_kind::load, HERE);  \
    at(p, n, access_kind::store, HERE); \
  }
#define PLAIN(n)                          \
  READ(__tsan_read, n)                    \
  WRITE(__tsan_write, n)                  \
  BOTH(__tsan_read_write, n)              \
  READ(__tsan_unaligned_read, n)          \
  WRITE(__tsan_unaligned_write, n)        \
  BOTH(__tsan_unaligned_read_write, n)    \
  READ(__tsan_volatile_read, n)           \
  WRITE(__tsan_volatile_write, n)         \
  READ(__tsan_unaligned_volatile_read, n) \
  WRITE(__tsan_unaligned_volatile_write, n)
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)
#undef PLAIN
#undef BOTH
#undef WRITE
#undef READ

void* __tsan_memcpy(void* to, const void* from, unsigned long n) {
  at(from, n, access_kind::load, HERE);
  at(to, n, access_kind::store, HERE);
  return std::memcpy(to, from, n);
}
void* __tsan_memmove(void* to, const void* from, unsigned long n) {
  at(from, n, access_kind::load, HERE);
  at(to, n, access_kind::store, HERE);
  return std::memmove(to, from, n);
}
void* __tsan_memset(void* to, int value, unsigned long n) {
  at(to, n, access_kind::store, HERE);
  return std::memset(to, value, n);
}

#define MODIFY(n, type, name, real, expression)                   \
  type __tsan_atomic##n##_##name(volatile type* p, type v, int) { \
    if (!watching) return real(p, v, __ATOMIC_SEQ_CST);           \
    at(p, sizeof(type), access_kind::rmw, HERE);                  \
    const type old = *p;                                          \
    *p = static_cast<type>(expression);                           \
    return old;                                                   \
  }
#define COMPARE(n, type, name)                                                                                    \
  int __tsan_atomic##n##_##name(volatile type* p, type* expected, type v, int, int) {                             \
    if (!watching) return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
    at(p, sizeof(type), access_kind::rmw, HERE);                                                                  \
    const type old = *p;                                                                                          \
    if (old == *expected) {                                                                                       \
      *p = v;                                                                                                     \
      return 1;                                                                                                   \
    }                                                                                                             \
    *expected = old;                                                                                              \
    ++current->model.counts().failed_cas;                                                                         \
    return 0;                                                                                                     \
  }
#define ATOMIC(n, type)                                                                             \
  type __tsan_atomic##n##_load(const volatile type* p, int) {                                       \
    if (!watching) return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                     \
    std::uint64_t own = 0;                                                                          \
    watching = false;                                                                               \
    const bool mine = current->forwarded(const_cast<const type*>(p), sizeof(type), &own);           \
    watching = true;                                                                                \
    if (mine) return static_cast<type>(own);                                                        \
    at(p, sizeof(type), access_kind::load, HERE);                                                   \
    return *p;                                                                                      \
  }                                                                                                 \
  void __tsan_atomic##n##_store(volatile type* p, type v, int order) {                              \
    if (!watching) {                                                                                \
      __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                                     \
    } else if (order == sequentially_consistent) {                                                  \
      at(p, sizeof(type), access_kind::rmw, HERE);                                                  \
      *p = v;                                                                                       \
    } else {                                                                                        \
      watching = false;                                                                             \
      current->running->last_access = HERE;                                                         \
      if (current->atomic_store(const_cast<type*>(p), sizeof(type), v)) *p = v;                     \
      watching = true;                                                                              \
    }                                                                                               \
  }                                                                                                 \
  MODIFY(n, type, exchange, __atomic_exchange_n, v)                                                 \
  MODIFY(n, type, fetch_add, __atomic_fetch_add, old + v)                                           \
  MODIFY(n, type, fetch_sub, __atomic_fetch_sub, old - v)                                           \
  MODIFY(n, type, fetch_and, __atomic_fetch_and, old& v)                                            \
  MODIFY(n, type, fetch_or, __atomic_fetch_or, old | v)                                             \
  MODIFY(n, type, fetch_xor, __atomic_fetch_xor, old ^ v)                                           \
  MODIFY(n, type, fetch_nand, __atomic_fetch_nand, ~(old & v))                                      \
  COMPARE(n, type, compare_exchange_strong)                                                         \
  COMPARE(n, type, compare_exchange_weak)                                                           \
  type __tsan_atomic##n##_compare_exchange_val(volatile type* p, type expected, type v, int, int) { \
    if (!watching) {                                                                                \
      __atomic_compare_exchange_n(p, &expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);      \
      return expected;                                                                              \
    }                                                                                               \
    at(p, sizeof(type), access_kind::rmw, HERE);                                                    \
    const type old = *p;                                                                            \
    if (old == expected)                                                                            \
      *p = v;                                                                                       \
    else                                                                                            \
      ++current->model.counts().failed_cas;                                                         \
    return old;                                                                                     \
  }
ATOMIC(8, std::uint8_t)
ATOMIC(16, std::uint16_t)
ATOMIC(32, std::uint32_t)
ATOMIC(64, std::uint64_t)
#undef ATOMIC
#undef COMPARE
#undef MODIFY

void __tsan_atomic_thread_fence(int order) {
  if (watching && order == sequentially_consistent) contend::coherence::fence();
}
void __tsan_atomic_signal_fence(int) {}
}
