// SPDX-License-Identifier: MIT
// Which events a run counts: the default ones, or those of a list on the command line.
#include <linux/perf_event.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>

#include "perf/counters/event_catalogue.hpp"
#include "perf/host/text.hpp"
#include "perf/nearest.hpp"

namespace contend::counters {
namespace {

using host::joined;

constexpr std::array<std::string_view, 11> default_metrics{
    "cycles", "instructions", "l1d_miss",           "l2_miss",   "llc_miss",   "modified_line_hit",
    "rfo",    "remote_hit",   "memory_order_clear", "lock_load", "branch_miss"};

struct software_metric {
  std::string_view name;
  origin from;
};
constexpr std::array software_metrics{software_metric{"context_switches", origin::context_switches},
                                      software_metric{"voluntary_switches", origin::voluntary_switches},
                                      software_metric{"involuntary_switches", origin::involuntary_switches},
                                      software_metric{"page_faults", origin::page_faults}};

const software_metric* find_software(std::string_view name) {
  const auto found = std::find_if(software_metrics.begin(), software_metrics.end(),
                                  [&](const software_metric& one) { return one.name == name; });
  return found == software_metrics.end() ? nullptr : &*found;
}

event software_event(const software_metric& metric) {
  event made;
  made.metric = metric.name;
  made.from = metric.from;
  made.name = metric.name;
  made.source = "getrusage(2)";
  return made;
}

const catalogue_row* find_row(std::string_view metric, std::string_view microarchitecture) {
  for (const auto& row : catalogue())
    if (row.metric == metric && row.microarchitecture == microarchitecture) return &row;
  return nullptr;
}

/// This CPU's own row, or else the kernel's own name for the metric.
const catalogue_row* row_for(std::string_view metric, std::string_view microarchitecture) {
  if (const auto* own = find_row(metric, microarchitecture)) return own;
  return find_row(metric, "generic");
}

event event_of(const catalogue_row& row, side where) {
  event made;
  made.metric = row.metric;
  made.where = where;
  made.type = row.type;
  made.config = row.config;
  made.config1 = row.config1;
  made.name = row.name;
  made.source = row.source;
  return made;
}

/// Why `metric` has no encoding: the row says it is impossible, or there is no row.
obstacle no_encoding(std::string_view metric, std::string_view microarchitecture, const catalogue_row* row) {
  if (row != nullptr)
    return {"event_unsupported", joined({"this processor cannot count ", metric, ": ", row->impossible}),
            "none on this processor; 'contend doctor' lists what it can count"};
  if (microarchitecture.empty())
    return {"event_unsupported",
            joined({"the catalogue of events does not know this processor, and the kernel has no name of its own for ",
                    metric}),
            "ask for it by its raw code or its libpfm4 name (--events)"};
  return {"event_unsupported", joined({"the catalogue has no ", metric, " for ", microarchitecture}),
          "ask for it by its raw code or its libpfm4 name (--events)"};
}

}  // namespace

event_choice default_events(std::string_view microarchitecture) {
  event_choice choice;
  for (const auto metric : default_metrics) {
    const auto* row = row_for(metric, microarchitecture);
    if (row == nullptr || !row->impossible.empty()) {
      choice.refused.emplace_back(metric, no_encoding(metric, microarchitecture, row));
      continue;
    }
    choice.events.push_back(event_of(*row, side::user));
    if (metric == "cycles" || metric == "instructions") choice.events.push_back(event_of(*row, side::kernel));
  }
  for (const auto name : {"context_switches", "page_faults"})
    choice.events.push_back(software_event(*find_software(name)));
  return choice;
}

// ---- a list from the command line

namespace {

/// Every name that may stand in the list on this CPU.
std::vector<std::string> countable_names(std::string_view microarchitecture) {
  std::vector<std::string> names;
  for (const auto& row : catalogue())
    if ((row.microarchitecture == microarchitecture || row.microarchitecture == "generic") && row.impossible.empty() &&
        row_for(row.metric, microarchitecture) == &row)
      names.emplace_back(row.metric);
  for (const auto& one : software_metrics) names.emplace_back(one.name);
  return names;
}

/// The keys of the CPUs for which the catalogue has `metric`, or an empty text.
std::string other_cpus_with(std::string_view metric) {
  std::string keys;
  for (const auto& row : catalogue())
    if (row.metric == metric && row.impossible.empty())
      keys.append(keys.empty() ? "" : ", ").append(row.microarchitecture);
  return keys;
}

/// r01d1: type 4 with that hexadecimal config, as perf has it.
std::optional<event> raw_event(std::string_view name) {
  if (name.size() < 2 || name[0] != 'r') return std::nullopt;
  const auto code = host::parse_number<std::uint64_t>(name.substr(1), 16);
  if (!code || name[1] == '-') return std::nullopt;
  event made;
  made.metric = name;
  made.type = PERF_TYPE_RAW;
  made.config = *code;
  made.name = name;
  made.source = "as asked";
  return made;
}

/// "skx::MEM_LOAD_RETIRED:L1_MISS" as a record's metric: "skx_mem_load_retired_l1_miss".
std::string snake_case(std::string_view name) {
  std::string result;
  for (const char letter : name) {
    if (std::isalnum(static_cast<unsigned char>(letter)) != 0)
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    else if (!result.empty() && result.back() != '_')
      result += '_';
  }
  while (!result.empty() && result.back() == '_') result.pop_back();
  return result;
}

/// The part of a libpfm4 name before "::", if the catalogue knows it as another CPU's and not as this one's.
std::string_view foreign_pmu(std::string_view name, std::string_view microarchitecture) {
  const auto end = name.find("::");
  if (end == std::string_view::npos || microarchitecture.empty()) return {};
  const auto prefix = name.substr(0, end + 2);
  bool others = false;
  for (const auto& row : catalogue()) {
    if (!row.libpfm4.starts_with(prefix)) continue;
    if (row.microarchitecture == microarchitecture || row.microarchitecture == "generic") return {};
    others = true;
  }
  return others ? name.substr(0, end) : std::string_view{};
}

[[noreturn]] void unknown(std::string_view name, std::string_view microarchitecture, bool resolves) {
  std::string near;
  for (const auto& one : nearest(std::string(name), countable_names(microarchitecture)))
    near.append(near.empty() ? "" : ", ").append(one);
  throw bad_event(joined({"--events: '", name, "' is no event; expected a metric, ",
                          resolves ? "a libpfm4 name" : "(this build resolves no libpfm4 names)",
                          " or a raw code as r01d1", near.empty() ? "" : "; near it: ", near}));
}

/// The event that an item without its side names; its side is not set.
event named(std::string_view name, std::string_view microarchitecture, const name_resolver& resolve) {
  if (const auto* software = find_software(name)) return software_event(*software);
  if (const auto* row = row_for(name, microarchitecture)) {
    if (row->impossible.empty()) return event_of(*row, side::user);
    throw bad_event(joined({"--events: ", no_encoding(name, microarchitecture, row).reason}));
  }
  if (const auto keys = other_cpus_with(name); !keys.empty())
    throw bad_event(joined({"--events: '", name, "' is an event of other processors (", keys, "); this one is ",
                            microarchitecture.empty() ? "not in the catalogue" : microarchitecture}));
  if (auto raw = raw_event(name)) return *raw;
  if (const auto pmu = foreign_pmu(name, microarchitecture); !pmu.empty())
    throw bad_event(joined(
        {"--events: '", name, "' is an event of another processor (", pmu, "); this one is ", microarchitecture}));
  auto found = resolve ? resolve(std::string(name)) : std::nullopt;
  if (!found) unknown(name, microarchitecture, static_cast<bool>(resolve));
  if (found->metric.empty()) found->metric = snake_case(name);
  return *found;
}

void add(event_choice& choice, event made, std::string_view item) {
  const auto same = [&](const event& other) { return other.key() == made.key(); };
  if (std::any_of(choice.events.begin(), choice.events.end(), same))
    throw bad_event(joined({"--events: '", item, "' is asked for twice; expected each event once"}));
  if (choice.events.size() == max_events)
    throw bad_event(joined({"--events: more than ", std::to_string(max_events),
                            " events, each side counted; expected fewer, they could only be multiplexed to nothing"}));
  choice.events.push_back(std::move(made));
}

}  // namespace

event_choice parse_events(std::string_view list, std::string_view microarchitecture, const name_resolver& resolve) {
  event_choice choice;
  if (host::trimmed(list).empty())
    throw bad_event(
        "--events: the list is empty; expected metrics, libpfm4 names or raw codes, as in cycles,rfo,r01d1");
  for (const auto piece : host::split(list, ',')) {
    const auto item = host::trimmed(piece);
    auto name = item;
    std::optional<side> only;
    if (name.ends_with(":u")) only = side::user;
    if (name.ends_with(":k")) only = side::kernel;
    if (only) name.remove_suffix(2);
    if (name.empty())
      throw bad_event(joined({"--events: '", list, "' has an empty item; expected names between the commas"}));
    event made = named(name, microarchitecture, resolve);
    if (made.from != origin::perf_event) {
      if (only)
        throw bad_event(joined({"--events: '", item, "' has a side, but ", name, " is one count; expected it without ",
                                item.substr(item.size() - 2)}));
      add(choice, std::move(made), item);
      continue;
    }
    for (const side where : {side::user, side::kernel}) {
      if (only && *only != where) continue;
      made.where = where;
      add(choice, made, item);
    }
  }
  return choice;
}

}  // namespace contend::counters
