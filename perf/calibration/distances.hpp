// SPDX-License-Identifier: MIT
// How far processors are apart at this moment, by their hand-overs: what a hypervisor says of caches need not be so.
#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "perf/calibration/figures.hpp"
#include "perf/host/topology.hpp"

namespace contend::calibration {

/// One processor per core, in the order in which threads are placed.
[[nodiscard]] std::vector<host::processor> cores_of(const host::topology& machine);

/// Distances of cores, by a ping-pong of about a millisecond whenever they are asked for. They are relative to the
/// nearest pair that was ever seen.
class distances {
 public:
  /// Two cores whose ping-pong takes more than so many times that of the nearest pair do not share a cluster, whatever
  /// the machine says: a hypervisor may call processors of several clusters one, and move them while it does.
  static constexpr double apart = 2;

  /// Asks for all pairs of the first eight cores, three times.
  explicit distances(const std::vector<host::processor>& cores);
  /// ns one way; nothing if other programs hold the cores.
  [[nodiscard]] std::optional<double> between(int one, int other);
  /// `claimed`, or far where it is near by claim alone.
  [[nodiscard]] std::optional<reach> now(int one, int other, reach claimed);
  /// Whether the first n of these are in one cluster now.
  [[nodiscard]] bool together(const std::vector<int>& cpus, std::size_t n);

 private:
  double least_ = std::numeric_limits<double>::infinity();
};

}  // namespace contend::calibration
