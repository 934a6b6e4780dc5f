// SPDX-License-Identifier: MIT
// The virtual backend of a program's own seam to the machine (CONTEND_PLATFORM=virtual): spinning, parking, busy work.
#include <cstdint>
#include <ctime>

#include "engine.hpp"
#include "posix.hpp"
#include "simulation.hpp"

namespace posix = contend::coherence::posix;

namespace {
constexpr contend::coherence::picoseconds per_ns = 1000;
}

extern "C" {

void contend_virtual_relax() noexcept { contend::coherence::relax(); }
void contend_virtual_yield() noexcept { contend::coherence::yield(); }
void contend_virtual_work(std::uint64_t ns) noexcept { contend::coherence::pass(ns * per_ns); }
unsigned contend_virtual_cpu() noexcept { return contend::coherence::current_core(); }

// membarrier(2): a call into the kernel that interrupts every other core and waits for their fences.
void contend_virtual_fence_all() noexcept {
  if (!contend::coherence::simulating()) return;
  contend::coherence::fence();
  if (auto& weak = contend::coherence::current->weak) weak->fence_all(contend::coherence::current_core());
  contend::coherence::pass_alone(contend::coherence::current->m.system_call + contend::coherence::current->m.wake);
}

// The deadline is one of the steady clock, which does not begin at virtual time 0.
int contend_virtual_park(const void* word, std::uint32_t expected, std::uint64_t deadline) noexcept {
  const timespec at{static_cast<std::time_t>(deadline / 1'000'000'000), static_cast<long>(deadline % 1'000'000'000)};
  const posix::limit until{CLOCK_MONOTONIC, deadline == 0 ? nullptr : &at};
  return contend::coherence::park(word, expected, posix::deadline_of(until)) ? 1 : 0;
}
void contend_virtual_wake(const void* word, std::uint32_t at_most) noexcept { contend::coherence::wake(word, at_most); }
}
