// SPDX-License-Identifier: MIT
// See distances.hpp.
#include "perf/calibration/distances.hpp"

#include <algorithm>
#include <set>

#include "perf/calibration/probes.hpp"

namespace contend::calibration {

std::vector<host::processor> cores_of(const host::topology& machine) {
  std::vector<host::processor> out;
  std::set<int> seen;
  for (const int cpu : host::placement_order(host::placement::compact, machine))
    for (const auto& one : machine.available)
      if (one.cpu == cpu && seen.insert(one.core).second) out.push_back(one);
  return out;
}

distances::distances(const std::vector<host::processor>& cores) {
  constexpr std::size_t most = 8;
  for (std::size_t a = 0; a < std::min(cores.size(), most); ++a)
    for (std::size_t b = a + 1; b < std::min(cores.size(), most); ++b)
      for (unsigned k = 0; k < 3; ++k) (void)between(cores[a].cpu, cores[b].cpu);
}

std::optional<double> distances::between(int one, int other) {
  try {
    const double ns = ping_pong_ns(one, other);
    least_ = std::min(least_, ns);
    return ns;
  } catch (const no_sample&) {
    return std::nullopt;
  }
}

std::optional<reach> distances::now(int one, int other, reach claimed) {
  const auto ns = between(one, other);
  if (!ns) return std::nullopt;
  return claimed == reach::near && *ns > apart * least_ ? reach::far : claimed;
}

bool distances::together(const std::vector<int>& cpus, std::size_t n) {
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t b = a + 1; b < n; ++b)
      if (now(cpus[a], cpus[b], reach::near) != reach::near) return false;
  return true;
}

}  // namespace contend::calibration
