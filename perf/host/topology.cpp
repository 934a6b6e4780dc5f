// SPDX-License-Identifier: MIT
// The machine as hwloc shows it, and placement orders over it.
#include "perf/host/topology.hpp"

#include <hwloc.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <tuple>

namespace contend::host {
namespace {

struct destroy_topology {
  void operator()(hwloc_topology* machine) const { hwloc_topology_destroy(machine); }
};
using hwloc_machine = std::unique_ptr<hwloc_topology, destroy_topology>;

struct free_bitmap {
  void operator()(hwloc_bitmap_s* set) const { hwloc_bitmap_free(set); }
};
using bitmap = std::unique_ptr<hwloc_bitmap_s, free_bitmap>;

hwloc_machine new_machine() {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) throw std::runtime_error("hwloc cannot allocate a topology");
  return hwloc_machine(raw);
}

/// Affinity ∩ allowed. When the two do not meet, hwloc misread a control group: the kernel's affinity wins.
bitmap available_set(hwloc_topology_t machine) {
  bitmap allowed(hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(machine)));
  bitmap affinity(hwloc_bitmap_alloc());
  if (!allowed || !affinity) throw std::runtime_error("hwloc cannot allocate a processor set");
  if (hwloc_get_cpubind(machine, affinity.get(), HWLOC_CPUBIND_PROCESS) != 0) return allowed;
  if (!hwloc_bitmap_intersects(allowed.get(), affinity.get())) return affinity;
  hwloc_bitmap_and(allowed.get(), allowed.get(), affinity.get());
  return allowed;
}

int ancestor_index(hwloc_topology_t machine, hwloc_obj_t of, hwloc_obj_type_t type) {
  const hwloc_obj_t found = hwloc_get_ancestor_obj_by_type(machine, type, of);
  return found ? static_cast<int>(found->logical_index) : -1;
}

int numa_index(hwloc_topology_t machine, unsigned cpu) {
  hwloc_obj_t node = nullptr;
  while ((node = hwloc_get_next_obj_by_type(machine, HWLOC_OBJ_NUMANODE, node)) != nullptr)
    if (hwloc_bitmap_isset(node->cpuset, cpu)) return static_cast<int>(node->logical_index);
  return 0;
}

int speed_of(hwloc_topology_t machine, hwloc_obj_t pu) {
  const int kind = hwloc_cpukinds_get_by_cpuset(machine, pu->cpuset, 0);
  int speed = -1;
  if (kind >= 0) hwloc_cpukinds_get_info(machine, static_cast<unsigned>(kind), nullptr, &speed, nullptr, nullptr, 0);
  return std::max(speed, 0);
}

char kind_of(hwloc_obj_cache_type_t type) {
  return type == HWLOC_OBJ_CACHE_DATA ? 'd' : type == HWLOC_OBJ_CACHE_INSTRUCTION ? 'i' : 'u';
}

std::vector<cache_level> caches_of(hwloc_topology_t machine) {
  std::map<std::tuple<int, char, std::uint64_t, unsigned, unsigned>, unsigned> counts;
  for (const hwloc_obj_type_t type : {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L1ICACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L2ICACHE,
                                      HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L3ICACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L5CACHE}) {
    hwloc_obj_t cache = nullptr;
    while ((cache = hwloc_get_next_obj_by_type(machine, type, cache)) != nullptr) {
      const auto& attributes = cache->attr->cache;
      ++counts[{static_cast<int>(attributes.depth), kind_of(attributes.type), attributes.size, attributes.linesize,
                static_cast<unsigned>(hwloc_bitmap_weight(cache->cpuset))}];
    }
  }
  std::vector<cache_level> caches;
  for (const auto& [key, count] : counts) {
    const auto& [level, kind, bytes, line, sharing] = key;
    caches.push_back({level, kind, bytes, line, count, sharing});
  }
  return caches;
}

unsigned count_of(hwloc_topology_t machine, hwloc_obj_type_t type) {
  return static_cast<unsigned>(std::max(0, hwloc_get_nbobjs_by_type(machine, type)));
}

topology read_loaded(hwloc_topology_t machine) {
  topology result;
  result.processors = count_of(machine, HWLOC_OBJ_PU);
  result.cores = count_of(machine, HWLOC_OBJ_CORE);
  result.sockets = std::max(1U, count_of(machine, HWLOC_OBJ_PACKAGE));
  result.numa_nodes = std::max(1U, count_of(machine, HWLOC_OBJ_NUMANODE));
  result.l3_known = count_of(machine, HWLOC_OBJ_L3CACHE) > 0;
  result.l3_groups = result.l3_known ? count_of(machine, HWLOC_OBJ_L3CACHE) : result.sockets;
  result.caches = caches_of(machine);
  if (result.cores == 0) result.cores = result.processors;  // a kernel that shows no cores

  const bitmap available = available_set(machine);
  hwloc_obj_t pu = nullptr;
  while ((pu = hwloc_get_next_obj_by_type(machine, HWLOC_OBJ_PU, pu)) != nullptr) {
    if (!hwloc_bitmap_isset(available.get(), pu->os_index)) continue;
    processor one{};
    one.cpu = static_cast<int>(pu->os_index);
    one.core = ancestor_index(machine, pu, HWLOC_OBJ_CORE);
    if (one.core < 0) one.core = static_cast<int>(pu->logical_index);
    one.socket = std::max(0, ancestor_index(machine, pu, HWLOC_OBJ_PACKAGE));
    one.l3 = result.l3_known ? ancestor_index(machine, pu, HWLOC_OBJ_L3CACHE) : one.socket;
    // Some cores of a hybrid chip sit outside the L3: a group of their own, apart from the numbered ones.
    if (one.l3 < 0) one.l3 = static_cast<int>(result.l3_groups) + one.socket;
    one.numa = numa_index(machine, pu->os_index);
    one.speed = speed_of(machine, pu);
    result.available.push_back(one);
  }
  std::sort(result.available.begin(), result.available.end(),
            [](const processor& a, const processor& b) { return a.cpu < b.cpu; });
  return result;
}

using members = std::vector<processor>;

/// Splits into groups of equal `key`, larger groups first, then lower keys.
std::vector<members> grouped(const members& all, const std::function<int(const processor&)>& key) {
  std::map<int, members> by_key;
  for (const processor& one : all) by_key[key(one)].push_back(one);
  std::vector<members> groups;
  for (auto& [number, group] : by_key) groups.push_back(std::move(group));
  std::stable_sort(groups.begin(), groups.end(),
                   [](const members& a, const members& b) { return a.size() > b.size(); });
  return groups;
}

enum class mixing { one_after_the_other, round_robin };

members merged(const std::vector<members>& groups, mixing how) {
  members order;
  if (how == mixing::one_after_the_other) {
    for (const members& group : groups) order.insert(order.end(), group.begin(), group.end());
    return order;
  }
  for (std::size_t turn = 0, added = 1; added > 0; ++turn) {
    added = 0;
    for (const members& group : groups)
      if (turn < group.size()) order.push_back(group[turn]), ++added;
  }
  return order;
}

/// Orders one processor per core by socket, then NUMA node, then L3 group, then speed.
members ordered(const members& all, mixing how, std::size_t depth = 0) {
  static const std::function<int(const processor&)> keys[] = {
      [](const processor& one) { return one.socket; },
      [](const processor& one) { return one.numa; },
      [](const processor& one) { return one.l3; },
  };
  if (depth == std::size(keys)) {
    members fastest_first = all;
    std::stable_sort(fastest_first.begin(), fastest_first.end(), [](const processor& a, const processor& b) {
      return std::make_tuple(-a.speed, a.core) < std::make_tuple(-b.speed, b.core);
    });
    return fastest_first;
  }
  std::vector<members> groups = grouped(all, keys[depth]);
  for (members& group : groups) group = ordered(group, how, depth + 1);
  return merged(groups, how);
}

}  // namespace

topology read_topology() {
  const hwloc_machine machine = new_machine();
  // The whole machine: hwloc would otherwise leave out what a cpuset forbids, and the record could not tell.
  hwloc_topology_set_flags(machine.get(), HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  if (hwloc_topology_load(machine.get()) != 0) throw std::runtime_error("hwloc cannot read this machine's topology");
  topology result = read_loaded(machine.get());
  if (result.available.empty()) throw std::runtime_error("hwloc shows no processor that this process may use");
  return result;
}

topology synthetic_topology(const std::string& description) {
  const hwloc_machine machine = new_machine();
  if (hwloc_topology_set_synthetic(machine.get(), description.c_str()) != 0 || hwloc_topology_load(machine.get()) != 0)
    throw std::invalid_argument("hwloc does not understand the synthetic topology '" + description + "'");
  return read_loaded(machine.get());
}

std::string_view name_of(placement policy) noexcept {
  return policy == placement::compact ? "compact" : policy == placement::spread ? "spread" : "none";
}

std::optional<placement> parse_placement(std::string_view name) noexcept {
  for (const placement policy : {placement::compact, placement::spread, placement::none})
    if (name == name_of(policy)) return policy;
  return std::nullopt;
}

std::vector<int> placement_order(placement policy, const topology& machine) {
  std::vector<int> order;
  if (policy == placement::none) return order;
  // Layer 0 holds the first available sibling of every core, layer 1 the second, and so on.
  std::map<int, std::size_t> siblings_seen;
  std::vector<members> layers;
  for (const processor& one : machine.available) {
    const std::size_t layer = siblings_seen[one.core]++;
    if (layer == layers.size()) layers.emplace_back();
    layers[layer].push_back(one);
  }
  const mixing how = policy == placement::compact ? mixing::one_after_the_other : mixing::round_robin;
  for (const members& layer : layers)
    for (const processor& one : ordered(layer, how)) order.push_back(one.cpu);
  return order;
}

std::vector<int> placement_order(placement policy) {
  return policy == placement::none ? std::vector<int>{} : placement_order(policy, read_topology());
}

unsigned usable_processors(const topology& machine, const cgroup_limits& limits) {
  auto usable = static_cast<double>(machine.available.size());
  if (limits.quota && limits.quota->limited) usable = std::min(usable, std::ceil(limits.quota->cores));
  return std::max(1U, static_cast<unsigned>(usable));
}

unsigned usable_processors() { return usable_processors(read_topology(), read_cgroup_limits()); }

}  // namespace contend::host
