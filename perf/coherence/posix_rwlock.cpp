// SPDX-License-Identifier: MIT
// See posix_rwlock.hpp. The protocol is that of glibc 2.25 and later, over its own fields.
//
// __readers: the phase of the lock, and who wants to change it.
//
// | bits         | meaning                                        | set by                  | cleared by              |
// |--------------|------------------------------------------------|-------------------------|-------------------------|
// | write_phase  | readers must wait for the phase to end         | writer, last reader     | writer, first reader    |
// | writer       | somebody is the writer, or about to be         | who becomes the writer  | that writer             |
// | held_back    | readers sleep on __readers behind a writer     | those readers           | last reader, the writer |
// | 8 × readers  | who reads or waits for a read phase            | each reader             | each reader             |
//
// __wrphase_futex and __writers_futex are 0 or 1 (write phase; a writer there is), and 2 more once somebody sleeps.
#include "posix_rwlock.hpp"

#include <cerrno>

#include "posix_words.hpp"

namespace contend::coherence::posix {
namespace {

constexpr word write_phase = 1;
constexpr word writer = 2;
constexpr word held_back = 4;
constexpr word one_reader = 8;
constexpr word sleeper = 2;                  // in the futex words
constexpr word handed_over = word{1} << 31;  // in __writers: one of those who wait is the writer now

constexpr bool has_readers(word r) noexcept { return r >= one_reader; }

struct fields {
  word& readers;
  word& waiting_writers;
  word& phase;
  word& writers;
  word& owner;
  unsigned preference;
  explicit fields(pthread_rwlock_t& lock) noexcept
      : readers(lock.__data.__readers),
        waiting_writers(lock.__data.__writers),
        phase(lock.__data.__wrphase_futex),
        writers(lock.__data.__writers_futex),
        owner(as_word(lock.__data.__cur_writer)),
        preference(lock.__data.__flags) {}
  [[nodiscard]] bool readers_first() const noexcept { return preference == PTHREAD_RWLOCK_PREFER_READER_NP; }
  [[nodiscard]] bool writers_first_always() const noexcept {
    return preference == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP;
  }
};

/// Tells who sleeps on it that the phase is another one.
void announce_phase(fields& f, word phase) noexcept {
  if ((exchange(f.phase, phase, relaxed) & sleeper) != 0) futex_wake(f.phase, everybody);
}

/// Waits until whoever changes the phase has announced it. After the date withdraw() is asked: true if it could.
template <class Withdraw>
int await_phase(fields& f, word wanted, const limit& until, Withdraw withdraw) noexcept {
  const word asleep = (wanted ^ 1) | sleeper;
  for (bool agreed = false;; agreed = ((load(f.readers, acquire) & write_phase) != 0) == (wanted == 1)) {
    for (word seen = load(f.phase); (seen & ~sleeper) != wanted; seen = load(f.phase)) {
      if (seen != asleep && !compare_exchange(f.phase, seen, asleep, relaxed)) continue;
      if (futex_wait(f.phase, asleep, until) != ETIMEDOUT) continue;
      if (withdraw()) return ETIMEDOUT;
      while ((load(f.phase) & ~sleeper) != wanted) {
      }
      return 0;
    }
    if (agreed) return 0;
  }
}

/// A reader lets the writer that waits for the last of the readers go first.
int stay_behind_writer(fields& f, const limit& until) noexcept {
  word r = load(f.readers);
  while ((r & write_phase) == 0 && (r & writer) != 0 && has_readers(r)) {
    if (!compare_exchange(f.readers, r, r | held_back, relaxed)) continue;
    while (((r = load(f.readers)) & held_back) != 0)
      if (futex_wait(f.readers, r, until) == ETIMEDOUT) return ETIMEDOUT;
  }
  return 0;
}

/// Waits to be the one writer; `slept`: its futex word must go on saying that somebody may sleep.
int become_writer(fields& f, word& r, const limit& until, bool& slept) noexcept {
  r = fetch_or(f.readers, writer, acquire);
  if ((r & writer) == 0) return 0;
  const bool in_line = !f.readers_first();
  if (in_line) fetch_add(f.waiting_writers, 1, relaxed);
  for (;;) {
    if ((r & writer) == 0) {
      if (!compare_exchange(f.readers, r, r | writer, acquire)) continue;
      if (in_line) fetch_add(f.waiting_writers, ~word{0}, relaxed);
      return 0;
    }
    if (in_line) {
      word w = load(f.waiting_writers);
      if ((w & handed_over) != 0) {
        if (!compare_exchange(f.waiting_writers, w, w - handed_over - 1, acquire)) continue;
        r = load(f.readers);
        return 0;
      }
    }
    word seen = load(f.writers);
    const bool may_sleep =
        seen == (1 | sleeper) || ((seen & ~sleeper) == 1 && compare_exchange(f.writers, seen, 1 | sleeper, relaxed));
    if (may_sleep) {
      slept = true;
      if (futex_wait(f.writers, 1 | sleeper, until) == ETIMEDOUT) {
        if (!in_line) return ETIMEDOUT;
        word w = load(f.waiting_writers);
        while (!compare_exchange(f.waiting_writers, w, w == handed_over + 1 ? 0 : w - 1, acquire)) {
        }
        if (w != handed_over + 1) return ETIMEDOUT;
        r = load(f.readers);  // the last who waited, and it has been made the writer
        return 0;
      }
    }
    r = load(f.readers);
  }
}

/// A writer that waited too long for the readers gives its place up: true if it could.
bool withdraw_writer(fields& f) noexcept {
  if (!f.readers_first()) {
    word w = load(f.waiting_writers);
    if (w != 0) {
      const word was = exchange(f.writers, 0, relaxed);
      while (w != 0) {
        if (!compare_exchange(f.waiting_writers, w, w | handed_over, release)) continue;
        if ((was & sleeper) != 0) futex_wake(f.writers, 1);
        return true;
      }
      store(f.writers, was);
    }
  }
  word r = load(f.readers);
  if ((r & write_phase) != 0) return false;
  const word was = exchange(f.writers, 0, relaxed);
  while ((r & write_phase) == 0) {
    if (!compare_exchange(f.readers, r, (r ^ writer) & ~held_back, release)) continue;
    if ((was & sleeper) != 0) futex_wake(f.writers, 1);
    if ((r & held_back) != 0) futex_wake(f.readers, everybody);
    return true;
  }
  store(f.writers, was);
  return false;
}

void unlock_reader(fields& f) noexcept {
  word r = load(f.readers);
  word next = 0;
  do {
    next = r - one_reader;
    if (!has_readers(next)) {
      if ((next & writer) != 0) next |= write_phase;
      next &= ~held_back;
    }
  } while (!compare_exchange(f.readers, r, next, release));
  if ((next & write_phase) != 0) announce_phase(f, 1);
  if ((r & held_back) != (next & held_back)) futex_wake(f.readers, everybody);
}

void unlock_writer(fields& f) noexcept {
  store(f.owner, 0);
  const bool wake_one = (exchange(f.writers, 0, relaxed) & sleeper) != 0;
  bool given = false;
  if (!f.readers_first()) {
    word w = load(f.waiting_writers);
    while (w != 0 && !given) given = compare_exchange(f.waiting_writers, w, w | handed_over, release);
  }
  if (!given) {
    word r = load(f.readers);
    while (!compare_exchange(f.readers, r, (r ^ writer) ^ (has_readers(r) ? write_phase : 0), release)) {
    }
    if (has_readers(r)) announce_phase(f, 0);
  }
  if (wake_one) futex_wake(f.writers, 1);
}

}  // namespace

int rwlock_read(pthread_rwlock_t& lock, const limit& until) noexcept {
  if (until.at != nullptr && !valid(*until.at)) return EINVAL;
  fields f(lock);
  if (load(f.owner) == static_cast<word>(thread_id())) return EDEADLK;
  if (f.writers_first_always() && stay_behind_writer(f, until) != 0) return ETIMEDOUT;
  word r = fetch_add(f.readers, one_reader, acquire) + one_reader;
  if ((r & write_phase) == 0) return 0;
  while ((r & write_phase) != 0 && (r & writer) == 0) {
    if (!compare_exchange(f.readers, r, r ^ write_phase, acquire)) continue;
    announce_phase(f, 0);
    return 0;
  }
  return await_phase(f, 0, until, [&f] {
    word now = load(f.readers);
    while ((now & write_phase) != 0)
      if (compare_exchange(f.readers, now, now - one_reader, relaxed)) return true;
    return false;
  });
}

int rwlock_write(pthread_rwlock_t& lock, const limit& until) noexcept {
  if (until.at != nullptr && !valid(*until.at)) return EINVAL;
  fields f(lock);
  if (load(f.owner) == static_cast<word>(thread_id())) return EDEADLK;
  word r = 0;
  bool slept = false;
  if (become_writer(f, r, until, slept) != 0) return ETIMEDOUT;
  r |= writer;
  store(f.writers, 1 | (slept ? sleeper : 0));
  bool mine = (r & write_phase) != 0;
  while (!mine && !has_readers(r) && (r & write_phase) == 0) {
    if (!compare_exchange(f.readers, r, r | write_phase, acquire)) continue;
    store(f.phase, 1);
    mine = true;
  }
  if (!mine && await_phase(f, 1, until, [&f] { return withdraw_writer(f); }) != 0) return ETIMEDOUT;
  store(f.owner, static_cast<word>(thread_id()));
  return 0;
}

int rwlock_try_read(pthread_rwlock_t& lock) noexcept {
  fields f(lock);
  word r = load(f.readers);
  word next = 0;
  do {
    const bool writes = (r & write_phase) != 0;
    if ((r & writer) != 0 && (writes || f.writers_first_always())) return EBUSY;
    next = (r + one_reader) & ~write_phase;
  } while (!compare_exchange(f.readers, r, next, acquire));
  if ((r & write_phase) != 0) store(f.phase, 0);
  return 0;
}

int rwlock_try_write(pthread_rwlock_t& lock) noexcept {
  fields f(lock);
  word r = load(f.readers);
  while ((r & writer) == 0 && (!has_readers(r) || (!f.readers_first() && (r & write_phase) != 0))) {
    if (!compare_exchange(f.readers, r, r | write_phase | writer, acquire)) continue;
    store(f.writers, 1);
    store(f.phase, 1);
    store(f.owner, static_cast<word>(thread_id()));
    return 0;
  }
  return EBUSY;
}

void rwlock_unlock(pthread_rwlock_t& lock) noexcept {
  fields f(lock);
  if (load(f.owner) == static_cast<word>(thread_id()))
    unlock_writer(f);
  else
    unlock_reader(f);
}

}  // namespace contend::coherence::posix
