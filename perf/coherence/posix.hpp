// SPDX-License-Identifier: MIT
// What the C library's blocking calls and clocks share when a simulated thread makes them: who calls, virtual dates,
// the futex, and the real function for everybody else.
#pragma once

#include <dlfcn.h>
#include <time.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "engine.hpp"
#include "simulation.hpp"

namespace contend::coherence::posix {

/// True if the caller is the fiber that runs: the process may have OS threads beside the simulation.
[[nodiscard]] bool in_a_fiber() noexcept;
/// Notes who called the C library, for the message of a simulation that is stuck.
void note_caller(const void* from) noexcept;

/// Whether the call is a simulated thread's, and not one made inside `outside` or by the engine.
[[nodiscard]] inline bool simulated(const void* from) noexcept {
  if (!watching || !in_a_fiber()) return false;
  note_caller(from);
  return true;
}

/// The C library's own function of that name, for who is not simulated. Looked up at the first use, which is never one
/// by a simulated thread. Constant-initialised: constructors of other files may call before main.
template <class Function>
class real_function {
 public:
  constexpr real_function(const char* name, Function) noexcept : name_(name) {}
  template <class... Arguments>
  decltype(auto) operator()(Arguments... arguments) const {
    Function found = found_.load(std::memory_order_acquire);
    if (found == nullptr) found = look_up();
    return found(arguments...);
  }

 private:
  Function look_up() const {
    const auto found = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name_));
    if (found == nullptr) {
      std::fprintf(stderr, "contend: the C library has no %s(), which this program calls\n", name_);
      std::abort();
    }
    found_.store(found, std::memory_order_release);
    return found;
  }
  const char* name_;
  mutable std::atomic<Function> found_{nullptr};
};
/// A function's type without the attributes of its declaration.
template <class Result, class... Parameters>
constexpr auto plain(Result (*)(Parameters...)) -> Result (*)(Parameters...) {
  return nullptr;
}
template <class Result, class... Parameters>
constexpr auto plain(Result (*)(Parameters..., ...)) -> Result (*)(Parameters..., ...) {
  return nullptr;
}
#define CONTEND_REAL(name) constinit const real_function real_##name{#name, plain(&::name)};

/// What a simulated thread may not do ends the simulation with this sentence.
[[noreturn]] void refuse(const char* call) noexcept;

/// The thread number that the C library keeps in a mutex's owner; that of the OS thread whose storage is borrowed.
[[nodiscard]] int thread_id() noexcept;

/// A date in virtual time, as clock_gettime(2) gives it. CLOCK_REALTIME starts on 1 January 2000, the others one day
/// after the machine's start; all run alike.
[[nodiscard]] timespec virtual_date(clockid_t clock) noexcept;

/// Until when a call waits: at == nullptr means for ever.
struct limit {
  clockid_t clock = CLOCK_REALTIME;
  const timespec* at = nullptr;
};
[[nodiscard]] inline bool valid(const timespec& t) noexcept { return t.tv_nsec >= 0 && t.tv_nsec < 1'000'000'000; }
/// As virtual time for park(); 0 is for ever. A date that has passed is not 0.
[[nodiscard]] picoseconds deadline_of(const limit& until) noexcept;
/// The length of a time that is given as from now; at most what virtual time can hold.
[[nodiscard]] picoseconds duration_of(const timespec& length) noexcept;

/// Sleeps on a futex while *word == expected: 0, EAGAIN (it was not) or ETIMEDOUT.
int futex_wait(const std::uint32_t& word, std::uint32_t expected, picoseconds deadline,
               std::uint32_t bits = ~std::uint32_t{0}) noexcept;
inline int futex_wait(const std::uint32_t& word, std::uint32_t expected, const limit& until) noexcept {
  return futex_wait(word, expected, deadline_of(until));
}
unsigned futex_wake(const std::uint32_t& word, unsigned n, std::uint32_t bits = ~std::uint32_t{0}) noexcept;
inline constexpr unsigned everybody = 0x7fffffff;

/// Ties the files with the calls that are interposed into every program with a simulation: nothing else in them is
/// referred to by name, and a static library's object that nobody refers to is not linked.
void link_posix() noexcept;
void link_clocks() noexcept;
/// Throws std::logic_error if the program's shared libraries do not get these calls.
void check_interposed();

}  // namespace contend::coherence::posix
