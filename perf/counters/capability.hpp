// SPDX-License-Identifier: MIT
// What this process can count on this machine, found out by trying.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "event.hpp"
#include "thread_counters.hpp"

namespace contend::counters {

struct event_status {
  event what;
  state how = state::failed;
  double running = 0;
  obstacle why;  ///< empty caveat if it counts
};

struct capability {
  bool hardware = false;             ///< cycles or instructions can be counted in user space
  bool kernel_side = false;          ///< and in the kernel
  obstacle why;                      ///< if not hardware, or else not kernel_side: the reason and the cure
  std::vector<event_status> events;  ///< one per event tried, in their order
};

/// Opens every event and runs a loop of about 20 ms in two threads, once per group of events, that must cause all of
/// them where the processors allow it (arithmetic, mispredicted branches, loads and stores that miss every cache, lines
/// written by turns, locked instructions, page faults, switches, system calls). An event that reads 0 there is
/// `unsupported`: accepted, but not there, or not to be caused on this machine (remote_hit with one socket). A 0 that
/// it reads later is worth nothing; anything more is a count.
///
/// Cost: 20 ms per group, the calling thread sleeps. `open` is called from one thread at a time.
[[nodiscard]] capability probe(std::span<const event> events, const open_call& open = &perf_event_open);
[[nodiscard]] capability probe(std::span<const event> events, const kernel_calls& calls);

}  // namespace contend::counters
