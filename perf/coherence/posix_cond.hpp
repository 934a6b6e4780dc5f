// SPDX-License-Identifier: MIT
// The C library's condition variable as a simulated thread uses it.
#pragma once

#include <pthread.h>

#include "posix.hpp"

namespace contend::coherence::posix {

/// The clock that pthread_condattr_setclock(3) chose.
[[nodiscard]] clockid_t condition_clock(pthread_cond_t& condition) noexcept;
/// 0, ETIMEDOUT, EINVAL (no such date), or what unlocking the mutex came to.
int condition_wait(pthread_cond_t& condition, pthread_mutex_t& mutex, const limit& until = {}) noexcept;
void condition_signal(pthread_cond_t& condition) noexcept;
void condition_broadcast(pthread_cond_t& condition) noexcept;

}  // namespace contend::coherence::posix
