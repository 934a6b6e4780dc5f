// SPDX-License-Identifier: MIT
// Atomics of 16 bytes and more: gcc calls hooks for those of 16 as for the others; otherwise the compilers call
// libatomic's functions, which are taken over here. Processors store and modify 16 bytes with one locked instruction,
// so a store is charged as such; libatomic's locks for what is larger are not in the model.
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>

#include "engine.hpp"

namespace {

using contend::coherence::access_kind;
using contend::coherence::current;
using contend::coherence::watching;

__extension__ typedef unsigned __int128 sixteen;

void at(const volatile void* address, std::size_t size, access_kind kind, const void* from) {
  if (!watching || size == 0) return;
  watching = false;
  current->running->last_access = from;
  current->access(reinterpret_cast<std::uint64_t>(address), static_cast<unsigned>(size), kind);
  if (current->weak) {
    current->weak->wide({current->running->core, reinterpret_cast<std::uint64_t>(address), static_cast<unsigned>(size),
                         std::memory_order_seq_cst, from},
                        kind != access_kind::load);
    current->stop_if_raced();
  }
  watching = true;
}

/// Outside of a simulated thread: all who make such an access come here, so a lock makes it atomic.
class all_alone {
 public:
  all_alone() noexcept : needed_(!watching) {
    while (needed_ && taken_.test_and_set(std::memory_order_acquire)) {
    }
  }
  ~all_alone() {
    if (needed_) taken_.clear(std::memory_order_release);
  }
  all_alone(const all_alone&) = delete;
  all_alone& operator=(const all_alone&) = delete;

 private:
  static inline std::atomic_flag taken_;
  bool needed_;
};

sixteen load(const volatile sixteen* p, const void* from) {
  at(p, sizeof *p, access_kind::load, from);
  const all_alone here;
  return *p;
}

template <class Change>
sixteen modify(volatile sixteen* p, const void* from, Change change) {
  at(p, sizeof *p, access_kind::rmw, from);
  const all_alone here;
  const sixteen old = *p;
  *p = change(old);
  return old;
}

bool compare_exchange(volatile sixteen* p, sixteen* expected, sixteen v, const void* from) {
  at(p, sizeof *p, access_kind::rmw, from);
  const all_alone here;
  const sixteen old = *p;
  if (old == *expected) {
    *p = v;
    return true;
  }
  *expected = old;
  if (watching) ++current->model.deeds().failed_cas;
  return false;
}

}  // namespace

#define HERE __builtin_return_address(0)
// libatomic's names are the compiler's own; a label gives them to functions of other names.
#define LIBATOMIC(name) __asm__("__atomic_" #name "_16")

#define MODIFY(name, expression)                                                                 \
  sixteen contend_##name##_16(volatile sixteen* p, sixteen v, int) LIBATOMIC(name);              \
  sixteen contend_##name##_16(volatile sixteen* p, sixteen v, int) {                             \
    return modify(p, HERE, [v]([[maybe_unused]] sixteen old) -> sixteen { return expression; }); \
  }                                                                                              \
  sixteen __tsan_atomic128_##name(volatile sixteen* p, sixteen v, int) {                         \
    return modify(p, HERE, [v]([[maybe_unused]] sixteen old) -> sixteen { return expression; }); \
  }

extern "C" {
MODIFY(exchange, v)
MODIFY(fetch_add, old + v)
MODIFY(fetch_sub, old - v)
MODIFY(fetch_and, old& v)
MODIFY(fetch_or, old | v)
MODIFY(fetch_xor, old ^ v)
MODIFY(fetch_nand, ~(old& v))

sixteen contend_load_16(const volatile sixteen* p, int) LIBATOMIC(load);
sixteen contend_load_16(const volatile sixteen* p, int) { return load(p, HERE); }
sixteen __tsan_atomic128_load(const volatile sixteen* p, int) { return load(p, HERE); }

void contend_store_16(volatile sixteen* p, sixteen v, int) LIBATOMIC(store);
void contend_store_16(volatile sixteen* p, sixteen v, int) {
  modify(p, HERE, [v](sixteen) { return v; });
}
void __tsan_atomic128_store(volatile sixteen* p, sixteen v, int) {
  modify(p, HERE, [v](sixteen) { return v; });
}

bool contend_compare_exchange_16(volatile sixteen* p, sixteen* e, sixteen v, int, int) LIBATOMIC(compare_exchange);
bool contend_compare_exchange_16(volatile sixteen* p, sixteen* e, sixteen v, int, int) {
  return compare_exchange(p, e, v, HERE);
}
int __tsan_atomic128_compare_exchange_strong(volatile sixteen* p, sixteen* e, sixteen v, int, int) {
  return compare_exchange(p, e, v, HERE) ? 1 : 0;
}
int __tsan_atomic128_compare_exchange_weak(volatile sixteen* p, sixteen* e, sixteen v, int, int) {
  return compare_exchange(p, e, v, HERE) ? 1 : 0;
}
sixteen __tsan_atomic128_compare_exchange_val(volatile sixteen* p, sixteen e, sixteen v, int, int) {
  compare_exchange(p, &e, v, HERE);
  return e;
}

// Of any size, by libatomic's general names.
bool contend_is_lock_free(std::size_t size, const volatile void* p) __asm__("__atomic_is_lock_free");
bool contend_is_lock_free(std::size_t size, const volatile void* p) {
  return size <= 16 && std::has_single_bit(size) && reinterpret_cast<std::uint64_t>(p) % size == 0;
}
void contend_load_any(std::size_t size, const void* p, void* to, int) __asm__("__atomic_load");
void contend_load_any(std::size_t size, const void* p, void* to, int) {
  at(p, size, access_kind::load, HERE);
  const all_alone here;
  std::memcpy(to, p, size);
}
void contend_store_any(std::size_t size, void* p, const void* from, int) __asm__("__atomic_store");
void contend_store_any(std::size_t size, void* p, const void* from, int) {
  at(p, size, access_kind::rmw, HERE);
  const all_alone here;
  std::memcpy(p, from, size);
}
void contend_exchange_any(std::size_t size, void* p, const void* from, void* to, int) __asm__("__atomic_exchange");
void contend_exchange_any(std::size_t size, void* p, const void* from, void* to, int) {
  at(p, size, access_kind::rmw, HERE);
  const all_alone here;
  std::memcpy(to, p, size);
  std::memcpy(p, from, size);
}
bool contend_compare_exchange_any(std::size_t size, void* p, void* expected, const void* v, int,
                                  int) __asm__("__atomic_compare_exchange");
bool contend_compare_exchange_any(std::size_t size, void* p, void* expected, const void* v, int, int) {
  at(p, size, access_kind::rmw, HERE);
  const all_alone here;
  if (std::memcmp(p, expected, size) == 0) {
    std::memcpy(p, v, size);
    return true;
  }
  std::memcpy(expected, p, size);
  if (watching) ++current->model.deeds().failed_cas;
  return false;
}
}
