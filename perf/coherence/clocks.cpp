// SPDX-License-Identifier: MIT
// Clocks, sleeps and the processor's number in virtual time, in the place of the C library's; who is not a simulated
// thread gets the real ones.
#include <sched.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "posix.hpp"

namespace contend::coherence::posix {
namespace {

constexpr time_t first_of_2000 = 946'684'800;
constexpr time_t one_day = 86'400;
constexpr picoseconds picoseconds_per_second = 1'000'000'000'000;
/// clock_gettime(): see README.md for the measurement.
constexpr picoseconds reading_a_clock = 40'000;
/// More than any simulation's length, and far from overflow.
constexpr time_t longest = 10'000'000;

CONTEND_REAL(clock_gettime)
CONTEND_REAL(gettimeofday)
CONTEND_REAL(time)
CONTEND_REAL(timespec_get)
CONTEND_REAL(nanosleep)
CONTEND_REAL(clock_nanosleep)
CONTEND_REAL(usleep)
CONTEND_REAL(sleep)
CONTEND_REAL(sched_yield)
CONTEND_REAL(sched_getcpu)

time_t start_of(clockid_t clock) noexcept {
  switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI:
      return first_of_2000;
    case CLOCK_PROCESS_CPUTIME_ID:
    case CLOCK_THREAD_CPUTIME_ID:
      return 0;
    default:
      return one_day;
  }
}

void sleep_for(picoseconds length) noexcept {
  const picoseconds since = now();
  pass_alone(current->m.system_call);
  sleep_until(since + length);
}

}  // namespace

timespec virtual_date(clockid_t clock) noexcept {
  const picoseconds t = now();
  return {.tv_sec = start_of(clock) + static_cast<time_t>(t / picoseconds_per_second),
          .tv_nsec = static_cast<long>(t % picoseconds_per_second / 1000)};
}

picoseconds duration_of(const timespec& length) noexcept {
  if (length.tv_sec < 0) return 0;
  return static_cast<picoseconds>(std::min(length.tv_sec, longest)) * picoseconds_per_second +
         static_cast<picoseconds>(length.tv_nsec) * 1000;
}

picoseconds deadline_of(const limit& until) noexcept {
  if (until.at == nullptr) return 0;
  const time_t start = start_of(until.clock);
  if (until.at->tv_sec < start) return 1;
  return std::max<picoseconds>(1, duration_of({until.at->tv_sec - start, until.at->tv_nsec}));
}

void link_clocks() noexcept {}

}  // namespace contend::coherence::posix

using namespace contend::coherence;
using namespace contend::coherence::posix;

#define HERE __builtin_return_address(0)

extern "C" {

int clock_gettime(clockid_t clock, timespec* to) noexcept {
  if (!simulated(HERE)) return real_clock_gettime(clock, to);
  pass_alone(reading_a_clock);
  *to = virtual_date(clock);
  return 0;
}

int gettimeofday(timeval* to, void* zone) noexcept {
  if (!simulated(HERE)) return real_gettimeofday(to, zone);
  pass_alone(reading_a_clock);
  const timespec date = virtual_date(CLOCK_REALTIME);
  *to = {.tv_sec = date.tv_sec, .tv_usec = date.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* to) noexcept {
  if (!simulated(HERE)) return real_time(to);
  pass_alone(reading_a_clock);
  const time_t date = virtual_date(CLOCK_REALTIME).tv_sec;
  if (to != nullptr) *to = date;
  return date;
}

int timespec_get(timespec* to, int base) noexcept {
  if (!simulated(HERE) || base != TIME_UTC) return real_timespec_get(to, base);
  pass_alone(reading_a_clock);
  *to = virtual_date(CLOCK_REALTIME);
  return base;
}

int nanosleep(const timespec* length, timespec* left) {
  if (!simulated(HERE)) return real_nanosleep(length, left);
  if (length->tv_sec < 0 || !valid(*length)) {
    errno = EINVAL;
    return -1;
  }
  sleep_for(duration_of(*length));
  return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const timespec* length, timespec* left) {
  if (!simulated(HERE)) return real_clock_nanosleep(clock, flags, length, left);
  if (length->tv_sec < 0 || !valid(*length)) return EINVAL;
  if ((flags & TIMER_ABSTIME) == 0) {
    sleep_for(duration_of(*length));
  } else {
    pass_alone(current->m.system_call);
    sleep_until(deadline_of({clock, length}));
  }
  return 0;
}

int usleep(useconds_t length) {
  if (!simulated(HERE)) return real_usleep(length);
  sleep_for(picoseconds{length} * 1'000'000);
  return 0;
}

unsigned sleep(unsigned length) {
  if (!simulated(HERE)) return real_sleep(length);
  sleep_for(duration_of({static_cast<time_t>(length), 0}));
  return 0;
}

int sched_yield() noexcept {
  if (!simulated(HERE)) return real_sched_yield();
  yield();
  return 0;
}

int sched_getcpu() noexcept {
  if (!simulated(HERE)) return real_sched_getcpu();
  return static_cast<int>(current_core());
}
}
