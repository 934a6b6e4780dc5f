// SPDX-License-Identifier: MIT
// Runs a scenario under one schedule after the other until something goes wrong, and says which seed it was.
//
// A scenario is a class with `static constexpr unsigned threads`, `void run(unsigned thread)`, which the simulated
// threads call, and `std::string wrong()`, which says afterwards what is wrong, or nothing. Its run() must not bring
// order that the primitive owes: no atomics of its own, results in a place of each thread's own.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "perf/coherence/simulation.hpp"

namespace contend::hunt {

/// Strict: sequentially consistent interleavings. Weak: what C++'s memory orders allow, and data races.
enum class memory { strict, weak };

/// Every broken twin is found within so many schedules, and nothing in a real primitive.
inline constexpr std::uint64_t stated = 500;

/// What one schedule came to.
struct outcome {
  std::string wrong;           ///< empty: nothing
  std::uint64_t accesses = 0;  ///< how many were made: two runs that differ here were two schedules
  bool operator==(const outcome&) const = default;
};

struct finding {
  std::uint64_t seed = 0;
  std::uint64_t schedules = 0;  ///< how many it took, this one included
  outcome seen;
};

/// Odd seeds are PCT schedules of depth 2 to 4 over `length` accesses, even ones draw the next thread.
[[nodiscard]] coherence::schedule_options options_of(std::uint64_t seed, memory kind, std::uint64_t length);

/// A machine on which everything takes so long that a hunt's time limit is a limit on accesses (about 400,000).
[[nodiscard]] coherence::machine slow_machine();
inline constexpr coherence::picoseconds time_limit = 40'000'000'000;

using one_schedule = std::function<outcome(const coherence::schedule_options&)>;

/// The scenario under one schedule, in this process.
template <class Scenario>
outcome run_here(const coherence::schedule_options& options) {
  auto* const all = new Scenario;  // never deleted: threads that wait for ever are still inside
  coherence::simulation simulated(slow_machine(), Scenario::threads, options);
  outcome seen;
  try {
    simulated.run([&](unsigned thread) { all->run(thread); }, {}, time_limit);
    seen.wrong = all->wrong();
  } catch (const std::exception& told) {
    seen.wrong = told.what();
  }
  seen.accesses = simulated.model().counts().accesses;
  return seen;
}

/// In a process of its own, which starts as this one is: each schedule finds the same memory, and a crash is a finding.
[[nodiscard]] outcome run_apart(const one_schedule& run, const coherence::schedule_options& options);

/// How many accesses the scenario makes, about: those of one strict schedule, at most 5,000.
[[nodiscard]] std::uint64_t length_of(const one_schedule& run);

/// Schedules first, first + 1, … until one goes wrong, at most `schedules` of them. With CONTEND_SCHEDULE=seed in the
/// environment it is that one alone, in this process, for a debugger. What is found is printed with the way to repeat
/// it.
[[nodiscard]] std::optional<finding> hunt(const std::string& name, const one_schedule& run, memory kind,
                                          std::uint64_t schedules, std::uint64_t first = 0);

/// Whether CONTEND_SCHEDULE names one.
[[nodiscard]] bool one_is_asked_for();

/// `schedules` of them in one process after the other; what went wrong first.
[[nodiscard]] std::optional<finding> hunt_many(const std::string& name, const one_schedule& run, memory kind,
                                               std::uint64_t schedules);

}  // namespace contend::hunt
