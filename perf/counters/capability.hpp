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
  obstacle why;                      ///< if not: the reason and the cure for the machine as a whole
  std::vector<event_status> events;  ///< one per event tried, in their order
};

/// Opens every event and runs a loop of about 20 ms in two threads that must cause all of them (arithmetic,
/// mispredicted branches, loads and stores over more than the last-level cache, lines written by turns, locked
/// instructions, page faults, switches). An event that reads 0 there is `unsupported`: accepted, but not there.
[[nodiscard]] capability probe(std::span<const event> events, const open_call& open = &perf_event_open);

}  // namespace contend::counters
