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
using contend::coherence::access_of;
using contend::coherence::current;
using contend::coherence::watching;
using contend::coherence::weak_memory;

constexpr int sequentially_consistent = __ATOMIC_SEQ_CST;

/// Makes the access in its turn. `from`: the return address, which tells where a thread hangs.
[[gnu::always_inline]] inline void at(const volatile void* address, unsigned long size, access_kind kind,
                                      const void* from) {
  if (!watching || size == 0) return;
  current->running->last_access = from;
  current->access(reinterpret_cast<std::uint64_t>(address), static_cast<unsigned>(size), kind);
}

[[gnu::noinline]] void plain_weakly(const volatile void* address, unsigned long size, access_kind kind,
                                    const void* from) {
  current->turn(reinterpret_cast<std::uint64_t>(address), static_cast<unsigned>(size), kind);
  watching = false;
  current->weak->plain({current->running->core, reinterpret_cast<std::uint64_t>(address), static_cast<unsigned>(size),
                        std::memory_order_relaxed, from},
                       kind != access_kind::load);
  current->stop_if_raced();
  watching = true;
}

/// Likewise an access that is not atomic. What hits calls nothing and what does not ends in a call, so that a hook
/// needs no frame.
[[gnu::always_inline]] inline void plain(const volatile void* address, unsigned long size, access_kind kind,
                                         const void* from) {
  if (!watching || size == 0) return;
  current->running->last_access = from;
  if (current->begin_access(reinterpret_cast<std::uint64_t>(address), static_cast<unsigned>(size), kind)) return;
  if (current->weak != nullptr) [[unlikely]]
    return plain_weakly(address, size, kind, from);
  return current->turn(reinterpret_cast<std::uint64_t>(address), static_cast<unsigned>(size), kind);
}

/// While one lives, an atomic is the weak memory's matter.
template <class T>
class weakly {
 public:
  weakly(const volatile T* p, int order, const void* from) noexcept
      : access{current->running->core, reinterpret_cast<std::uint64_t>(p), sizeof(T), order_of(order), from} {
    watching = false;
  }
  ~weakly() {
    current->stop_if_raced();
    watching = true;
  }
  weakly(const weakly&) = delete;
  weakly& operator=(const weakly&) = delete;
  static std::memory_order order_of(int order) noexcept { return static_cast<std::memory_order>(order & 7); }
  weak_memory& memory = *current->weak;
  access_of access;
};
inline bool weak() noexcept { return current->weak != nullptr; }

template <class T, class F, class Real>
T modify(volatile T* p, T v, int order, const void* from, F f, Real real) {
  if (!watching) return real(p, v);
  at(p, sizeof(T), access_kind::rmw, from);
  if (weak()) {
    const weakly<T> here(p, order, from);
    const T old = static_cast<T>(here.memory.begin_update(here.access));
    here.memory.end_update(here.access, f(old, v));
    return old;
  }
  const T old = *p;
  *p = f(old, v);
  return old;
}

template <class T>
bool compare(volatile T* p, T& expected, T desired, int order, int failure, bool may_fail, const void* from) {
  if (!watching)
    return __atomic_compare_exchange_n(p, &expected, desired, may_fail, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  at(p, sizeof(T), access_kind::rmw, from);
  bool done = false;
  if (weak()) {
    const weakly<T> here(p, order, from);
    std::uint64_t seen = expected;
    done = here.memory.compare_exchange(here.access, here.order_of(failure), seen, desired, may_fail);
    expected = static_cast<T>(seen);
  } else {
    const T old = *p;
    done = old == expected;
    if (done)
      *p = desired;
    else
      expected = old;
  }
  if (!done) ++current->model.deeds().failed_cas;
  return done;
}

template <class T>
T load(const volatile T* p, int order, const void* from) {
  if (!watching) return __atomic_load_n(p, __ATOMIC_SEQ_CST);
  if (std::uint64_t own = 0; current->forwarded(const_cast<const T*>(p), sizeof(T), &own)) return static_cast<T>(own);
  at(p, sizeof(T), access_kind::load, from);
  if (weak()) {
    const weakly<T> here(p, order, from);
    return static_cast<T>(here.memory.load(here.access));
  }
  return *p;
}

template <class T>
void store(volatile T* p, T v, int order, const void* from) {
  if (!watching) {
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);
  } else if (current->weak || order == sequentially_consistent) {
    at(p, sizeof(T), order == sequentially_consistent ? access_kind::rmw : access_kind::store, from);
    if (weak()) {
      const weakly<T> here(p, order, from);
      here.memory.store(here.access, v);
    } else {
      *p = v;
    }
  } else {
    watching = false;
    current->running->last_access = from;
    if (current->atomic_store(const_cast<T*>(p), sizeof(T), v)) *p = v;
    watching = true;
  }
}

}  // namespace

#define HERE __builtin_return_address(0)

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_ignore_thread_begin() {}
void __tsan_ignore_thread_end() {}
void __tsan_read_range(void* p, unsigned long n) { plain(p, n, access_kind::load, HERE); }
void __tsan_write_range(void* p, unsigned long n) { plain(p, n, access_kind::store, HERE); }
void __tsan_vptr_update(void** p, void*) { plain(p, 8, access_kind::store, HERE); }
void __tsan_vptr_read(void** p) { plain(p, 8, access_kind::load, HERE); }

#define READ(name, n) \
  void name##n(void* p) { plain(p, n, access_kind::load, HERE); }
#define WRITE(name, n) \
  void name##n(void* p) { plain(p, n, access_kind::store, HERE); }
#define BOTH(name, n)                      \
  void name##n(void* p) {                  \
    plain(p, n, access_kind::load, HERE);  \
    plain(p, n, access_kind::store, HERE); \
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
  plain(from, n, access_kind::load, HERE);
  plain(to, n, access_kind::store, HERE);
  return std::memcpy(to, from, n);
}
void* __tsan_memmove(void* to, const void* from, unsigned long n) {
  plain(from, n, access_kind::load, HERE);
  plain(to, n, access_kind::store, HERE);
  return std::memmove(to, from, n);
}
void* __tsan_memset(void* to, int value, unsigned long n) {
  plain(to, n, access_kind::store, HERE);
  return std::memset(to, value, n);
}

#define MODIFY(n, type, name, real, expression)                                                                     \
  type __tsan_atomic##n##_##name(volatile type* p, type v, int order) {                                             \
    return modify(                                                                                                  \
        p, v, order, HERE, []([[maybe_unused]] type old, type v) -> type { return static_cast<type>(expression); }, \
        [](volatile type* p, type v) -> type { return real(p, v, __ATOMIC_SEQ_CST); });                             \
  }
#define ATOMIC(n, type)                                                                                              \
  type __tsan_atomic##n##_load(const volatile type* p, int order) { return load(p, order, HERE); }                   \
  void __tsan_atomic##n##_store(volatile type* p, type v, int order) { store(p, v, order, HERE); }                   \
  MODIFY(n, type, exchange, __atomic_exchange_n, v)                                                                  \
  MODIFY(n, type, fetch_add, __atomic_fetch_add, old + v)                                                            \
  MODIFY(n, type, fetch_sub, __atomic_fetch_sub, old - v)                                                            \
  MODIFY(n, type, fetch_and, __atomic_fetch_and, old& v)                                                             \
  MODIFY(n, type, fetch_or, __atomic_fetch_or, old | v)                                                              \
  MODIFY(n, type, fetch_xor, __atomic_fetch_xor, old ^ v)                                                            \
  MODIFY(n, type, fetch_nand, __atomic_fetch_nand, ~(old & v))                                                       \
  int __tsan_atomic##n##_compare_exchange_strong(volatile type* p, type* expected, type v, int order, int failure) { \
    return compare(p, *expected, v, order, failure, false, HERE);                                                    \
  }                                                                                                                  \
  int __tsan_atomic##n##_compare_exchange_weak(volatile type* p, type* expected, type v, int order, int failure) {   \
    return compare(p, *expected, v, order, failure, true, HERE);                                                     \
  }                                                                                                                  \
  type __tsan_atomic##n##_compare_exchange_val(volatile type* p, type expected, type v, int order, int failure) {    \
    compare(p, expected, v, order, failure, false, HERE);                                                            \
    return expected;                                                                                                 \
  }
ATOMIC(8, std::uint8_t)
ATOMIC(16, std::uint16_t)
ATOMIC(32, std::uint32_t)
ATOMIC(64, std::uint64_t)
#undef ATOMIC
#undef MODIFY

void __tsan_atomic_thread_fence(int order) {
  if (!watching) return;
  if (order == sequentially_consistent)
    contend::coherence::fence();
  else if (current->weak)
    current->weak->fence(current->running->core, static_cast<std::memory_order>(order));
}
void __tsan_atomic_signal_fence(int) {}
}
