// SPDX-License-Identifier: MIT
// The `yielding` platform's engine: code compiled with -fsanitize=thread and linked with this file instead of libtsan
// calls it at every access to memory, and it now and then, by a seeded draw, gives the processor away there.
// So a race window of one instruction becomes as wide as a time slice, in unmodified primitives.
// It executes the atomics itself, sequentially consistent: it finds lost interleavings, not lost memory orders.
#include <sched.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <ctime>

#include "yielding.hpp"

namespace {

std::atomic<std::uint64_t> base_seed{1};
std::atomic<std::uint64_t> thread_number{0};
std::atomic<std::uint64_t> epoch{0};  // bumped by reseed(): threads draw a new stream
std::atomic<bool> enabled{false};

std::uint64_t mix(std::uint64_t x) noexcept {  // splitmix64
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

std::uint64_t draw() noexcept {
  thread_local std::uint64_t state = 0;
  thread_local std::uint64_t seen = ~0ULL;
  const auto now = epoch.load(std::memory_order_relaxed);
  if (seen != now) {
    seen = now;
    state = mix(base_seed.load(std::memory_order_relaxed) ^ mix(thread_number.fetch_add(1) + 1));
  }
  state = mix(state);
  return state;
}

}  // namespace

extern "C" void contend_yielding_point() noexcept {
  if (!enabled.load(std::memory_order_relaxed)) return;
  const auto drawn = draw();
  if ((drawn & 0x3FF) == 0) {  // 1 in 1024: long enough for the others to run far ahead
    const timespec nap{0, 20'000};
    ::nanosleep(&nap, nullptr);
  } else if ((drawn & 0x1F) == 0) {  // 1 in 32
    ::sched_yield();
  }
}

namespace contend::testing {
void start_yielding(std::uint64_t seed) noexcept {
  base_seed.store(seed);
  thread_number.store(0);
  epoch.fetch_add(1);
  enabled.store(true);
}
void stop_yielding() noexcept { enabled.store(false); }
}  // namespace contend::testing

namespace {
inline void at_access() noexcept { contend_yielding_point(); }
}  // namespace

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_ignore_thread_begin() {}
void __tsan_ignore_thread_end() {}
void __tsan_read_range(void*, unsigned long) { at_access(); }
void __tsan_write_range(void*, unsigned long) { at_access(); }
void __tsan_vptr_update(void**, void*) { at_access(); }
void __tsan_vptr_read(void**) { at_access(); }

#define PLAIN(n)                                                 \
  void __tsan_read##n(void*) { at_access(); }                    \
  void __tsan_write##n(void*) { at_access(); }                   \
  void __tsan_read_write##n(void*) { at_access(); }              \
  void __tsan_unaligned_read##n(void*) { at_access(); }          \
  void __tsan_unaligned_write##n(void*) { at_access(); }         \
  void __tsan_unaligned_read_write##n(void*) { at_access(); }    \
  void __tsan_volatile_read##n(void*) { at_access(); }           \
  void __tsan_volatile_write##n(void*) { at_access(); }          \
  void __tsan_unaligned_volatile_read##n(void*) { at_access(); } \
  void __tsan_unaligned_volatile_write##n(void*) { at_access(); }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)
#undef PLAIN

void* __tsan_memcpy(void* to, const void* from, unsigned long n) {
  at_access();
  return std::memcpy(to, from, n);
}
void* __tsan_memmove(void* to, const void* from, unsigned long n) {
  at_access();
  return std::memmove(to, from, n);
}
void* __tsan_memset(void* to, int value, unsigned long n) {
  at_access();
  return std::memset(to, value, n);
}

#define ATOMIC(n, type)                                                                                \
  type __tsan_atomic##n##_load(const volatile type* p, int) {                                          \
    at_access();                                                                                       \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                       \
  }                                                                                                    \
  void __tsan_atomic##n##_store(volatile type* p, type v, int) {                                       \
    at_access();                                                                                       \
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                                          \
  }                                                                                                    \
  type __tsan_atomic##n##_exchange(volatile type* p, type v, int) {                                    \
    at_access();                                                                                       \
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                                \
  }                                                                                                    \
  type __tsan_atomic##n##_fetch_add(volatile type* p, type v, int) {                                   \
    at_access();                                                                                       \
    return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);                                                 \
  }                                                                                                    \
  type __tsan_atomic##n##_fetch_sub(volatile type* p, type v, int) {                                   \
    at_access();                                                                                       \
    return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);                                                 \
  }                                                                                                    \
  type __tsan_atomic##n##_fetch_and(volatile type* p, type v, int) {                                   \
    at_access();                                                                                       \
    return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);                                                 \
  }                                                                                                    \
  type __tsan_atomic##n##_fetch_or(volatile type* p, type v, int) {                                    \
    at_access();                                                                                       \
    return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);                                                  \
  }                                                                                                    \
  type __tsan_atomic##n##_fetch_xor(volatile type* p, type v, int) {                                   \
    at_access();                                                                                       \
    return __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST);                                                 \
  }                                                                                                    \
  type __tsan_atomic##n##_fetch_nand(volatile type* p, type v, int) {                                  \
    at_access();                                                                                       \
    return __atomic_fetch_nand(p, v, __ATOMIC_SEQ_CST);                                                \
  }                                                                                                    \
  int __tsan_atomic##n##_compare_exchange_strong(volatile type* p, type* expected, type v, int, int) { \
    at_access();                                                                                       \
    return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);     \
  }                                                                                                    \
  int __tsan_atomic##n##_compare_exchange_weak(volatile type* p, type* expected, type v, int, int) {   \
    at_access();                                                                                       \
    return __atomic_compare_exchange_n(p, expected, v, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);      \
  }                                                                                                    \
  type __tsan_atomic##n##_compare_exchange_val(volatile type* p, type expected, type v, int, int) {    \
    at_access();                                                                                       \
    __atomic_compare_exchange_n(p, &expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);           \
    return expected;                                                                                   \
  }
ATOMIC(8, std::uint8_t)
ATOMIC(16, std::uint16_t)
ATOMIC(32, std::uint32_t)
ATOMIC(64, std::uint64_t)
#undef ATOMIC

void __tsan_atomic_thread_fence(int) {
  at_access();
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
void __tsan_atomic_signal_fence(int) { at_access(); }
}
