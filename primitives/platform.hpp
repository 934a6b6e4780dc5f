// SPDX-License-Identifier: MIT
// The one seam between the primitives and the machine: spinning, parking, thread numbers, busy work, barriers.
//
// CONTEND_PLATFORM (a CMake option) chooses the backend:
//   native    the real machine
//   yielding  the real machine with seeded yields at every platform call; together with
//             tests/support/yielding_runtime.cpp also at every atomic and plain access (see tests/README.md)
//   virtual   simulated threads in virtual time; whoever links the program defines the functions contend_virtual_*
//             (perf/coherence/virtual_platform.cpp)
#pragma once

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <stdexcept>
#include <thread>

#if defined(CONTEND_PLATFORM_YIELDING)
extern "C" void contend_yielding_point() noexcept;  // defined by tests/support/yielding_runtime.cpp
#endif

#if defined(CONTEND_PLATFORM_VIRTUAL)
// Times are nanoseconds of virtual time. Outside of a simulated thread these do nothing and return 0.
extern "C" {
void contend_virtual_relax() noexcept;
void contend_virtual_yield() noexcept;
void contend_virtual_work(std::uint64_t ns) noexcept;
void contend_virtual_fence_all() noexcept;  // a sequentially consistent fence in every thread
unsigned contend_virtual_cpu() noexcept;
// Blocks while *word == expected, until woken or `deadline` (steady clock, 0: none); 0 if the deadline passed, else 1.
int contend_virtual_park(const void* word, std::uint32_t expected, std::uint64_t deadline) noexcept;
void contend_virtual_wake(const void* word, std::uint32_t at_most) noexcept;
}
#endif

namespace contend::platform {

/// Distance in bytes that keeps two objects from falsely sharing a line: the coherence granule of the target.
/// std::hardware_destructive_interference_size is missing from clang 14 with Debian's libstdc++, hence our own.
#if defined(__aarch64__) && defined(__APPLE__)
inline constexpr std::size_t cache_line = 128;
#elif defined(__powerpc64__)
inline constexpr std::size_t cache_line = 128;
#elif defined(__s390x__)
inline constexpr std::size_t cache_line = 256;
#else
inline constexpr std::size_t cache_line = 64;
#endif

/// Upper bound on threads that use the library at the same time; thread_index() stays below it.
inline constexpr unsigned max_threads = 1024;

namespace detail {
inline void perturb() noexcept {
#if defined(CONTEND_PLATFORM_YIELDING)
  contend_yielding_point();
#endif
}
}  // namespace detail

namespace detail {
#if defined(CONTEND_PLATFORM_VIRTUAL)
inline void pause() noexcept { contend_virtual_relax(); }
inline void give_way() noexcept { contend_virtual_yield(); }
inline bool wait_on(const void* word, std::uint32_t expected, std::int64_t deadline_ns) noexcept {
  return contend_virtual_park(word, expected, static_cast<std::uint64_t>(deadline_ns)) != 0;
}
inline void wake_on(const void* word, std::uint32_t at_most) noexcept { contend_virtual_wake(word, at_most); }
inline int cpu() noexcept { return static_cast<int>(contend_virtual_cpu()); }
inline bool may_fence_all() noexcept { return true; }
inline void fence_all() noexcept { contend_virtual_fence_all(); }
inline void spend(std::uint64_t ns) noexcept { contend_virtual_work(ns); }
#else
inline void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#else
  asm volatile("" ::: "memory");
#endif
}
inline void give_way() noexcept { ::sched_yield(); }
/// futex(2); `deadline_ns` of CLOCK_MONOTONIC, 0: none. False if it passed.
inline bool wait_on(const void* word, std::uint32_t expected, std::int64_t deadline_ns) noexcept {
  if (deadline_ns == 0) {
    ::syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
    return true;
  }
  const timespec at{static_cast<std::time_t>(deadline_ns / 1'000'000'000),
                    static_cast<long>(deadline_ns % 1'000'000'000)};
  const long rc = ::syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, &at, nullptr, FUTEX_BITSET_MATCH_ANY);
  return !(rc == -1 && errno == ETIMEDOUT);
}
inline void wake_on(const void* word, std::uint32_t at_most) noexcept {
  ::syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, static_cast<int>(at_most), nullptr, nullptr, 0);
}
inline int cpu() noexcept { return ::sched_getcpu(); }
inline bool may_fence_all() noexcept {
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}
inline void fence_all() noexcept { ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0); }
/// One copy in a program, at the start of a line: how long a turn takes hangs on how the loop lies, by a factor of two
/// on a Zen 4, so what was calibrated must be the code that runs.
[[gnu::noinline, gnu::aligned(64)]] inline void spin_work(std::uint64_t turns) noexcept {
  for (std::uint64_t i = 0; i < turns; ++i) asm volatile("" : "+r"(i));
}
inline std::atomic<std::uint64_t> turns_per_1024_ns{1024};
inline void spend(std::uint64_t ns) noexcept {
  spin_work(ns * turns_per_1024_ns.load(std::memory_order_relaxed) / 1024);
}
#endif
}  // namespace detail

/// Tells the core that this thread spins. Every spin loop in the library calls it once per turn.
inline void relax() noexcept {
  detail::perturb();
  detail::pause();
}

/// Gives the processor to another runnable thread, if there is one.
inline void yield() noexcept {
  detail::perturb();
  detail::give_way();
}

/// Blocks while `word == expected`, until woken; may return spuriously. Check the condition again after it returns.
/// Memory effect: none; order the accesses to `word` itself.
inline void park(const std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
  detail::perturb();
  detail::wait_on(&word, expected, 0);
}

/// As park(), and gives up at `deadline` (steady clock). Returns false if the deadline passed, true otherwise
/// (woken, spurious, or the word had another value already).
inline bool park_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                       std::chrono::steady_clock::time_point deadline) noexcept {
  detail::perturb();
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count();
  if (ns <= 0) return false;
  return detail::wait_on(&word, expected, ns);
}

/// Wakes at most one thread parked on `word`.
inline void wake_one(const std::atomic<std::uint32_t>& word) noexcept {
  detail::perturb();
  detail::wake_on(&word, 1);
}

/// Wakes every thread parked on `word`.
inline void wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  detail::perturb();
  detail::wake_on(&word, INT32_MAX);
}

namespace detail {
struct thread_slots {
  std::atomic<std::uint64_t> taken[max_threads / 64] = {};

  unsigned take() {
    for (unsigned word = 0; word < max_threads / 64; ++word) {
      std::uint64_t bits = taken[word].load(std::memory_order_relaxed);
      while (~bits != 0) {
        const auto bit = static_cast<unsigned>(__builtin_ctzll(~bits));
        // [slot] <- give(): what the slot's last owner wrote to per-thread state is visible to the next.
        if (taken[word].compare_exchange_weak(bits, bits | (1ULL << bit), std::memory_order_acquire,
                                              std::memory_order_relaxed))
          return word * 64 + bit;
      }
    }
    throw std::runtime_error("contend: more than 1024 threads use the library at once");
  }
  void give(unsigned index) noexcept {
    // [slot] -> take()
    taken[index / 64].fetch_and(~(1ULL << (index % 64)), std::memory_order_release);
  }
};
inline thread_slots slots;
struct slot_owner {
  unsigned index = slots.take();
  ~slot_owner() { slots.give(index); }
};
}  // namespace detail

/// This thread's number: dense, below max_threads, unique among living threads, reused after a thread ended.
/// Wait-free after the first call in a thread. Throws std::runtime_error when max_threads live already.
inline unsigned thread_index() {
  thread_local const detail::slot_owner owner;
  return owner.index;
}

/// The processor this thread runs on now (stale as soon as it is read), below the number of configured processors.
inline unsigned current_cpu() noexcept {
  const int cpu = detail::cpu();
  return cpu < 0 ? 0U : static_cast<unsigned>(cpu);
}

/// The cheap half of an asymmetric fence: orders nothing by itself in the processor, only in the compiler.
/// It is paired with heavy_fence() in another thread, which makes it as strong as a seq_cst fence here.
inline void light_fence() noexcept {
  detail::perturb();
  // [asymmetric] <-> heavy_fence(): the compiler may not move an access across; the processor is the partner's care.
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

/// True when the kernel offers private expedited membarrier; registered at the first call.
inline bool has_heavy_fence() noexcept {
  static const bool available = detail::may_fence_all();
  return available;
}

/// The dear half: a seq_cst fence in every running thread of this process (membarrier, Linux 4.14).
/// Precondition: has_heavy_fence().
inline void heavy_fence() noexcept {
  detail::perturb();
  detail::fence_all();
}

/// Measures how many turns of the busy loop take one nanosecond here; work() uses it from then on.
/// The best of 16 attempts, a millisecond apart: where two processors share a core and the other one is busy for a
/// while, turns take half as long again. Takes about 20 ms. Call it once per process before measuring. Returns turns
/// per nanosecond.
inline double calibrate_work() noexcept {
#if defined(CONTEND_PLATFORM_VIRTUAL)
  return 1;  // virtual time needs no measure
#else
  using clock = std::chrono::steady_clock;
  std::uint64_t turns = 1 << 18;
  asm volatile("" : "+r"(turns));  // or the compiler makes a copy of the loop for this number
  double best = 0;
  for (int attempt = 0; attempt < 16; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const auto start = clock::now();
    detail::spin_work(turns);
    const std::chrono::duration<double, std::nano> took = clock::now() - start;
    if (took.count() > 0 && static_cast<double>(turns) / took.count() > best)
      best = static_cast<double>(turns) / took.count();
  }
  detail::turns_per_1024_ns.store(static_cast<std::uint64_t>(best * 1024), std::memory_order_relaxed);
  return best;
#endif
}

/// Keeps the processor busy for about `ns` nanoseconds without touching memory; 0 is free.
inline void work(std::uint32_t ns) noexcept {
  if (ns == 0) return;
  detail::perturb();
  detail::spend(ns);
}

}  // namespace contend::platform
