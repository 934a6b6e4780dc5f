// SPDX-License-Identifier: MIT
// Runs a body on n threads that start together, with the seed printed, so that a failure can be looked at again.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>
#include <vector>

#if defined(CONTEND_PLATFORM_YIELDING)
#include "yielding.hpp"
#endif

namespace contend::testing {

/// The run's seed: CONTEND_SEED if set, else drawn once per process; printed once.
inline std::uint64_t seed() {
  static const std::uint64_t value = [] {
    const char* text = std::getenv("CONTEND_SEED");
    const std::uint64_t chosen = text != nullptr ? std::strtoull(text, nullptr, 0) : std::random_device{}();
    std::cout << "[ seed     ] CONTEND_SEED=" << chosen << '\n';
    return chosen;
  }();
  return value;
}

/// Threads for tests on a native spin lock: one less than the processors there are, 2 to 4.
inline unsigned spinners() {
  const unsigned processors = std::thread::hardware_concurrency();
  return processors <= 3 ? 2U : (processors > 5 ? 4U : processors - 1);
}

/// Calls body(thread number) on `threads` threads released by one barrier, and joins them. On the yielding platform
/// accesses yield by draws from seed() + round.
template <class Body>
void together(unsigned threads, Body body, [[maybe_unused]] std::uint64_t round = 0) {
#if defined(CONTEND_PLATFORM_YIELDING)
  start_yielding(seed() + round);
#else
  (void)seed();
#endif
  std::atomic<unsigned> waiting{threads};
  std::vector<std::thread> team;
  team.reserve(threads);
  for (unsigned number = 0; number < threads; ++number)
    team.emplace_back([&, number] {
      waiting.fetch_sub(1);
      while (waiting.load() != 0) std::this_thread::yield();
      body(number);
    });
  for (auto& member : team) member.join();
#if defined(CONTEND_PLATFORM_YIELDING)
  stop_yielding();
#endif
}

}  // namespace contend::testing
