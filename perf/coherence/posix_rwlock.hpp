// SPDX-License-Identifier: MIT
// The C library's lock for readers and writers as a simulated thread uses it.
#pragma once

#include <pthread.h>

#include "posix.hpp"

namespace contend::coherence::posix {

/// 0, EDEADLK (the caller writes already), ETIMEDOUT or EINVAL (no such date).
int rwlock_read(pthread_rwlock_t& lock, const limit& until = {}) noexcept;
int rwlock_write(pthread_rwlock_t& lock, const limit& until = {}) noexcept;
/// 0 or EBUSY.
int rwlock_try_read(pthread_rwlock_t& lock) noexcept;
int rwlock_try_write(pthread_rwlock_t& lock) noexcept;
void rwlock_unlock(pthread_rwlock_t& lock) noexcept;

}  // namespace contend::coherence::posix
