// SPDX-License-Identifier: MIT
// The C library's barrier, semaphore, spin lock and once-flag as a simulated thread uses them.
#pragma once

#include <pthread.h>
#include <semaphore.h>

#include "posix.hpp"

namespace contend::coherence::posix {

/// PTHREAD_BARRIER_SERIAL_THREAD for one of the threads, 0 for the others.
int barrier_wait(pthread_barrier_t& barrier) noexcept;

void spin_lock(pthread_spinlock_t& lock) noexcept;
/// 0 or EBUSY.
int spin_try_lock(pthread_spinlock_t& lock) noexcept;
void spin_unlock(pthread_spinlock_t& lock) noexcept;

/// Calls what has not been called, or waits for who calls it. If it throws, so does this, and the next one calls.
void once(pthread_once_t& flag, void (*call)());

/// 0, ETIMEDOUT or EINVAL (no such date).
int semaphore_wait(sem_t& semaphore, const limit& until = {}) noexcept;
/// 0 or EAGAIN.
int semaphore_try_wait(sem_t& semaphore) noexcept;
/// 0 or EOVERFLOW.
int semaphore_post(sem_t& semaphore) noexcept;

}  // namespace contend::coherence::posix
