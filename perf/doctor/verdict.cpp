// SPDX-License-Identifier: MIT
// Judges timings, threads, core-to-core latency and counting, each from its facts.
#include "perf/doctor/verdict.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "perf/doctor/remedies.hpp"
#include "perf/host/text.hpp"

namespace contend::doctor {
namespace {

using host::joined;
using json = nlohmann::json;

std::string clauses(const std::vector<std::string>& parts, const char* separator = "; ") {
  std::string all;
  for (const auto& part : parts) all.append(all.empty() ? "" : separator).append(part);
  return all;
}

std::string percent(double share) { return joined({plain(share * 100), " %"}); }

std::string count_of(std::size_t n, const char* one) {
  return joined({std::to_string(n), " ", one, n == 1 ? "" : "s"});
}

std::optional<double> number(const json& value) {
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

std::optional<host::latency_drift> drift_of(const facts& known) {
  return known.second ? host::drift(known.first, *known.second) : std::nullopt;
}

std::string machine_kind(const view& of) {
  if (!of.virtual_machine) return "physical or virtual: unknown";
  return *of.virtual_machine ? "virtual machine" : "physical machine";
}

/// What disturbs a run right now, as far as it is known.
std::vector<std::string> disturbances(const view& of) {
  std::vector<std::string> parts;
  if (of.has("throttled"))
    parts.push_back(joined(
        {"the control group grants ", plain(of.quota.value_or(0)), " of ", count_of(of.available, "processor")}));
  if (of.has("steal")) parts.push_back(joined({"the hypervisor steals ", percent(of.steal.value_or(0))}));
  if (!of.has("noisy")) return parts;
  if (of.others_busy && *of.others_busy > 0.05)
    parts.push_back(
        joined({"other programs keep ", plain(*of.others_busy), " of ", count_of(of.available, "processor"), " busy"}));
  else if (of.waiting && *of.waiting > 0.05)
    parts.push_back(joined({"tasks wait for a processor ", percent(*of.waiting), " of the time"}));
  if (!of.others_busy && !of.waiting && of.load_1min) parts.push_back(joined({"load average ", plain(*of.load_1min)}));
  return parts;
}

/// What is known to be in order, and what nobody could say.
std::vector<std::string> calm(const view& of) {
  std::vector<std::string> known, unknown;
  if (!of.has("steal") && of.virtual_machine != false) {
    if (of.steal)
      known.push_back(joined({"steal ", percent(*of.steal)}));
    else
      unknown.emplace_back("steal");
  }
  if (!of.has("noisy")) {
    if (of.others_busy || of.waiting || of.load_1min)
      known.emplace_back("otherwise idle");
    else
      unknown.emplace_back("other load");
  }
  if (of.virtual_machine != true && of.governor.empty()) unknown.emplace_back("clock governor");
  if (!unknown.empty()) known.push_back(joined({clauses(unknown, ", "), " unknown"}));
  return known;
}

std::vector<std::string> clock_faults(const view& of) {
  std::vector<std::string> parts;
  if (!of.governor.empty() && of.governor != "performance") parts.push_back(joined({"governor ", of.governor}));
  if (of.boost == true) parts.emplace_back("turbo on");
  if (of.slow_clock()) parts.push_back(joined({"clock ", of.clock_source, " is slow to read"}));
  return parts;
}

verdict judge_timings(const facts& known, const view& of) {
  verdict result{"timings", level::limited, "", "", ""};
  std::vector<std::string> because = disturbances(of);
  const bool disturbed = !because.empty();
  because.push_back(machine_kind(of));
  if (const auto moved = drift_of(known); moved && moved->drifted)
    because.push_back(joined({"latency to processor ", std::to_string(moved->worst_cpu), " changes"}));
  const auto clock = clock_faults(of);
  because.insert(because.end(), clock.begin(), clock.end());
  const auto rest = calm(of);
  because.insert(because.end(), rest.begin(), rest.end());
  result.because = clauses(because);
  const bool nothing_known = !of.virtual_machine && !of.steal && !of.others_busy && !of.waiting && !of.load_1min;
  if (disturbed) {
    result.says = "trust only large differences within one run";
  } else if (nothing_known) {
    result.trust = level::unknown;
    result.says = "nothing here says how steady they are; compare within one run only";
  } else if (of.virtual_machine == true) {
    result.says = "trust ratios within one run, not absolute numbers";
  } else if (!of.virtual_machine) {
    result.says = "trust ratios within one run; absolute numbers only if the machine is physical";
  } else if (!clock.empty()) {
    result.says = "trust ratios at one thread count, not absolute numbers";
  } else if (of.governor.empty()) {
    result.says = "trust ratios within one run; absolute numbers hold at an unknown clock";
  } else {
    result.trust = level::good;
    result.says = "trust ratios and absolute numbers";
  }
  return result;
}

verdict judge_threads(const view& of) {
  verdict result{"threads", level::unknown, "nothing here says how many can run at once", "", ""};
  if (of.available == 0) return result;
  const std::string usable = std::to_string(of.usable);
  result.because = joined({std::to_string(of.available), " of ", count_of(of.processors, "processor")});
  result.because += !of.quota_known ? "; quota unknown"
                    : of.quota      ? joined({"; quota ", plain(*of.quota)})
                                    : "; no quota";
  if (of.available == 1) {
    result.trust = level::none;
    result.says = "one processor: threads take turns, nothing contends";
  } else if (of.quota && *of.quota < of.available) {
    result.trust = level::limited;
    result.says = joined({"trust up to ", usable, "; with more the quota stops them all"});
  } else {
    result.trust = of.quota_known ? level::good : level::limited;
    result.says = joined({"trust up to ", usable, " at once"});
    if (of.threads_per_core > 1 && of.available > of.available_cores)
      result.says =
          joined({"trust up to ", usable, "; above ", std::to_string(of.available_cores), " two share a core"});
  }
  return result;
}

verdict judge_core_to_core(const facts& known, const view& of) {
  verdict result{"core_to_core", level::unknown, "was not measured", "", ""};
  if (of.available == 1) {
    result.trust = level::none;
    result.says = "there is no second processor to measure to";
    return result;
  }
  const auto groups = host::by_distance(known.first, known.machine);
  if (groups.empty()) {
    if (!known.first.empty()) result.says = "no pair of processors had a quiet moment";
    return result;
  }
  double low = groups.front().min, high = groups.front().max, spread = 1;
  for (const auto& group : groups) {
    low = std::min(low, group.min);
    high = std::max(high, group.max);
    spread = std::max(spread, group.max / group.min);
  }
  const auto moved = drift_of(known);
  const std::size_t n = known.first.cpus.size();
  result.says =
      joined({plain(low) == plain(high) ? "" : joined({plain(low), "–"}), plain(high), " ns one way, ",
              n < of.available ? joined({std::to_string(n), " of "}) : "", count_of(of.available, "processor"), ", "});
  std::vector<std::string> because;
  const bool uneven = spread > host::uniform_spread, moves = moved && moved->drifted;
  result.trust = uneven || moves || known.first.absent_pairs > 0 ? level::limited : level::good;
  if (moves) {
    result.says += "changing while one looks";
    because.push_back(joined({"processor ", std::to_string(moved->worst_cpu), " changed by a factor of ",
                              plain(moved->worst_ratio), " in ", plain(known.apart_s), " s"}));
  } else {
    result.says += uneven               ? "unlike the topology"
                   : high < 1.5 * low   ? "alike"
                   : groups.size() == 1 ? "roughly alike"
                                        : "like the topology";
    if (moved) result.says += joined({", steady for ", plain(known.apart_s), " s"});
  }
  if (uneven)
    because.push_back(joined({"pairs that should be alike differ ", plain(spread), "×",
                              of.virtual_machine == true ? ": the hypervisor hides where they are" : ""}));
  if (!moved) because.emplace_back("whether it is steady is unknown");
  if (known.first.absent_pairs > 0)
    because.push_back(joined({count_of(known.first.absent_pairs, "pair"), " could not be measured"}));
  result.because = clauses(because);
  return result;
}

bool hardware_event(const counters::event& one) { return one.from == counters::origin::perf_event; }

verdict judge_hardware(const facts& known) {
  verdict result{"hardware_counters", level::unknown, "could not be tried", "", ""};
  if (!known.counting) return result;
  const auto& found = known.counting->found;
  if (!found.hardware) {
    constexpr std::string_view said_already = "no hardware counters: ";
    result.trust = level::none;
    result.says = "none";
    result.because =
        found.why.reason.starts_with(said_already) ? found.why.reason.substr(said_already.size()) : found.why.reason;
    return result;
  }
  std::size_t tried = 0, counted = 0, scaled = 0;
  for (const auto& one : found.events) {
    if (!hardware_event(one.what)) continue;
    ++tried;
    counted += one.how == counters::state::counted;
    scaled += one.how == counters::state::multiplexed;
  }
  const bool all = counted == tried;
  result.trust = all && found.kernel_side ? level::good : level::limited;
  result.says = joined({"trust ", std::to_string(counted + scaled), " of ", count_of(tried, "event"),
                        found.kernel_side ? "" : ", user space only"});
  std::vector<std::string> because;
  if (scaled > 0) because.push_back(joined({std::to_string(scaled), " take turns on the counters and are scaled"}));
  if (!found.kernel_side && !found.why.reason.empty()) because.push_back(found.why.reason);
  if (!known.counting->refused.empty())
    because.push_back(joined({"this CPU has no event for ", count_of(known.counting->refused.size(), "other metric")}));
  if (known.counting->microarchitecture.empty())
    because.emplace_back("this CPU is not in the event catalogue, so only events of every CPU are tried");
  result.because = clauses(because);
  return result;
}

/// "page_faults" → "page faults"
std::string spoken(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

verdict judge_software(const facts& known) {
  verdict result{"software_events", level::unknown, "could not be tried", "", ""};
  if (!known.counting) return result;
  std::vector<std::string> counted, missing;
  std::string reason;
  for (const auto& one : known.counting->found.events) {
    if (hardware_event(one.what)) continue;
    const bool works = one.how == counters::state::counted;
    auto& list = works ? counted : missing;
    if (std::find(list.begin(), list.end(), spoken(one.what.metric)) == list.end())
      list.push_back(spoken(one.what.metric));
    if (!works && reason.empty()) reason = one.why.reason;
  }
  if (counted.empty() && missing.empty()) {
    result.says = "none were tried";
  } else if (missing.empty()) {
    result.trust = level::good;
    result.says = joined({"trust ", clauses(counted, ", ")});
    result.because = "need no PMU";
  } else {
    result.trust = counted.empty() ? level::none : level::limited;
    result.says =
        counted.empty() ? "none" : joined({"trust ", clauses(counted, ", "), "; not ", clauses(missing, ", ")});
    result.because = reason;
  }
  return result;
}

}  // namespace

std::string_view name_of(level value) noexcept {
  constexpr std::array<std::string_view, 4> names{"good", "limited", "none", "unknown"};
  return names[static_cast<std::size_t>(value)];
}

std::string plain(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value >= 10 ? "%.0f" : value >= 1 ? "%.1f" : "%.2f", value);
  std::string result = text;
  if (result.find('.') == std::string::npos) return result;
  while (result.back() == '0') result.pop_back();
  if (result.back() == '.') result.pop_back();
  return result;
}

view::view(const facts& known) {
  const json& block = known.environment;
  const auto at = [&](const char* group, const char* key) -> json {
    if (!block.is_object() || !block.contains(group) || !block[group].is_object()) return {};
    return block[group].value(key, json());
  };
  const auto text = [&](const char* group, const char* key) {
    const json value = at(group, key);
    return value.is_string() ? value.get<std::string>() : std::string();
  };
  const auto yes_no = [&](const char* group, const char* key) -> std::optional<bool> {
    const json value = at(group, key);
    return value.is_boolean() ? std::optional(value.get<bool>()) : std::nullopt;
  };
  if (block.is_object() && block.contains("caveats"))
    for (const json& caveat : block["caveats"]) caveats.push_back(caveat.get<std::string>());
  virtual_machine = yes_no("system", "virtual_machine");
  hypervisor = text("system", "hypervisor");
  governor = text("cpu", "governor");
  driver = text("cpu", "frequency_driver");
  boost = yes_no("cpu", "boost");
  clock_source = text("system", "clock_source");
  const json cores_granted = at("system", "cpu_quota_cores");
  quota_known = !cores_granted.is_null();
  quota = number(cores_granted);
  nmi_watchdog = yes_no("system", "nmi_watchdog");
  steal = number(at("load", "start_steal"));
  waiting = number(at("load", "start_waiting"));
  others_busy = number(at("load", "start_others_busy"));
  load_1min = number(at("load", "start_load_1min"));
  available = static_cast<unsigned>(known.machine.available.size());
  usable = static_cast<unsigned>(number(at("topology", "usable_processors")).value_or(available));
  processors = known.machine.processors;
  cores = known.machine.cores;
  threads_per_core = cores == 0 ? 0 : (processors + cores - 1) / cores;
  std::vector<int> seen;
  for (const auto& one : known.machine.available)
    if (std::find(seen.begin(), seen.end(), one.core) == seen.end()) seen.push_back(one.core);
  available_cores = static_cast<unsigned>(seen.size());
}

bool view::has(std::string_view caveat) const {
  return std::find(caveats.begin(), caveats.end(), caveat) != caveats.end();
}

bool view::slow_clock() const {
  return clock_source == "hpet" || clock_source == "acpi_pm" || clock_source == "jiffies" ||
         clock_source == "refined-jiffies" || clock_source == "xen";
}

diagnosis judge(const facts& known) {
  const view of(known);
  diagnosis result;
  result.trust = {judge_timings(known, of), judge_threads(of), judge_core_to_core(known, of), judge_hardware(known),
                  judge_software(known)};
  result.to_do = remedies(known, of, result.trust);
  for (verdict& one : result.trust) {
    std::vector<std::string> advice;
    for (const remedy& each : result.to_do)
      if (std::find(each.helps.begin(), each.helps.end(), one.what) != each.helps.end())
        advice.push_back(each.command.empty() ? each.text : joined({each.text, " (", each.command, ")"}));
    one.advice = clauses(advice, " ");
  }
  return result;
}

std::vector<event_group> group_events(const countable& counting) {
  std::vector<event_group> groups{{}};
  const auto add = [&](const std::string& metric, const std::string& reason, const std::string& cure) {
    auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& one) { return one.reason == reason; });
    if (group == groups.end()) group = groups.insert(groups.end(), {reason, cure, {}});
    if (std::find(group->metrics.begin(), group->metrics.end(), metric) == group->metrics.end())
      group->metrics.push_back(metric);
  };
  for (const auto& one : counting.found.events) {
    const bool works = one.how == counters::state::counted || one.how == counters::state::multiplexed;
    const bool kernel = hardware_event(one.what) && one.what.where == counters::side::kernel;
    const std::string unsaid = works ? "" : "no reason was given";
    add(joined({one.what.metric, kernel ? " (kernel)" : ""}),
        works                    ? ""
        : one.why.reason.empty() ? unsaid
                                 : one.why.reason,
        works ? "" : one.why.cure);
  }
  for (const auto& [metric, why] : counting.refused) add(metric, why.reason, why.cure);
  return groups;
}

}  // namespace contend::doctor
