// SPDX-License-Identifier: MIT
// The C library's mutex as a simulated thread uses it; condition variables need it, too.
#pragma once

#include <pthread.h>

#include "posix.hpp"

namespace contend::coherence::posix {

/// Who counts as a user: a thread that waits on a condition variable goes on being one.
enum class users : std::uint8_t { counted, unchanged };

/// 0, EDEADLK (errorcheck), EAGAIN (recursion too deep), ETIMEDOUT or EINVAL (no such date).
int mutex_lock(pthread_mutex_t& mutex, const limit& until = {}) noexcept;
/// 0 or EBUSY.
int mutex_try_lock(pthread_mutex_t& mutex) noexcept;
/// 0, or EPERM if the caller does not own it and the kind of mutex minds.
int mutex_unlock(pthread_mutex_t& mutex, users change = users::counted) noexcept;
/// Takes it back after a wait on a condition variable.
int mutex_lock_after_wait(pthread_mutex_t& mutex) noexcept;

}  // namespace contend::coherence::posix
