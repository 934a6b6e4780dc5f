// SPDX-License-Identifier: MIT
// See posix_cond.hpp. The protocol is that of glibc 2.25 to 2.40, over its own fields.
//
// Waiters stand in a line and are in one of two groups: signals go to the older one; the younger one takes its place
// when all of the older one have been signalled. A group has one of two slots, its number is the lowest bit of
// `position` (the younger one's) and of `start` (likewise).
//
// | field     | meaning                                                                | lowest bits            |
// |-----------|------------------------------------------------------------------------|------------------------|
// | position  | 2 × the place of the next who waits                                    | slot of the younger    |
// | start     | 2 × the place of the first of the older group                          | slot of the younger    |
// | asleep    | per slot: 2 × who uses its futex                                       | 1: wake who closes it  |
// | unsignalled | per slot: who has not been signalled; of the younger: minus who gave up | —                    |
// | size      | 4 × the size of the older group at its start                           | 2 bits: signallers' lock |
// | waiting   | 8 × who waits at all                                                   | destroy, clock, shared |
// | signals   | per slot: 2 × signals that nobody has taken                            | 1: the group is closed |
#include "posix_cond.hpp"

#include <cerrno>
#include <cstddef>

#include "posix_mutex.hpp"
#include "posix_words.hpp"

namespace contend::coherence::posix {
namespace {

struct fields {
  wide position;
  wide start;
  word asleep[2];
  word unsignalled[2];
  word size;
  word waiting;
  word signals[2];
};
static_assert(sizeof(fields) == sizeof(pthread_cond_t), "the C library's condition variable has another layout");
static_assert(offsetof(pthread_cond_t, __data.__g_refs) == offsetof(fields, asleep));
static_assert(offsetof(pthread_cond_t, __data.__wrefs) == offsetof(fields, waiting));
static_assert(offsetof(pthread_cond_t, __data.__g_signals) == offsetof(fields, signals));

fields& of(pthread_cond_t& condition) noexcept { return reinterpret_cast<fields&>(condition); }

/// Among those who signal: two bits of `size`, in the way of a mutex.
class signallers_lock {
 public:
  explicit signallers_lock(fields& f) noexcept : f_(f) {
    word seen = load(f_.size);
    while ((seen & 3) == 0)
      if (compare_exchange(f_.size, seen, seen | 1, acquire)) return;
    for (;; seen = load(f_.size)) {
      while ((seen & 3) != 2)
        if (compare_exchange(f_.size, seen, (seen & ~word{3}) | 2, acquire)) {
          if ((seen & 3) == 0) return;
          break;
        }
      futex_wait(f_.size, (seen & ~word{3}) | 2, limit{});
    }
  }
  ~signallers_lock() { unlock(); }
  signallers_lock(const signallers_lock&) = delete;
  signallers_lock& operator=(const signallers_lock&) = delete;
  void unlock() noexcept {
    if (!held_) return;
    held_ = false;
    if ((fetch_and(f_.size, ~word{3}, release) & 3) == 2) futex_wake(f_.size, 1);
  }
  [[nodiscard]] word size() const noexcept { return load(f_.size) >> 2; }
  void resize(word size) noexcept {
    const word wanted = (load(f_.size) & 3) | (size << 2);
    if ((exchange(f_.size, wanted, relaxed) & 3) != (wanted & 3)) store(f_.size, (size << 2) | 2);
  }

 private:
  fields& f_;
  bool held_ = true;
};

/// Nobody uses the slot's futex any more.
void await_nobody_asleep(fields& f, unsigned slot) noexcept {
  word seen = fetch_or(f.asleep[slot], 0, release);
  while (seen >> 1 != 0) {
    seen = fetch_or(f.asleep[slot], 1, relaxed) | 1;
    if (seen >> 1 != 0) futex_wait(f.asleep[slot], seen, limit{});
    seen = load(f.asleep[slot]);
  }
}

/// Closes the older group and makes the younger one the older; `older` is its slot then. False if there is nobody.
bool next_group(fields& f, signallers_lock& lock, wide place, unsigned& older) noexcept {
  const word size = lock.size();
  const wide start = load(f.start) >> 1;
  if (static_cast<word>(place - start - size) + read(f.unsignalled[older ^ 1]) == 0) return false;
  fetch_or(f.signals[older], 1, relaxed);
  await_nobody_asleep(f, older);
  // The lowest bit changes with the slot: 1 more if the old group was in slot 1, 1 less otherwise.
  store(f.start, load(f.start) + (wide{size} << 1) + (older == 1 ? wide{1} : ~wide{0}));
  store(f.signals[older], 0, release);
  place = fetch_xor(f.position, 1, release) >> 1;
  older ^= 1;
  const word grown = static_cast<word>(place - (start + size));
  lock.resize(grown);
  write(f.unsignalled[older], read(f.unsignalled[older]) + grown);
  return read(f.unsignalled[older]) != 0;
}

void leave_futex(fields& f, unsigned slot) noexcept {
  if (fetch_add(f.asleep[slot], word{0} - 2, release) != 3) return;
  fetch_and(f.asleep[slot], ~word{1}, relaxed);
  futex_wake(f.asleep[slot], everybody);
}

void leave(fields& f) noexcept {
  if (fetch_add(f.waiting, word{0} - 8, release) >> 2 == 3) futex_wake(f.waiting, everybody);
}

/// Who gives up waiting is no longer to be signalled; if it has been, somebody else gets the signal.
void give_up(pthread_cond_t& condition, wide place, unsigned slot) noexcept {
  fields& f = of(condition);
  bool had_signal = false;
  {
    signallers_lock lock(f);
    const wide start = load(f.start) >> 1;
    const word left = read(f.unsignalled[slot]);
    if (start > place)
      had_signal = true;
    else if (start + lock.size() > place && left == 0)
      had_signal = true;
    else
      write(f.unsignalled[slot], left - 1);
  }
  if (had_signal) condition_signal(condition);
}

/// The signal may have been one for a later group in the same slot: gives one back.
void return_signal_of_later_group(fields& f, wide place, unsigned slot) noexcept {
  const wide start = load(f.start);
  if (place >= start >> 1 || ((start & 1) ^ 1) != slot) return;
  word seen = load(f.signals[slot]);
  while (load(f.start) == start) {
    if ((seen & 1) == 0 && !compare_exchange(f.signals[slot], seen, seen + 2, relaxed)) continue;
    futex_wake(f.signals[slot], 1);
    return;
  }
}

/// Until there is a signal for the group and the caller has taken it, or the group is closed.
int await_signal(pthread_cond_t& condition, wide place, unsigned slot, const limit& until) noexcept {
  fields& f = of(condition);
  word seen = load(f.signals[slot], acquire);
  for (;;) {
    if ((seen & 1) != 0) return 0;
    if (seen != 0) {
      if (!compare_exchange(f.signals[slot], seen, seen - 2, acquire)) continue;
      return_signal_of_later_group(f, place, slot);
      return 0;
    }
    fetch_add(f.asleep[slot], 2, acquire);
    if ((load(f.signals[slot], acquire) & 1) != 0 || place < load(f.start) >> 1) {
      leave_futex(f, slot);
      return 0;
    }
    const int ended = futex_wait(f.signals[slot], 0, until);
    leave_futex(f, slot);
    if (ended == ETIMEDOUT) {
      give_up(condition, place, slot);
      return ETIMEDOUT;
    }
    seen = load(f.signals[slot], acquire);
  }
}

}  // namespace

clockid_t condition_clock(pthread_cond_t& condition) noexcept {
  return (load(of(condition).waiting) & 2) != 0 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

int condition_wait(pthread_cond_t& condition, pthread_mutex_t& mutex, const limit& until) noexcept {
  if (until.at != nullptr && !valid(*until.at)) return EINVAL;
  fields& f = of(condition);
  const wide position = fetch_add(f.position, 2, acquire);
  const unsigned slot = position & 1;
  const wide place = position >> 1;
  fetch_add(f.waiting, 8, relaxed);
  if (const int error = mutex_unlock(mutex, users::unchanged); error != 0) {
    give_up(condition, place, slot);
    leave(f);
    return error;
  }
  const int ended = await_signal(condition, place, slot, until);
  leave(f);
  const int error = mutex_lock_after_wait(mutex);
  return error != 0 ? error : ended;
}

void condition_signal(pthread_cond_t& condition) noexcept {
  fields& f = of(condition);
  if (load(f.waiting) >> 3 == 0) return;
  signallers_lock lock(f);
  const wide position = load(f.position);
  unsigned older = (position & 1) ^ 1;
  if (read(f.unsignalled[older]) == 0 && !next_group(f, lock, position >> 1, older)) return;
  fetch_add(f.signals[older], 2, relaxed);
  write(f.unsignalled[older], read(f.unsignalled[older]) - 1);
  lock.unlock();
  futex_wake(f.signals[older], 1);
}

void condition_broadcast(pthread_cond_t& condition) noexcept {
  fields& f = of(condition);
  if (load(f.waiting) >> 3 == 0) return;
  signallers_lock lock(f);
  const wide position = load(f.position);
  unsigned older = (position & 1) ^ 1;
  const auto signal_all = [&] {
    fetch_add(f.signals[older], read(f.unsignalled[older]) << 1, relaxed);
    write(f.unsignalled[older], word{0});
  };
  if (read(f.unsignalled[older]) != 0) {
    signal_all();
    futex_wake(f.signals[older], everybody);
  }
  if (!next_group(f, lock, position >> 1, older)) return;
  signal_all();
  lock.unlock();
  futex_wake(f.signals[older], everybody);
}

}  // namespace contend::coherence::posix
