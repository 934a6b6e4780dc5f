// SPDX-License-Identifier: MIT
// Machines that are not here, for the tests of the doctor.
#pragma once

#include <string>
#include <vector>

#include "perf/doctor/verdict.hpp"
#include "perf/host/environment.hpp"

namespace contend::doctor::testing {

using counters::origin;
using counters::side;
using counters::state;
using nlohmann::json;

// ---- machines

/// A machine with everything known and nothing wrong: physical, two sockets, clock fixed, idle.
struct given {
  std::string layout = "pack:2 l3:2 core:2 pu:1";
  json cpu = {{"model", "Xeon"}, {"governor", "performance"}, {"frequency_driver", "acpi-cpufreq"}, {"boost", false}};
  json system = {{"virtual_machine", false}, {"hypervisor", nullptr},          {"clock_source", "tsc"},
                 {"kernel", "6.1.0"},        {"cpu_quota_cores", "unlimited"}, {"nmi_watchdog", true}};
  host::load_facts load{0.1, 0, 0, 0, 0};
  host::load_between watch{1, 0, 0, 0, 0.02};
  std::optional<countable> counting;

  [[nodiscard]] facts made() const {
    facts known;
    known.machine = host::synthetic_topology(layout);
    host::cgroup_limits limits;
    const json quota = system.value("cpu_quota_cores", json());
    if (quota.is_number()) limits.quota = host::cpu_quota{true, quota.get<double>()};
    known.environment = {
        {"cpu", cpu}, {"topology", host::describe_topology(known.machine, limits, "/nonexistent")}, {"system", system}};
    host::add_load_at_start(known.environment, load, watch);
    known.counting = counting;
    return known;
  }
};

inline given virtual_machine() {
  given here;
  here.layout = "pack:1 l3:1 core:4 pu:1";
  here.system["virtual_machine"] = true;
  here.system["hypervisor"] = "KVM";
  here.cpu["governor"] = here.cpu["boost"] = here.cpu["frequency_driver"] = nullptr;
  return here;
}

inline given unknown_everything() {
  given here;
  for (auto* group : {&here.cpu, &here.system})
    for (auto& value : *group) value = nullptr;
  here.load = {};
  here.watch = {};
  return here;
}

inline counters::event_status event_of(const char* metric, side where, origin from, state how,
                                       const counters::obstacle& why = {}) {
  counters::event_status one;
  one.what.metric = metric;
  one.what.where = where;
  one.what.from = from;
  one.what.config = 0x1d1;
  one.what.name = "VENDOR_NAME";
  one.what.source = "a manual";
  one.how = how;
  one.running = how == state::counted ? 1 : 0;
  one.why = why;
  return one;
}

/// What perf/counters says when the kernel answers `error` to cycles on that side.
inline counters::obstacle refusal(int error, side where, const counters::surroundings& around) {
  counters::event cycles;
  cycles.metric = "cycles";
  cycles.where = where;
  return counters::why_not(error, cycles, around);
}

/// Hardware events with these fates, and page faults and context switches that always count.
inline countable counts(state user, state kernel, const counters::obstacle& why) {
  countable result;
  result.microarchitecture = "spr";
  result.found.hardware = user == state::counted || user == state::multiplexed;
  result.found.kernel_side = kernel == state::counted || kernel == state::multiplexed;
  if (!result.found.hardware || !result.found.kernel_side) result.found.why = why;
  const auto reason = [&](state how) { return how == state::counted ? counters::obstacle{} : why; };
  for (const char* metric : {"cycles", "instructions"}) {
    result.found.events.push_back(event_of(metric, side::user, origin::perf_event, user, reason(user)));
    result.found.events.push_back(event_of(metric, side::kernel, origin::perf_event, kernel, reason(kernel)));
  }
  result.found.events.push_back(event_of("l1d_misses", side::user, origin::perf_event, user, reason(user)));
  result.found.events.push_back(event_of("page_faults", side::user, origin::page_faults, state::counted));
  result.found.events.push_back(event_of("context_switches", side::user, origin::context_switches, state::counted));
  return result;
}

/// One latency for all pairs, then single pairs changed.
inline host::latency_matrix alike(std::size_t n, double ns) {
  host::latency_matrix matrix;
  matrix.ns.assign(n, std::vector<std::optional<double>>(n));
  for (std::size_t a = 0; a < n; ++a) {
    matrix.cpus.push_back(static_cast<int>(a));
    for (std::size_t b = 0; b < n; ++b)
      if (a != b) matrix.ns[a][b] = ns;
  }
  return matrix;
}

inline void set(host::latency_matrix& matrix, std::size_t a, std::size_t b, std::optional<double> ns) {
  matrix.ns[a][b] = matrix.ns[b][a] = ns;
}

/// Whether a text has this part, wherever its lines are broken.
inline bool contains(const std::string& text, const std::string& part) {
  std::string flat;
  for (const char c : text)
    if ((c != ' ' && c != '\n') || (!flat.empty() && flat.back() != ' ')) flat += c == '\n' ? ' ' : c;
  return flat.find(part) != std::string::npos;
}

}  // namespace contend::doctor::testing
