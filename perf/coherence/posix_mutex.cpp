// SPDX-License-Identifier: MIT
// See posix_mutex.hpp. The protocol is that of glibc 2.34 and later, over its own fields, so that a mutex that was
// taken natively is taken in the simulation, too.
//
// | __lock | meaning                          | changed by                                  |
// |--------|----------------------------------|---------------------------------------------|
// | 0      | free                             | the owner, when it unlocks                  |
// | 1      | taken                            | who finds 0                                 |
// | 2      | taken, and somebody may sleep    | who is about to sleep, and who has slept    |
#include "posix_mutex.hpp"

#include <cerrno>
#include <limits>

#include "posix_words.hpp"

namespace contend::coherence::posix {
namespace {

constexpr word free_word = 0;
constexpr word taken = 1;
constexpr word contended = 2;

enum kind : int { normal = 0, recursive = 1, errorcheck = 2, adaptive = 3 };

/// The C library's limit on what an adaptive mutex spins.
constexpr int most_spins = 100;

kind kind_of(pthread_mutex_t& mutex) noexcept {
  const int bits = read(mutex.__data.__kind) & 0x7f;  // beyond: shared between processes, elision
  if (bits > adaptive) refuse("a robust, priority-inheriting or priority-protected mutex");
  return static_cast<kind>(bits);
}

bool try_take(word& lock) noexcept {
  word seen = free_word;
  return compare_exchange(lock, seen, taken, acquire);
}

int sleep_and_take(word& lock, const limit& until) noexcept {
  if (until.at != nullptr && !valid(*until.at)) return EINVAL;
  bool first_sleep = until.at == nullptr && load(lock) == contended;
  while (first_sleep || exchange(lock, contended, acquire) != free_word) {
    first_sleep = false;
    if (futex_wait(lock, contended, until) == ETIMEDOUT) return ETIMEDOUT;
  }
  return 0;
}

int take(word& lock, const limit& until) noexcept { return try_take(lock) ? 0 : sleep_and_take(lock, until); }

int spin_and_take(pthread_mutex_t& mutex, word& lock, const limit& until) noexcept {
  if (try_take(lock)) return 0;
  short& average = mutex.__data.__spins;
  const int most = average * 2 + 10 < most_spins ? average * 2 + 10 : most_spins;
  int spins = 0;
  int error = 0;
  do {
    if (spins++ >= most) {
      error = take(lock, until);
      break;
    }
    relax();
  } while (!try_take(lock));
  average = static_cast<short>(average + (spins - average) / 8);
  return error;
}

void become_owner(pthread_mutex_t& mutex) noexcept {
  write(mutex.__data.__owner, thread_id());
  write(mutex.__data.__nusers, read(mutex.__data.__nusers) + 1);
}

}  // namespace

int mutex_lock(pthread_mutex_t& mutex, const limit& until) noexcept {
  auto& fields = mutex.__data;
  word& lock = as_word(fields.__lock);
  int error = 0;
  switch (kind_of(mutex)) {
    case normal:
      error = take(lock, until);
      break;
    case adaptive:
      error = spin_and_take(mutex, lock, until);
      break;
    case errorcheck:
      if (read(fields.__owner) == thread_id()) return EDEADLK;
      error = take(lock, until);
      break;
    case recursive:
      if (read(fields.__owner) == thread_id()) {
        const unsigned depth = read(fields.__count);
        if (depth == std::numeric_limits<unsigned>::max()) return EAGAIN;
        write(fields.__count, depth + 1);
        return 0;
      }
      error = take(lock, until);
      if (error == 0) write(fields.__count, 1U);
      break;
  }
  if (error == 0) become_owner(mutex);
  return error;
}

int mutex_try_lock(pthread_mutex_t& mutex) noexcept {
  auto& fields = mutex.__data;
  const bool again = kind_of(mutex) == recursive;
  if (again && read(fields.__owner) == thread_id()) {
    const unsigned depth = read(fields.__count);
    if (depth == std::numeric_limits<unsigned>::max()) return EAGAIN;
    write(fields.__count, depth + 1);
    return 0;
  }
  if (!try_take(as_word(fields.__lock))) return EBUSY;
  if (again) write(fields.__count, 1U);
  become_owner(mutex);
  return 0;
}

int mutex_unlock(pthread_mutex_t& mutex, users change) noexcept {
  auto& fields = mutex.__data;
  word& lock = as_word(fields.__lock);
  switch (kind_of(mutex)) {
    case normal:
    case adaptive:
      break;
    case errorcheck:
      if (read(fields.__owner) != thread_id() || load(lock) == free_word) return EPERM;
      break;
    case recursive:
      if (read(fields.__owner) != thread_id()) return EPERM;
      const unsigned depth = read(fields.__count) - 1;
      write(fields.__count, depth);
      if (depth != 0) return 0;
      break;
  }
  write(fields.__owner, 0);
  if (change == users::counted) write(fields.__nusers, read(fields.__nusers) - 1);
  if (exchange(lock, free_word, release) == contended) futex_wake(lock, 1);
  return 0;
}

int mutex_lock_after_wait(pthread_mutex_t& mutex) noexcept {
  auto& fields = mutex.__data;
  const bool again = kind_of(mutex) == recursive;
  word& lock = as_word(fields.__lock);
  // Taken as contended: others that were woken with this thread may sleep on it.
  while (exchange(lock, contended, acquire) != free_word) futex_wait(lock, contended, limit{});
  if (again) write(fields.__count, 1U);
  write(fields.__owner, thread_id());
  return 0;
}

}  // namespace contend::coherence::posix
