// SPDX-License-Identifier: MIT
// Google Benchmark's flags: understood, passed on, or refused with the one to use instead.
#include "google_flags.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

namespace contend::bench {
namespace {

struct refused_flag {
  std::string_view flag;
  std::string_view instead;
};
constexpr std::array refused{
    refused_flag{"--benchmark_min_time", "a trial runs for a fixed time; use --window-ms"},
    refused_flag{"--benchmark_min_warmup_time",
                 "trials of all cells are shuffled, so none is warmed up; use --repetitions"},
    refused_flag{"--benchmark_perf_counters",
                 "its counters are shared by all threads and so wrong for them; use --events"},
    refused_flag{"--benchmark_dry_run", "use --plan"},
};
enum class takes { truth, repetitions, text, one_of };
struct known_flag {
  std::string_view flag;
  takes value;
  std::string_view expected{};  ///< of one_of, as in the sentence to show
};
constexpr std::array understood{
    known_flag{"--benchmark_enable_random_interleaving", takes::truth},
    known_flag{"--benchmark_report_aggregates_only", takes::truth},
    known_flag{"--benchmark_display_aggregates_only", takes::truth},
    known_flag{"--benchmark_counters_tabular", takes::truth},
    known_flag{"--benchmark_list_tests", takes::truth},
    known_flag{"--benchmark_repetitions", takes::repetitions},
    known_flag{"--benchmark_filter", takes::text},
    known_flag{"--benchmark_context", takes::text},
    known_flag{"--benchmark_out", takes::text},
    known_flag{"--benchmark_color", takes::one_of, "auto, true, false, yes, no, on, off, 1 or 0"},
    known_flag{"--benchmark_format", takes::one_of, "console or json"},
    // Its CSV wants the same counters of every benchmark and ends the program where they differ.
    known_flag{"--benchmark_out_format", takes::one_of, "json or console (the report offers all cells as CSV)"},
    known_flag{"--benchmark_time_unit", takes::one_of, "ns, us, ms or s"},
    known_flag{"--v", takes::one_of, "0, 1, 2 or 3"},
};

bool is_true(std::string_view value) {  // as Google Benchmark reads it
  return value.empty() ||
         (value != "0" && value != "false" && value != "no" && value != "off" && value != "f" && value != "n");
}

/// True if `value` is one of "a, b or c (a remark)".
bool is_listed(std::string_view expected, std::string_view value) {
  expected = expected.substr(0, expected.find(" ("));
  while (!expected.empty()) {
    const auto end = expected.find_first_of(", ");
    if (expected.substr(0, end) == value) return true;
    if (end == std::string_view::npos) break;
    expected.remove_prefix(end);
    expected.remove_prefix(std::min(expected.size(), expected.find_first_not_of(", ")));
    if (expected.starts_with("or ")) expected.remove_prefix(3);
  }
  return false;
}

/// Of Google Benchmark's flags those that choose cells, which is what a simulation can honour.
bool chooses_cells(std::string_view flag) { return flag == "--benchmark_filter" || flag == "--benchmark_list_tests"; }

}  // namespace

void take_google_flags(std::vector<std::string>& arguments, options& out) {
  std::vector<std::string> rest;
  for (const auto& argument : arguments) {
    if (argument.rfind("--benchmark_", 0) != 0 && argument.rfind("--v=", 0) != 0 && argument != "--v") {
      rest.push_back(argument);
      continue;
    }
    const auto equals = argument.find('=');
    const std::string flag = argument.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    if (out.verb == simulate_verb && !chooses_cells(flag)) throw usage_error(flag + no_clock);
    for (const auto& [name, instead] : refused)
      if (flag == name) throw usage_error(flag + ": not available here: " + std::string(instead));
    const auto known =
        std::find_if(understood.begin(), understood.end(), [&](const known_flag& k) { return k.flag == flag; });
    if (known == understood.end()) throw usage_error(argument + ": no such flag of Google Benchmark is known here");
    if (equals == std::string::npos && known->value != takes::truth)
      throw usage_error(flag + ": a value is missing; write " + flag + "=…");
    if (known->value == takes::one_of && !is_listed(known->expected, value))
      throw usage_error(flag + ": '" + value + "' is not a value for it here; expected " +
                        std::string(known->expected));
    if (flag == "--benchmark_filter") {  // ours is the same, and the record and the plan know it
      out.filter = value;
    } else if (flag == "--benchmark_list_tests") {
      out.list = is_true(value);
    } else if (flag == "--benchmark_format") {
      out.format = value;
    } else if (flag == "--benchmark_counters_tabular") {
      out.tabular = is_true(value);
    } else if (flag == "--benchmark_color") {
      out.colour = value == "auto" ? ::isatty(1) == 1 : is_true(value);
    } else if (flag == "--benchmark_display_aggregates_only") {
      out.display_aggregates_only = is_true(value);
    } else {
      if (flag == "--benchmark_repetitions")
        out.repetitions = static_cast<int>(number_in<long>(flag, value, 1, 1000, "a number of repetitions"));
      if (flag == "--benchmark_context" && value.find('=') == std::string::npos)
        throw usage_error(flag + ": '" + value + "' is not a pair; expected key=value");
      if (flag == "--benchmark_out" && !std::ofstream(value, std::ios::app))  // it would end the program, exit 1
        throw usage_error(flag + ": cannot write '" + value + "': " + std::strerror(errno));
      out.google_flags.push_back(argument);
    }
  }
  arguments = std::move(rest);
}

}  // namespace contend::bench
