// SPDX-License-Identifier: MIT
// See posix_sync.hpp. The protocols are those of glibc 2.25 and later, over its own fields.
#include "posix_sync.hpp"

#include <cerrno>
#include <limits>

#include "posix_words.hpp"

namespace contend::coherence::posix {
namespace {

/// In a pthread_barrier_t. Threads count themselves in; the last of a round moves `round` to the number of its last.
struct barrier_fields {
  word in;
  word round;
  word count;
  int shared;
  word out;
};
static_assert(sizeof(barrier_fields) <= sizeof(pthread_barrier_t));

/// Beyond so many who came in a barrier starts again from zero: half of what the counter holds.
constexpr word most_in = std::numeric_limits<word>::max() / 2;

/// In a sem_t: its value below, 2³² × those who wait above.
struct semaphore_fields {
  wide value;
  int shared;
};
static_assert(sizeof(semaphore_fields) <= sizeof(sem_t));
constexpr wide one_waiter = wide{1} << 32;
constexpr word value_of(wide w) noexcept { return static_cast<word>(w); }
/// The half with the value, which waiters sleep on; the processors that fibers know are little-endian.
const word& value_word(semaphore_fields& s) noexcept {
  const void* const low = &s.value;
  return *static_cast<const word*>(low);
}

// In a pthread_once_t: 0, in_progress (with the number of forks above, which does not matter here) or called.
constexpr word in_progress = 1;
constexpr word called = 2;

#if defined(__x86_64__)
constexpr word spin_free = 1;
constexpr word spin_taken = 0;
#else
constexpr word spin_free = 0;
constexpr word spin_taken = 1;
#endif

word& as_word(volatile int& lock) noexcept { return const_cast<word&>(reinterpret_cast<volatile word&>(lock)); }

}  // namespace

int barrier_wait(pthread_barrier_t& barrier) noexcept {
  auto& b = reinterpret_cast<barrier_fields&>(barrier);
  word place = 0;
  word count = 0;
  word last_before_reset = 0;
  for (;;) {
    place = fetch_add(b.in, 1, acquire_release) + 1;
    count = read(b.count);
    last_before_reset = most_in - most_in % count;
    if (place <= last_before_reset) break;
    while (place > last_before_reset) {
      futex_wait(b.in, place, limit{});
      place = load(b.in);
    }
  }
  word round = load(b.round);
  while (round + count <= place) {
    const word complete = place - place % count;
    if (!compare_exchange(b.round, round, complete, release)) continue;
    round = complete;
    futex_wake(b.round, everybody);
    break;
  }
  while (place > round) {
    futex_wait(b.round, round, limit{});
    round = load(b.round);
  }
  if (fetch_add(b.out, 1, release) + 1 == last_before_reset) {
    store(b.round, 0);
    store(b.out, 0);
    store(b.in, 0, release);
    futex_wake(b.in, everybody);
  }
  return place % count == 0 ? PTHREAD_BARRIER_SERIAL_THREAD : 0;
}

void spin_lock(pthread_spinlock_t& lock) noexcept {
  word& w = as_word(lock);
#if defined(__x86_64__)
  while (fetch_add(w, ~word{0}, acquire) != spin_free) {
    do relax();
    while (static_cast<int>(load(w)) <= 0);
  }
#else
  while (exchange(w, spin_taken, acquire) != spin_free) {
    do relax();
    while (load(w) != spin_free);
  }
#endif
}

int spin_try_lock(pthread_spinlock_t& lock) noexcept {
  word seen = spin_free;
  return compare_exchange(as_word(lock), seen, spin_taken, acquire) ? 0 : EBUSY;
}

void spin_unlock(pthread_spinlock_t& lock) noexcept { store(as_word(lock), spin_free, release); }

void once(pthread_once_t& flag, void (*call)()) {
  word& w = posix::as_word(flag);
  word seen = load(w, acquire);
  for (;;) {
    if ((seen & called) != 0) return;
    if ((seen & in_progress) != 0) {
      futex_wait(w, seen, limit{});
      seen = load(w, acquire);
    } else if (compare_exchange(w, seen, in_progress, acquire)) {
      break;
    }
  }
  try {
    call();
  } catch (...) {
    store(w, 0, release);
    futex_wake(w, everybody);
    throw;
  }
  store(w, called, release);
  futex_wake(w, everybody);
}

int semaphore_wait(sem_t& semaphore, const limit& until) noexcept {
  auto& s = reinterpret_cast<semaphore_fields&>(semaphore);
  wide seen = load(s.value);
  if (value_of(seen) != 0 && compare_exchange(s.value, seen, seen - 1, acquire)) return 0;
  if (until.at != nullptr && !valid(*until.at)) return EINVAL;
  seen = fetch_add(s.value, one_waiter, relaxed) + one_waiter;
  for (;;) {
    if (value_of(seen) != 0) {
      if (compare_exchange(s.value, seen, seen - 1 - one_waiter, acquire)) return 0;
      continue;
    }
    if (futex_wait(value_word(s), 0, until) == ETIMEDOUT) {
      fetch_add(s.value, wide{0} - one_waiter, relaxed);
      return ETIMEDOUT;
    }
    seen = load(s.value);
  }
}

int semaphore_try_wait(sem_t& semaphore) noexcept {
  auto& s = reinterpret_cast<semaphore_fields&>(semaphore);
  wide seen = load(s.value);
  while (value_of(seen) != 0)
    if (compare_exchange(s.value, seen, seen - 1, acquire)) return 0;
  return EAGAIN;
}

int semaphore_post(sem_t& semaphore) noexcept {
  auto& s = reinterpret_cast<semaphore_fields&>(semaphore);
  wide seen = load(s.value);
  do {
    if (value_of(seen) == SEM_VALUE_MAX) return EOVERFLOW;
  } while (!compare_exchange(s.value, seen, seen + 1, release));
  if (seen >= one_waiter) futex_wake(value_word(s), 1);
  return 0;
}

}  // namespace contend::coherence::posix
