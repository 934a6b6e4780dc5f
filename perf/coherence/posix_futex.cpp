// SPDX-License-Identifier: MIT
// See posix.hpp: the futex, and syscall(2), through which std::atomic::wait and others call it.
#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "posix.hpp"

namespace contend::coherence::posix {
namespace {

CONTEND_REAL(syscall)

const void* callers[slots];

/// What a futex call returns, with errno.
long with_errno(int error) noexcept {
  if (error == 0) return 0;
  errno = error;
  return -1;
}

long futex_call(const long (&a)[6]) noexcept {
  const auto& word = *reinterpret_cast<const std::uint32_t*>(a[0]);
  const auto operation = static_cast<unsigned>(a[1]);
  const auto value = static_cast<std::uint32_t>(a[2]);
  const auto* const time = reinterpret_cast<const timespec*>(a[3]);
  const auto bits = static_cast<std::uint32_t>(a[5]);
  const clockid_t clock = (operation & FUTEX_CLOCK_REALTIME) != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
  switch (operation & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:  // the time is from now
      if (time != nullptr && (time->tv_sec < 0 || !valid(*time))) return with_errno(EINVAL);
      return with_errno(futex_wait(word, value, time == nullptr ? 0 : now() + duration_of(*time) + 1));
    case FUTEX_WAIT_BITSET:  // the time is a date
      if (bits == 0 || (time != nullptr && !valid(*time))) return with_errno(EINVAL);
      return with_errno(futex_wait(word, value, deadline_of({clock, time}), bits));
    case FUTEX_WAKE:
      return futex_wake(word, value);
    case FUTEX_WAKE_BITSET:
      if (bits == 0) return with_errno(EINVAL);
      return futex_wake(word, value, bits);
    default:
      refuse("a futex operation other than WAIT, WAIT_BITSET, WAKE and WAKE_BITSET");
  }
}

}  // namespace

void check_interposed() {
  const auto own = [](const char* name, const void* mine) {
    if (::dlsym(RTLD_DEFAULT, name) != mine)
      throw std::logic_error(std::string(name) +
                             "() of this program is the C library's, which would stop all simulated " +
                             "threads; expected a program that contend_simulated() compiles and links");
  };
  own("pthread_mutex_lock", reinterpret_cast<const void*>(&::pthread_mutex_lock));
  own("pthread_cond_wait", reinterpret_cast<const void*>(&::pthread_cond_wait));
  own("syscall", reinterpret_cast<const void*>(&::syscall));
  own("malloc", reinterpret_cast<const void*>(&::malloc));
  own("clock_gettime", reinterpret_cast<const void*>(&::clock_gettime));
}

bool in_a_fiber() noexcept { return thread_pointer() == current->running->memory->context.thread_pointer; }

void note_caller(const void* from) noexcept { callers[current->running->core] = from; }

int thread_id() noexcept { return current->running->memory->thread_id; }

void refuse(const char* call) noexcept {
  char text[200];
  std::snprintf(text, sizeof text,
                "%s cannot be simulated: make it before or after, or outside of, the simulated threads", call);
  watching = false;
  current->running->last_access = callers[current->running->core];
  current->stop_stuck(text);
}

int futex_wait(const std::uint32_t& word, std::uint32_t expected, picoseconds deadline, std::uint32_t bits) noexcept {
  current->running->last_access = callers[current->running->core];
  switch (park_until(&word, expected, deadline, bits)) {
    case wait_end::woken:
      return 0;
    case wait_end::changed:
      return EAGAIN;
    default:
      return ETIMEDOUT;
  }
}

unsigned futex_wake(const std::uint32_t& word, unsigned n, std::uint32_t bits) noexcept { return wake(&word, n, bits); }

}  // namespace contend::coherence::posix

using namespace contend::coherence;
using namespace contend::coherence::posix;

extern "C" long syscall(long number, ...) noexcept {
  long a[6];
  va_list list;
  va_start(list, number);
  for (long& one : a) one = va_arg(list, long);
  va_end(list);
  if (number == SYS_futex && simulated(__builtin_return_address(0))) return futex_call(a);
  if (number == SYS_membarrier && simulated(__builtin_return_address(0)) && a[0] != 0) {  // 0 asks what there is
    fence_everywhere();
    return 0;
  }
  return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
