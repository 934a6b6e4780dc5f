// SPDX-License-Identifier: MIT
// A machine of round figures, and running a body on it, for tests of the C library in virtual time.
#pragma once

#include <functional>

#include "perf/coherence/simulation.hpp"

namespace contend::coherence {

inline machine round_machine() {
  machine m;
  m.name = "round";
  m.near = {4'000, 6'000, 6'000, 6'000};
  m.far = {20'000, 30'000, 30'000, 20'000};
  m.remote = {40'000, 60'000, 60'000, 40'000};
  m.load = 400;
  m.store = 300;
  m.rmw = 5'000;
  m.fence = 6'000;
  m.pause = 12'000;
  m.memory = 60'000;
  m.system_call = m.futex = 150'000;
  m.block = 500'000;
  m.wake = 700'000;
  m.wake_latency = 1'500'000;
  return m;
}

inline constexpr picoseconds microsecond = 1'000'000;
inline constexpr picoseconds millisecond = 1'000 * microsecond;

/// Calls body(i) as each of n simulated threads; returns what was counted.
inline event_counts simulate(unsigned n, const std::function<void(unsigned)>& body,
                             picoseconds give_up = 10'000 * millisecond) {
  simulation all(round_machine(), n);
  all.run(
      body, [] {}, give_up);
  return all.model().counts();
}

/// Virtual time that f() takes.
template <class F>
picoseconds cost_of(F f) {
  const picoseconds since = now();
  f();
  return now() - since;
}

}  // namespace contend::coherence
