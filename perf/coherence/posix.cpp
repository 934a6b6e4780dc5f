// SPDX-License-Identifier: MIT
// The C library's locks and what else blocks: a simulated thread's calls run in virtual time over the model, everybody
// else's are passed on. A program gets these because its own definitions win over a shared library's.
#include "posix.hpp"

#include <pthread.h>
#include <semaphore.h>

#include <cerrno>

#include "engine.hpp"
#include "posix_cond.hpp"
#include "posix_mutex.hpp"
#include "posix_rwlock.hpp"
#include "posix_sync.hpp"

namespace contend::coherence::posix {
namespace {

CONTEND_REAL(pthread_mutex_lock)
CONTEND_REAL(pthread_mutex_trylock)
CONTEND_REAL(pthread_mutex_timedlock)
CONTEND_REAL(pthread_mutex_clocklock)
CONTEND_REAL(pthread_mutex_unlock)
CONTEND_REAL(pthread_rwlock_rdlock)
CONTEND_REAL(pthread_rwlock_tryrdlock)
CONTEND_REAL(pthread_rwlock_timedrdlock)
CONTEND_REAL(pthread_rwlock_clockrdlock)
CONTEND_REAL(pthread_rwlock_wrlock)
CONTEND_REAL(pthread_rwlock_trywrlock)
CONTEND_REAL(pthread_rwlock_timedwrlock)
CONTEND_REAL(pthread_rwlock_clockwrlock)
CONTEND_REAL(pthread_rwlock_unlock)
CONTEND_REAL(pthread_cond_wait)
CONTEND_REAL(pthread_cond_timedwait)
CONTEND_REAL(pthread_cond_clockwait)
CONTEND_REAL(pthread_cond_signal)
CONTEND_REAL(pthread_cond_broadcast)
CONTEND_REAL(pthread_barrier_wait)
CONTEND_REAL(pthread_spin_lock)
CONTEND_REAL(pthread_spin_trylock)
CONTEND_REAL(pthread_spin_unlock)
CONTEND_REAL(pthread_once)
CONTEND_REAL(sem_wait)
CONTEND_REAL(sem_trywait)
CONTEND_REAL(sem_timedwait)
CONTEND_REAL(sem_clockwait)
CONTEND_REAL(sem_post)
CONTEND_REAL(pthread_create)
CONTEND_REAL(pthread_join)
CONTEND_REAL(pthread_exit)

/// simulated(), and the call's own time.
bool called(const void* from) noexcept {
  if (!simulated(from)) return false;
  engine::spend_alone(*current->running, current->m.libc_call);
  return true;
}

/// sem_*() give their error in errno.
int with_errno(int error) noexcept {
  if (error == 0) return 0;
  errno = error;
  return -1;
}

}  // namespace

void link_posix() noexcept {}

}  // namespace contend::coherence::posix

using namespace contend::coherence::posix;

#define HERE __builtin_return_address(0)

extern "C" {

int pthread_mutex_lock(pthread_mutex_t* m) noexcept {
  return called(HERE) ? mutex_lock(*m) : real_pthread_mutex_lock(m);
}
int pthread_mutex_trylock(pthread_mutex_t* m) noexcept {
  return called(HERE) ? mutex_try_lock(*m) : real_pthread_mutex_trylock(m);
}
int pthread_mutex_timedlock(pthread_mutex_t* m, const timespec* until) noexcept {
  return called(HERE) ? mutex_lock(*m, {CLOCK_REALTIME, until}) : real_pthread_mutex_timedlock(m, until);
}
int pthread_mutex_clocklock(pthread_mutex_t* m, clockid_t clock, const timespec* until) noexcept {
  return called(HERE) ? mutex_lock(*m, {clock, until}) : real_pthread_mutex_clocklock(m, clock, until);
}
int pthread_mutex_unlock(pthread_mutex_t* m) noexcept {
  return called(HERE) ? mutex_unlock(*m) : real_pthread_mutex_unlock(m);
}

int pthread_rwlock_rdlock(pthread_rwlock_t* l) noexcept {
  return called(HERE) ? rwlock_read(*l) : real_pthread_rwlock_rdlock(l);
}
int pthread_rwlock_tryrdlock(pthread_rwlock_t* l) noexcept {
  return called(HERE) ? rwlock_try_read(*l) : real_pthread_rwlock_tryrdlock(l);
}
int pthread_rwlock_timedrdlock(pthread_rwlock_t* l, const timespec* until) noexcept {
  return called(HERE) ? rwlock_read(*l, {CLOCK_REALTIME, until}) : real_pthread_rwlock_timedrdlock(l, until);
}
int pthread_rwlock_clockrdlock(pthread_rwlock_t* l, clockid_t clock, const timespec* until) noexcept {
  return called(HERE) ? rwlock_read(*l, {clock, until}) : real_pthread_rwlock_clockrdlock(l, clock, until);
}
int pthread_rwlock_wrlock(pthread_rwlock_t* l) noexcept {
  return called(HERE) ? rwlock_write(*l) : real_pthread_rwlock_wrlock(l);
}
int pthread_rwlock_trywrlock(pthread_rwlock_t* l) noexcept {
  return called(HERE) ? rwlock_try_write(*l) : real_pthread_rwlock_trywrlock(l);
}
int pthread_rwlock_timedwrlock(pthread_rwlock_t* l, const timespec* until) noexcept {
  return called(HERE) ? rwlock_write(*l, {CLOCK_REALTIME, until}) : real_pthread_rwlock_timedwrlock(l, until);
}
int pthread_rwlock_clockwrlock(pthread_rwlock_t* l, clockid_t clock, const timespec* until) noexcept {
  return called(HERE) ? rwlock_write(*l, {clock, until}) : real_pthread_rwlock_clockwrlock(l, clock, until);
}
int pthread_rwlock_unlock(pthread_rwlock_t* l) noexcept {
  if (!called(HERE)) return real_pthread_rwlock_unlock(l);
  rwlock_unlock(*l);
  return 0;
}

int pthread_cond_wait(pthread_cond_t* c, pthread_mutex_t* m) {
  return called(HERE) ? condition_wait(*c, *m) : real_pthread_cond_wait(c, m);
}
int pthread_cond_timedwait(pthread_cond_t* c, pthread_mutex_t* m, const timespec* until) {
  return called(HERE) ? condition_wait(*c, *m, {condition_clock(*c), until}) : real_pthread_cond_timedwait(c, m, until);
}
int pthread_cond_clockwait(pthread_cond_t* c, pthread_mutex_t* m, clockid_t clock, const timespec* until) {
  return called(HERE) ? condition_wait(*c, *m, {clock, until}) : real_pthread_cond_clockwait(c, m, clock, until);
}
int pthread_cond_signal(pthread_cond_t* c) noexcept {
  if (!called(HERE)) return real_pthread_cond_signal(c);
  condition_signal(*c);
  return 0;
}
int pthread_cond_broadcast(pthread_cond_t* c) noexcept {
  if (!called(HERE)) return real_pthread_cond_broadcast(c);
  condition_broadcast(*c);
  return 0;
}

int pthread_barrier_wait(pthread_barrier_t* b) noexcept {
  return called(HERE) ? barrier_wait(*b) : real_pthread_barrier_wait(b);
}

int pthread_spin_lock(pthread_spinlock_t* l) noexcept {
  if (!called(HERE)) return real_pthread_spin_lock(l);
  spin_lock(*l);
  return 0;
}
int pthread_spin_trylock(pthread_spinlock_t* l) noexcept {
  return called(HERE) ? spin_try_lock(*l) : real_pthread_spin_trylock(l);
}
int pthread_spin_unlock(pthread_spinlock_t* l) noexcept {
  if (!called(HERE)) return real_pthread_spin_unlock(l);
  spin_unlock(*l);
  return 0;
}

int pthread_once(pthread_once_t* flag, void (*call)()) {
  if (!called(HERE)) return real_pthread_once(flag, call);
  once(*flag, call);
  return 0;
}

int sem_wait(sem_t* s) { return called(HERE) ? with_errno(semaphore_wait(*s)) : real_sem_wait(s); }
int sem_trywait(sem_t* s) noexcept { return called(HERE) ? with_errno(semaphore_try_wait(*s)) : real_sem_trywait(s); }
int sem_timedwait(sem_t* s, const timespec* until) {
  return called(HERE) ? with_errno(semaphore_wait(*s, {CLOCK_REALTIME, until})) : real_sem_timedwait(s, until);
}
int sem_clockwait(sem_t* s, clockid_t clock, const timespec* until) {
  return called(HERE) ? with_errno(semaphore_wait(*s, {clock, until})) : real_sem_clockwait(s, clock, until);
}
int sem_post(sem_t* s) noexcept { return called(HERE) ? with_errno(semaphore_post(*s)) : real_sem_post(s); }

// What would start, await or end an OS thread has no meaning for a fiber.
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) noexcept {
  if (simulated(HERE)) refuse("pthread_create()");
  return real_pthread_create(thread, attributes, start, argument);
}
int pthread_join(pthread_t thread, void** result) {
  if (simulated(HERE)) refuse("pthread_join()");
  return real_pthread_join(thread, result);
}
void pthread_exit(void* result) {
  if (simulated(HERE)) refuse("pthread_exit()");
  real_pthread_exit(result);
  std::abort();
}
}
