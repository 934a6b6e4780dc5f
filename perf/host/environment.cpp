// SPDX-License-Identifier: MIT
// Puts the environment block together and judges its caveats.
#include "perf/host/environment.hpp"

#include <gnu/libc-version.h>
#include <hwloc.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>

#include "perf/host/cpu.hpp"
#include "perf/host/system.hpp"
#include "perf/host/text.hpp"

namespace contend::host {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

template <class T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json();
}

/// A number for a sentence: up to two decimals, no trailing zeros.
std::string plain(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  std::string result = text;
  while (result.back() == '0') result.pop_back();
  if (result.back() == '.') result.pop_back();
  return result;
}

std::string percent(double share) { return joined({plain(share * 100), " %"}); }

void add_caveat(json& block, const char* caveat, const std::string& sentence) {
  json& caveats = block["caveats"];
  if (std::find(caveats.begin(), caveats.end(), caveat) == caveats.end()) caveats.push_back(caveat);
  json& detail = block["details"][caveat];
  detail = detail.is_string() ? joined({detail.get<std::string>(), " ", sentence}) : sentence;
}

std::string size_text(std::uint64_t bytes) {
  if (bytes == 0) return "unknown size";
  if (bytes % (1 << 20) == 0) return std::to_string(bytes >> 20) + " MiB";
  return plain(static_cast<double>(bytes) / 1024) + " KiB";
}

json caches_text(const topology& machine) {
  if (machine.caches.empty()) return {};
  std::string text;
  for (const cache_level& cache : machine.caches) {
    if (!text.empty()) text += ", ";
    text += joined({"L", std::to_string(cache.level), cache.kind == 'u' ? "" : std::string(1, cache.kind), " ",
                    std::to_string(cache.count), " × ", size_text(cache.bytes), " for ",
                    std::to_string(cache.processors), cache.processors == 1 ? " processor" : " processors"});
  }
  return text;
}

/// Size of the largest data or unified cache of that level.
json cache_bytes(const topology& machine, int level) {
  std::uint64_t most = 0;
  for (const cache_level& cache : machine.caches)
    if (cache.level == level && cache.kind != 'i') most = std::max(most, cache.bytes);
  return most == 0 ? json() : json(most);
}

json cache_line(const topology& machine) {
  unsigned most = 0;
  for (const cache_level& cache : machine.caches) most = std::max(most, cache.line_bytes);
  return most == 0 ? json() : json(most);
}

std::optional<std::int64_t> thermal_throttles(const fs::path& root) {
  std::optional<std::int64_t> sum;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root / "sys/devices/system/cpu", ignored)) {
    const auto count = read_word(entry.path() / "thermal_throttle/core_throttle_count");
    const auto value = count ? parse_number<std::int64_t>(*count) : std::nullopt;
    if (value) sum = sum.value_or(0) + *value;
  }
  return sum;
}

void put_facts(json& load, const std::string& when, const load_facts& facts) {
  load[when + "_load_1min"] = or_null(facts.load_1min);
  load[when + "_cpu_pressure_avg10"] = or_null(facts.cpu_pressure_avg10);
  load[when + "_memory_pressure_avg10"] = or_null(facts.memory_pressure_avg10);
  load[when + "_io_pressure_avg10"] = or_null(facts.io_pressure_avg10);
}

void put_run(json& load, const load_between* run, const std::optional<std::int64_t>& thermal) {
  load["run_s"] = run ? json(run->seconds) : json();
  load["run_steal"] = run ? or_null(run->steal) : json();
  load["run_throttled_ms"] = run ? or_null(run->throttled_ms) : json();
  load["run_thermal_throttles"] = or_null(thermal);
}

void judge_noise(json& block, const load_facts& facts, const load_between& watch, double processors) {
  const char* const advice = "Stop other programs, or repeat when the machine is idle.";
  if (watch.others_busy && *watch.others_busy > std::max(0.25, 0.05 * processors))
    add_caveat(block, "noisy",
               joined({"Just before the start other programs kept ", plain(*watch.others_busy), " of ",
                       plain(processors), " processors busy. ", advice}));
  else if (watch.waiting && *watch.waiting > 0.05)
    add_caveat(block, "noisy",
               joined({"Just before the start programs waited for a processor ", percent(*watch.waiting),
                       " of the time. ", advice}));
  else if (!watch.others_busy && !watch.waiting && facts.load_1min && *facts.load_1min > 0.5 * processors)
    add_caveat(block, "noisy",
               joined({"The load average was ", plain(*facts.load_1min), " on ", plain(processors),
                       " processors at the start. ", advice}));
}

void judge_steal(json& block, const char* when, const std::optional<double>& steal, double tolerated) {
  if (steal && *steal > tolerated)
    add_caveat(block, "steal",
               joined({when, " the hypervisor took away ", percent(*steal),
                       " of the processors' time. Repeat when the host is less busy, or use dedicated processors."}));
}

}  // namespace

load_facts read_load_facts(const fs::path& root) {
  load_facts facts;
  if (const auto text = read_word(root / "proc/loadavg")) facts.load_1min = parse_decimal(words(*text).front());
  const auto avg10 = [&](const char* resource) -> std::optional<double> {
    const auto text = read_text(root / "proc/pressure" / resource);
    const auto some = text ? parse_pressure(*text, "some") : std::nullopt;
    return some ? std::optional(some->avg10) : std::nullopt;
  };
  facts.cpu_pressure_avg10 = avg10("cpu");
  facts.memory_pressure_avg10 = avg10("memory");
  facts.io_pressure_avg10 = avg10("io");
  facts.thermal_throttles = thermal_throttles(root);
  return facts;
}

json describe_topology(const topology& machine, const cgroup_limits& limits, const fs::path& root) {
  json cpus = json::array();
  for (const processor& one : machine.available) cpus.push_back(one.cpu);
  const auto smt = read_word(root / "sys/devices/system/cpu/smt/active");
  return {
      {"available_cpus", cpus},
      {"usable_processors", usable_processors(machine, limits)},
      {"processors", machine.processors},
      {"cores", machine.cores},
      {"threads_per_core",
       machine.cores == 0 ? json() : json((machine.processors + machine.cores - 1) / machine.cores)},
      {"smt_active", smt == "1"   ? json(true)
                     : smt == "0" ? json(false)
                                  : json()},
      {"sockets", machine.sockets},
      {"l3_groups", machine.l3_known ? json(machine.l3_groups) : json()},
      {"numa_nodes", machine.numa_nodes},
      {"caches", caches_text(machine)},
      {"l1d_bytes", cache_bytes(machine, 1)},
      {"l2_bytes", cache_bytes(machine, 2)},
      {"l3_bytes", cache_bytes(machine, 3)},
      {"cache_line", cache_line(machine)},
  };
}

json describe_libraries(const versions& added) {
  json libraries = added;
  libraries["libc"] = joined({"glibc ", ::gnu_get_libc_version()});
#if defined(__GLIBCXX__)
  libraries["libstdc++"] = joined({std::to_string(_GLIBCXX_RELEASE), " (", std::to_string(__GLIBCXX__), ")"});
#endif
  libraries["hwloc"] = HWLOC_VERSION;
  libraries["nlohmann_json"] =
      joined({std::to_string(NLOHMANN_JSON_VERSION_MAJOR), ".", std::to_string(NLOHMANN_JSON_VERSION_MINOR), ".",
              std::to_string(NLOHMANN_JSON_VERSION_PATCH)});
  return libraries;
}

void add_load_at_start(json& block, const load_facts& facts, const load_between& watch) {
  json& load = block["load"];
  put_facts(load, "start", facts);
  load["start_watch_s"] = watch.seconds;
  load["start_steal"] = or_null(watch.steal);
  load["start_waiting"] = or_null(watch.waiting);
  load["start_others_busy"] = or_null(watch.others_busy);
  put_facts(load, "end", {});
  put_run(load, nullptr, {});
  block["caveats"] = json::array();
  block["details"] = json::object();

  const json& system = block["system"];
  const double available = static_cast<double>(block["topology"]["available_cpus"].size());
  const json& hypervisor = system["hypervisor"];
  if (system["virtual_machine"] == true)
    add_caveat(block, "virtual_machine",
               joined({"Runs under ", hypervisor.is_string() ? hypervisor.get<std::string>() : "a hypervisor",
                       ", which may move virtual processors between physical ones while they run. Compare cells of "
                       "one run only; take absolute latencies from a physical machine."}));
  const json& quota = system["cpu_quota_cores"];
  if (quota.is_number() && quota.get<double>() < available)
    add_caveat(block, "throttled",
               joined({"The control group grants ", plain(quota.get<double>()), " of ", plain(available),
                       " processors and stops all threads when that is used up. Raise cpu.max, or measure with no "
                       "more threads than are granted."}));
  judge_steal(block, "Just before the start", watch.steal, 0.05);
  judge_noise(block, facts, watch, available);
}

void add_load_at_end(json& block, const load_facts& start, const load_facts& end, const load_between& run) {
  std::optional<std::int64_t> thermal;
  if (start.thermal_throttles && end.thermal_throttles)
    thermal = std::max<std::int64_t>(0, *end.thermal_throttles - *start.thermal_throttles);
  put_facts(block["load"], "end", end);
  put_run(block["load"], &run, thermal);
  judge_steal(block, "Over the run", run.steal, 0.01);
  if (run.throttled_ms && *run.throttled_ms > 0)
    add_caveat(block, "throttled",
               joined({"During the run the control group's quota stopped threads for ", plain(*run.throttled_ms),
                       " ms in all. Raise cpu.max, or measure with fewer threads."}));
  if (thermal && *thermal > 0)
    add_caveat(block, "throttled",
               joined({"During the run the processor slowed down from heat ", std::to_string(*thermal),
                       " times. Improve its cooling, or cap its frequency."}));
}

environment::environment(const versions& library_versions, std::chrono::milliseconds watch)
    : machine_(read_topology()), limits_(read_cgroup_limits()), sampler_(limits_) {
  block_["cpu"] = describe_cpu();
  block_["topology"] = describe_topology(machine_, limits_);
  block_["system"] = describe_system(limits_);
  block_["libraries"] = describe_libraries(library_versions);
  const load_snapshot before = sampler_.sample();
  std::this_thread::sleep_for(watch);
  start_ = sampler_.sample();
  start_facts_ = read_load_facts();
  std::vector<int> cpus;
  for (const processor& one : machine_.available) cpus.push_back(one.cpu);
  add_load_at_start(block_, start_facts_, between(before, start_, cpus));
}

json environment::block_at_end() const {
  json block = block_;
  std::vector<int> cpus;
  for (const processor& one : machine_.available) cpus.push_back(one.cpu);
  add_load_at_end(block, start_facts_, read_load_facts(), between(start_, sampler_.sample(), cpus));
  return block;
}

}  // namespace contend::host
