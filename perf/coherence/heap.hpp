// SPDX-License-Identifier: MIT
// The heap of a program with simulated threads: the same addresses in every run, laid out as glibc lays them out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace contend::coherence {

/// Everything that is allocated outside of simulated threads from now on lies in memory that nothing has used yet, at
/// addresses that do not depend on what the program allocated before: its own name, its environment, a terminal.
/// At most 32 times in a process; throws std::logic_error beyond.
void fresh_heap();

/// Calls f on a stack at a fixed address, with a fresh heap: what it makes for simulated threads lies at the same
/// addresses in every run on every host. Passes on what f throws. Not inside one another.
void at_fixed_addresses(const std::function<void()>& f);

namespace heap {

/// What malloc() and its kin take of a simulated thread's time, each (see README.md for the measurement).
inline constexpr std::uint64_t picoseconds_per_call = 8'000;

/// Memory of at least `size` bytes, or nullptr if there is none left. `alignment`: a power of two. `zero`: cleared.
[[nodiscard]] void* allocate(std::size_t size, std::size_t alignment, bool zero) noexcept;
/// Aborts with a sentence if the block is not one of this heap's, or was freed before.
void release(void* block) noexcept;
/// Grows or shrinks; nullptr if there is no memory left, and the block stays as it is.
[[nodiscard]] void* resize(void* block, std::size_t size) noexcept;
/// Bytes that may be used.
[[nodiscard]] std::size_t usable(void* block) noexcept;

/// While one lives, what is allocated outside of simulated threads is the simulation's own, and apart from the
/// program's.
class for_simulation {
 public:
  for_simulation() noexcept;
  ~for_simulation();
  for_simulation(const for_simulation&) = delete;
  for_simulation& operator=(const for_simulation&) = delete;
};

/// note_allocation(), one thread at a time.
void note_block(const void* block, std::size_t size, const void* const* frames, unsigned count) noexcept;

/// Ties the file with malloc() into every program with a simulation.
void link_heap() noexcept;

}  // namespace heap
}  // namespace contend::coherence
