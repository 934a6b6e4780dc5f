// SPDX-License-Identifier: MIT
// From what is known of a machine to what can be trusted on it and what would help. Pure: no file, no clock.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "perf/counters/capability.hpp"
#include "perf/counters/event_catalogue.hpp"
#include "perf/host/core_distance.hpp"

namespace contend::doctor {

/// What was found out about counting: the surroundings, what was tried, and what this CPU has no event for.
struct countable {
  counters::surroundings around;
  std::string microarchitecture;  ///< key of the event catalogue; empty: not in it
  counters::capability found;
  std::vector<std::pair<std::string, counters::obstacle>> refused;  ///< metric → why this CPU has no event for it
};

/// Everything that the verdicts are judged from. Absent is unknown.
struct facts {
  nlohmann::json environment;  ///< the record's environment block as of now (perf/host)
  host::topology machine;
  host::latency_matrix first;                  ///< empty: fewer than two processors, or not measured
  std::optional<host::latency_matrix> second;  ///< the same again, `apart_s` later
  double apart_s = 0;
  std::string note;  ///< which processors of many the matrices are of
  std::optional<countable> counting;
  std::string program = "contend";  ///< how this program is called, for the commands of remedies
};

/// How far something can be relied on here.
enum class level {
  good,     ///< as it stands
  limited,  ///< with the restriction that the verdict says
  none,     ///< not at all
  unknown,  ///< nothing on this machine says
};
[[nodiscard]] std::string_view name_of(level value) noexcept;

/// One thing that somebody may want to rely on.
struct verdict {
  std::string what;  ///< timings, threads, core_to_core, hardware_counters, software_events
  level trust;
  std::string says;     ///< what can be relied on, a clause: "trust ratios within one run, not absolute numbers"
  std::string because;  ///< the facts behind it, clauses separated by "; ", or empty
  std::string advice;   ///< what would help, sentences; empty if nothing is known to
};

/// Something to do, with what it is good for.
struct remedy {
  std::string text;                ///< a sentence
  std::string command;             ///< one line for a shell, or empty
  std::vector<std::string> helps;  ///< `what` of the verdicts that it would improve
};

/// One verdict on each `what`, in that order, and the remedies, most useful first.
struct diagnosis {
  std::vector<verdict> trust;
  std::vector<remedy> to_do;
};
[[nodiscard]] diagnosis judge(const facts& known);

/// Metrics that share a fate: counted (empty reason), or not, for the same reason.
struct event_group {
  std::string reason;
  std::string cure;
  std::vector<std::string> metrics;  ///< "cycles", "cycles (kernel)"; each once
};
/// The counted ones first, then one group per reason in the order of the first event that has it.
[[nodiscard]] std::vector<event_group> group_events(const countable& counting);

/// Up to two decimals, three digits at most where there is a point: "0.3", "22", "1.25".
[[nodiscard]] std::string plain(double value);

}  // namespace contend::doctor
