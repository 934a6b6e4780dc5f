// SPDX-License-Identifier: MIT
// A core-to-core matrix summed up by how far apart the topology says that two processors are.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "perf/host/core_to_core.hpp"
#include "perf/host/topology.hpp"

namespace contend::host {

/// What two processors share, nearest first. Where the machine shows no L3, what would be same_l3 is same_socket.
enum class distance { same_core, same_l3, same_socket, other_socket };
/// "same_core", "same_l3" …, as in JSON.
[[nodiscard]] std::string_view name_of(distance how_far) noexcept;

/// One-way latencies in ns of all measured pairs at one distance; min ≤ median ≤ max, pairs ≥ 1.
struct latency_group {
  distance how_far;
  std::size_t pairs;
  double min, median, max;
};

/// One group per distance that occurs among the measured pairs, nearest first. Pairs that were not measured, and
/// processors that are not in `machine`, are left out. Pure.
[[nodiscard]] std::vector<latency_group> by_distance(const latency_matrix& matrix, const topology& machine);

/// Within one distance the slowest pair of a physical machine takes less than this many times as long as the fastest,
/// see README.md.
inline constexpr double uniform_spread = 2.0;

}  // namespace contend::host
