// SPDX-License-Identifier: MIT
// See core_distance.hpp.
#include "perf/host/core_distance.hpp"

#include <algorithm>
#include <array>

namespace contend::host {
namespace {

const processor* find(const topology& machine, int cpu) {
  const auto found = std::find_if(machine.available.begin(), machine.available.end(),
                                  [&](const processor& one) { return one.cpu == cpu; });
  return found == machine.available.end() ? nullptr : &*found;
}

distance between(const processor& a, const processor& b, bool l3_known) {
  if (a.core == b.core) return distance::same_core;
  if (a.socket != b.socket) return distance::other_socket;
  return l3_known && a.l3 == b.l3 ? distance::same_l3 : distance::same_socket;
}

}  // namespace

std::string_view name_of(distance how_far) noexcept {
  constexpr std::array<std::string_view, 4> names{"same_core", "same_l3", "same_socket", "other_socket"};
  return names[static_cast<std::size_t>(how_far)];
}

std::vector<latency_group> by_distance(const latency_matrix& matrix, const topology& machine) {
  std::array<std::vector<double>, 4> all;
  for (std::size_t a = 0; a < matrix.cpus.size(); ++a) {
    for (std::size_t b = a + 1; b < matrix.cpus.size(); ++b) {
      const processor* one = find(machine, matrix.cpus[a]);
      const processor* other = find(machine, matrix.cpus[b]);
      if (one == nullptr || other == nullptr || !matrix.ns[a][b]) continue;
      all[static_cast<std::size_t>(between(*one, *other, machine.l3_known))].push_back(*matrix.ns[a][b]);
    }
  }
  std::vector<latency_group> groups;
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto& ns = all[i];
    if (ns.empty()) continue;
    std::sort(ns.begin(), ns.end());
    const double median = (ns[(ns.size() - 1) / 2] + ns[ns.size() / 2]) / 2;
    groups.push_back({static_cast<distance>(i), ns.size(), ns.front(), median, ns.back()});
  }
  return groups;
}

}  // namespace contend::host
