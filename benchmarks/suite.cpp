// SPDX-License-Identifier: MIT
// From the command line to the report.
#include "suite.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <map>
#include <set>

#include "contend_build_info.hpp"
#include "lens_counters.hpp"
#include "lens_time.hpp"
#include "perf/host/cgroup.hpp"
#include "perf/host/topology.hpp"
#include "perf/record/atomic_file.hpp"
#include "perf/record/render.hpp"
#include "progress.hpp"
#include "run_environment.hpp"
#include "run_record.hpp"
#include "selection.hpp"

namespace contend::bench {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void note_signal(int) { interrupted = 1; }

void watch_signals() {
  struct sigaction action {};
  action.sa_handler = note_signal;  // no SA_RESTART: poll() must return
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGHUP, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool counts(const event_plan* events) { return events != nullptr && !events->events().empty(); }

/// The catalogue as tables made from the types' own facts, so that a new primitive has its row with no further edit.
void print_tables(const std::vector<catalogue_entry>& entries) {
  std::string family;
  for (const auto& entry : entries) {
    if (entry.family != family)
      fmt::print(
          "{}## {}\n\n| primitive | what it is | admits | waits | progress | source |\n|---|---|---|---|---|---|\n",
          family.empty() ? "" : "\n", entry.family);
    family = entry.family;
    const facts& f = entry.about;
    fmt::print("| `{}`{} | {} | {} | {} | {} | {} |\n", f.name, f.baseline ? " (baseline)" : "", f.summary,
               to_string(f.admits), to_string(f.waits), to_string(f.guarantees), f.source);
  }
}

int print_list(const matrix& all, const options& asked) {
  const auto chosen = chosen_by_name(all, asked);
  if (!asked.json && !asked.markdown) {
    for (const cell* c : chosen) std::cout << c->name << '\n';
    return 0;
  }
  std::set<std::pair<std::string_view, std::string_view>> named;
  for (const cell* c : chosen) named.emplace(c->family, c->about.name);
  std::vector<catalogue_entry> entries;
  for (const auto& entry : all.catalogue())
    if (named.contains({entry.family, entry.about.name})) entries.push_back(entry);
  if (asked.json)
    std::cout << catalogue_json(entries).dump(2) << '\n';
  else
    print_tables(entries);
  return 0;
}

int print_plan(const selection& chosen, const options& asked, unsigned processors, const event_plan* events) {
  const auto time = planned_time(chosen, asked, counts(events));
  if (asked.json) {
    nlohmann::ordered_json cells = nlohmann::ordered_json::array();
    for (const auto& c : chosen.cells)
      cells.push_back(
          {{"name", c.what->name},
           {"skipped", c.skipped.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(c.skipped)}});
    std::cout << nlohmann::ordered_json{{"cells", cells},
                                        {"measured", chosen.measured()},
                                        {"seconds", time.count()},
                                        {"rule", chosen.rule}}
                     .dump(2)
              << '\n';
    return 0;
  }
  std::map<std::string, std::pair<std::size_t, std::size_t>> families;
  for (const auto& c : chosen.cells) {
    auto& [measured, skipped] = families[c.what->family];
    ++(c.skipped.empty() ? measured : skipped);
  }
  fmt::print("{:<12}{:>10}{:>14}\n", "family", "cells", "not measured");
  for (const auto& [family, counts] : families) fmt::print("{:<12}{:>10}{:>14}\n", family, counts.first, counts.second);
  fmt::print("{:<12}{:>10}{:>14}\n\n", "all", chosen.measured(), chosen.cells.size() - chosen.measured());
  fmt::print(
      "{} repetitions of {:g} ms (latency and self-handoff trials: {:g} ms more each), {} usable processors: about "
      "{}.\n",
      asked.repetitions, std::chrono::duration<double, std::milli>(asked.window).count(),
      std::chrono::duration<double, std::milli>(asked.latency_window).count(), processors, in_words(time));
  fmt::print("Rule: {}.\n", chosen.rule);
  if (events == nullptr)
    fmt::print("Events: none asked for.\n");
  else if (counts(events))
    fmt::print("Events: {} per operation, in trials of {:g} ms of their own.\n", events->events().size(),
               std::chrono::duration<double, std::milli>(asked.window).count());
  else
    fmt::print("Events: none; {}\n", events->notice());
  return 0;
}

/// Writes the record where it belongs or, if that fails, where temporary files go: what was measured is not lost.
bool save(const run_record& record, const cell_list& cells, bool complete, bool finished) {
  try {
    record.write(cells, complete, finished);
    return true;
  } catch (const std::system_error& error) {
    std::error_code none;
    const auto refuge = std::filesystem::temp_directory_path(none) / fmt::format("contend-results-{}.json", ::getpid());
    fmt::print(stderr, "contend bench: {}\n", error.what());
    try {
      record::write_atomically(refuge, record.text(cells, complete, finished));
      fmt::print(stderr, "contend bench: the results were saved to {} instead\n", refuge.string());
    } catch (const std::system_error& again) {
      fmt::print(stderr, "contend bench: nor could they be saved elsewhere: {}\n", again.what());
    }
    return false;
  }
}

void print_summary(const std::vector<cell_results>& results) {
  std::size_t measured = 0;
  std::map<std::string, std::size_t> missing;
  for (const auto& one : results) {
    const auto& cell = one.to_record();
    if (one.repetitions() > 0 && !one.failed()) {
      ++measured;
      continue;
    }
    for (const char* code : {"check_failed", "crashed", "timeout", "not_applicable", "partial_run", "skipped"})
      if (cell.caveats.contains(code)) {
        ++missing[code];
        if (code == std::string_view("check_failed") || code == std::string_view("crashed"))
          fmt::print("  {}: {}: {}\n", cell.name, code, cell.caveats.at(code));
        break;
      }
  }
  fmt::print("{} cells measured", measured);
  for (const auto& [code, count] : missing) fmt::print(", {} {}", count, code);
  fmt::print("\n");
}

int run(matrix& all, options& asked, unsigned processors) {
  const selection chosen = select(all, asked, processors);
  if (!asked.families.empty() || !asked.workloads.empty() || !asked.primitives.empty() || !asked.filter.empty())
    asked.profile += ", chosen cells";
  const std::optional<event_plan> events = asked.counting ? std::optional<event_plan>(asked) : std::nullopt;
  const event_plan* const plan = events ? &*events : nullptr;
  if (asked.plan) return print_plan(chosen, asked, processors, plan);

  run_record record(all, asked, chosen);
  watch_signals();
  if (!asked.quiet)
    fmt::print(stderr, "{} cells, about {}; results go to {}\n", chosen.measured(),
               in_words(planned_time(chosen, asked, counts(plan))), record.directory().string());
  if (events && !asked.quiet && !events->notice().empty()) fmt::print(stderr, "{}\n", events->notice());

  run_environment environment;
  const auto describe = [&](nlohmann::ordered_json block) {
    block["counters"] = events ? events->to_json() : nlohmann::ordered_json(nullptr);
    record.environment(std::move(block));
  };
  describe(environment.at_start());

  std::vector<cell_results> results;
  std::vector<counter_results> counted;
  results.reserve(chosen.cells.size());
  counted.reserve(chosen.cells.size());
  for (const auto& c : chosen.cells) {
    const bool skipped = !c.skipped.empty() && c.what->not_applicable.empty();
    results.emplace_back(*c.what, asked.placement, processors);
    if (skipped) results.back().add_caveat("skipped", c.skipped);
    if (!events) continue;
    counted.emplace_back(*c.what, asked.placement, processors, *events);
    if (skipped) counted.back().add_caveat("skipped", c.skipped);
  }
  cell_list cells;
  for (const auto& one : results) cells.push_back(&one.to_record());
  for (const auto& one : counted) cells.push_back(&one.to_record());

  supervisor trials(asked.command_line, asked.cell_limit);
  trials.interrupted_by(&interrupted);
  auto saved = std::chrono::steady_clock::now();
  bool writable = true;
  const time_lens lens{.asked = asked,
                       .chosen = chosen,
                       .trials = trials,
                       .interrupted = interrupted,
                       .since_last_call = [&] { return environment.since_last_call(); },
                       .between_trials =
                           [&] {
                             if (!writable || std::chrono::steady_clock::now() - saved < std::chrono::seconds(10))
                               return;
                             writable = save(record, cells, false, false);
                             saved = std::chrono::steady_clock::now();
                           },
                       .events = plan};
  const std::string google = run_time_lens(lens, results, counted);
  const bool complete = interrupted == 0;
  describe(environment.at_end(!complete));
  for (auto& one : results) {
    one.finish();
    if (one.repetitions() > 0 && !environment.topology_drift().empty()) one.add_caveat("topology_drift");
  }
  for (auto& one : counted) one.finish();
  if (!complete)
    for (auto& one : results)
      if (one.repetitions() < static_cast<std::size_t>(asked.repetitions) && !one.failed() &&
          one.to_record().caveats.count("skipped") + one.to_record().caveats.count("not_applicable") == 0)
        one.add_caveat("partial_run", fmt::format("{} of {} repetitions were done when the run was interrupted",
                                                  one.repetitions(), asked.repetitions));

  if (!save(record, cells, complete, true)) return 2;
  int status = complete ? 0 : 130;
  try {
    record.write_google(google);
    const bool any = std::any_of(results.begin(), results.end(), [](const auto& one) { return one.repetitions() > 0; });
    if (complete || any) record.make_latest();  // a run interrupted at once takes nobody's results away
  } catch (const std::system_error& error) {
    fmt::print(stderr, "contend bench: {}\n", error.what());
    status = 2;
  }
  if (!complete) fmt::print(stderr, "interrupted: what was finished is kept\n");
  print_summary(results);
  fmt::print("results  {}\n", (record.directory() / "results.json").string());
  std::fflush(stdout);
  if (asked.report) {
    const int drawn = record::render_report(record.directory(), true);
    if (drawn == 0)
      fmt::print("report   {}\n", (record.directory() / "report.html").string());
    else if (status == 0)
      status = 2;
  }
  for (const auto& one : results)
    if (status == 0 && one.to_record().caveats.contains("check_failed")) status = 4;
  return status;
}

}  // namespace

int run_suite(int argc, char** argv, void (*extend)(matrix&)) {
  try {
    options asked = parse_options(argc, argv);
    const host::topology machine = host::read_topology();
    const unsigned processors = host::usable_processors(machine, host::read_cgroup_limits());
    matrix all(thread_counts(asked, processors));
    add_catalogue(all);
    if (extend != nullptr) {
      extend(all);
      all.refuse_duplicates();
    }
    if (is_worker()) {
      const auto policy = host::parse_placement(asked.placement);
      return serve(all, host::placement_order(*policy, machine));
    }
    if (asked.list) return print_list(all, asked);
    return run(all, asked, processors);
  } catch (const usage_error& wrong) {
    fmt::print(stderr, "contend bench: {}\n", wrong.what());
    return 2;
  } catch (const std::exception& wrong) {
    fmt::print(stderr, "contend bench: {}\n", wrong.what());
    return 2;
  }
}

}  // namespace contend::bench
