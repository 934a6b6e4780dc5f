// SPDX-License-Identifier: MIT
// The doctor's findings as data.
#include <array>
#include <cstdio>

#include "perf/doctor/page.hpp"

namespace contend::doctor {
namespace {

using json = nlohmann::ordered_json;

json or_null(const std::string& text) { return text.empty() ? json() : json(text); }

json obstacle_json(const counters::obstacle& why) {
  if (why.caveat.empty()) return {};
  return {{"caveat", why.caveat}, {"reason", why.reason}, {"cure", or_null(why.cure)}};
}

std::string hexadecimal(std::uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

const char* name_of(counters::state how) {
  constexpr std::array names{"counted", "multiplexed", "starved", "unsupported", "failed"};
  return names[static_cast<std::size_t>(how)];
}

json event_json(const counters::event_status& one) {
  const bool perf = one.what.from == counters::origin::perf_event;
  const bool ran = one.how != counters::state::failed && one.how != counters::state::unsupported;
  return {{"metric", one.what.metric},
          {"side", !perf                                      ? json()
                   : one.what.where == counters::side::kernel ? json("kernel")
                                                              : json("user")},
          {"state", name_of(one.how)},
          {"running", ran ? json(one.running) : json()},
          {"name", or_null(one.what.name)},
          {"type", perf ? json(one.what.type) : json()},
          {"config", perf ? json(hexadecimal(one.what.config)) : json()},
          {"config1", perf ? json(hexadecimal(one.what.config1)) : json()},
          {"source", or_null(one.what.source)},
          {"why", obstacle_json(one.why)}};
}

json counting_json(const countable& counting) {
  const auto& around = counting.around;
  json events = json::array(), refused = json::array();
  for (const auto& one : counting.found.events) events.push_back(event_json(one));
  for (const auto& [metric, why] : counting.refused)
    refused.push_back({{"metric", metric}, {"why", obstacle_json(why)}});
  return {{"microarchitecture", or_null(counting.microarchitecture)},
          {"hardware", counting.found.hardware},
          {"kernel_side", counting.found.kernel_side},
          {"why", obstacle_json(counting.found.why)},
          {"paranoid", around.paranoid ? json(*around.paranoid) : json()},
          {"privileged", around.privileged},
          {"seccomp", around.seccomp},
          {"pmu", around.pmu},
          {"events", events},
          {"refused", refused}};
}

json matrix_json(const facts& known) {
  json block = host::core_to_core_json(known.first, known.second, known.note);
  if (block.is_null()) return block;
  const auto moved = known.second ? host::drift(known.first, *known.second) : std::nullopt;
  json groups = json::array();
  for (const auto& group : host::by_distance(known.first, known.machine))
    groups.push_back({{"distance", host::name_of(group.how_far)},
                      {"pairs", group.pairs},
                      {"min_ns", group.min},
                      {"median_ns", group.median},
                      {"max_ns", group.max}});
  block["apart_s"] = known.second ? json(known.apart_s) : json();
  block["drift_ratio"] = moved ? json(moved->worst_ratio) : json();
  block["by_distance"] = groups;
  return block;
}

}  // namespace

json json_page(const facts& known, const diagnosis& found) {
  json trust = json::array(), to_do = json::array();
  for (const verdict& one : found.trust)
    trust.push_back({{"what", one.what},
                     {"level", name_of(one.trust)},
                     {"says", one.says},
                     {"because", or_null(one.because)},
                     {"advice", or_null(one.advice)}});
  for (const remedy& one : found.to_do)
    to_do.push_back({{"text", one.text}, {"command", or_null(one.command)}, {"helps", one.helps}});
  return {{"schema_version", 1},
          {"trust", trust},
          {"to_do", to_do},
          {"environment", known.environment},
          {"core_to_core", matrix_json(known)},
          {"counters", known.counting ? counting_json(*known.counting) : json()}};
}

}  // namespace contend::doctor
