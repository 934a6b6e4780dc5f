// SPDX-License-Identifier: MIT
// Threads in virtual time: fibers of one OS thread, the one that is furthest behind runs. The code that they run is
// compiled with -fsanitize=thread and linked with hooks.cpp instead of libtsan, so that every access comes here first.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

#include "machine.hpp"
#include "model.hpp"
#include "schedule.hpp"

namespace contend::coherence {

/// All threads wait for each other, or they did not end in time, or one called what cannot be simulated; what() says
/// which, and names each thread and where it is.
class stuck : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Two accesses that C++ leaves undefined were seen under a weak schedule; what() names both places.
class data_race : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One run of simulated threads. One at a time in a process.
///
/// Two runs of one program with one machine description give the same counts and times to the last digit: nothing but
/// the program, the description and the order of virtual time decides what happens. Ties go to the lower thread number.
class simulation {
 public:
  /// `threads`: 1 to the machine's cores; thread i runs on core i. Throws std::invalid_argument beyond.
  /// `options`: in what order they run if not in that of virtual time.
  simulation(const machine& m, unsigned threads, const schedule_options& options = {});
  ~simulation();
  simulation(const simulation&) = delete;
  simulation& operator=(const simulation&) = delete;

  /// Calls body(i) as thread i, all from virtual time 0 on, and conductor() (if any) as one thread more, on a core of
  /// its own. Returns when all are through. Throws stuck, data_race, and what a body threw. `give_up`: virtual time
  /// after which it is stuck.
  void run(const std::function<void(unsigned)>& body, const std::function<void()>& conductor, picoseconds give_up);

  [[nodiscard]] cache_model& model() noexcept;
};

/// The functions below are for code that runs inside a simulation; outside they do nothing and return 0 or false.

/// Virtual time of the calling thread.
[[nodiscard]] picoseconds now() noexcept;
/// True inside a simulated thread.
[[nodiscard]] bool simulating() noexcept;
/// The core of the calling thread.
[[nodiscard]] unsigned current_core() noexcept;
/// Lets virtual time pass: busy work, which goes on beside a read-modify-write.
void pass(picoseconds time) noexcept;
/// Likewise a call that waits for it.
void pass_alone(picoseconds time) noexcept;
/// Sleeps until a time.
void sleep_until(picoseconds when) noexcept;
/// One turn of a spin loop.
void relax() noexcept;
/// Gives way to whoever is behind in time; every thread has a core of its own, so nothing else happens.
void yield() noexcept;
/// A sequentially consistent fence.
void fence() noexcept;
/// futex(2): blocks while *word == expected, until woken or `deadline` (0: none). False if the deadline passed.
bool park(const void* word, std::uint32_t expected, picoseconds deadline) noexcept;
/// Wakes at most n of those that are parked on word; returns how many. Of `bits` one must be among the sleeper's.
unsigned wake(const void* word, unsigned n, std::uint32_t bits = ~std::uint32_t{0}) noexcept;
/// How a wait ended.
enum class wait_end : std::uint8_t { woken, changed, timed_out };
/// park() that says whether the thread slept, and with which bits it is to be woken.
wait_end park_until(const void* word, std::uint32_t expected, picoseconds deadline,
                    std::uint32_t bits = ~std::uint32_t{0}) noexcept;
/// membarrier(2): what the other threads have stored is visible when it returns.
void fence_everywhere() noexcept;

/// While one lives, the calling thread's accesses are not part of the simulation.
class outside {
 public:
  outside() noexcept;
  ~outside();
  outside(const outside&) = delete;
  outside& operator=(const outside&) = delete;

 private:
  bool was_;
};

}  // namespace contend::coherence
