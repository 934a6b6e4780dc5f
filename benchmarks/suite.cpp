// SPDX-License-Identifier: MIT
// From the command line to the report.
#include "suite.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <set>

#include "lens_coherence.hpp"
#include "lens_counters.hpp"
#include "perf/host/cgroup.hpp"
#include "perf/host/topology.hpp"
#include "point.hpp"
#include "progress.hpp"
#include "run.hpp"
#include "selection.hpp"
#include "validation.hpp"
#include "worker.hpp"

namespace contend::bench {
namespace {

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

/// For who wants to know before a run whether another build's numbers will be comparable.
nlohmann::ordered_json with_fingerprints(nlohmann::ordered_json catalogue, const matrix& all) {
  const auto described = workloads_json(all);
  for (auto& entry : catalogue) {
    auto& prints = entry["fingerprints"] = nlohmann::ordered_json::object();
    for (const auto& one : described)
      if (one["family"] == entry["family"] && one.contains("fingerprint"))
        for (const auto& name : entry["workloads"])
          if (name == one["workload"]) prints[name.get<std::string>()] = one["fingerprint"];
  }
  return catalogue;
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
    std::cout << with_fingerprints(catalogue_json(entries), all).dump(2) << '\n';
  else
    print_tables(entries);
  return 0;
}

nlohmann::ordered_json simulated_cells_json(const selection& chosen) {
  nlohmann::ordered_json cells = nlohmann::ordered_json::array();
  for (const auto& c : chosen.cells)
    cells.push_back(
        {{"name", c.what->name},
         {"not_applicable", c.skipped.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(c.skipped)}});
  return cells;
}

void print_cells(const selection& chosen, const char* left_out) {
  std::map<std::string, std::pair<std::size_t, std::size_t>> families;
  for (const auto& c : chosen.cells) {
    auto& [measured, skipped] = families[c.what->family];
    ++(c.skipped.empty() ? measured : skipped);
  }
  fmt::print("{:<12}{:>10}{:>16}\n", "family", "cells", left_out);
  for (const auto& [family, counts] : families) fmt::print("{:<12}{:>10}{:>16}\n", family, counts.first, counts.second);
  fmt::print("{:<12}{:>10}{:>16}\n\n", "all", chosen.measured(), chosen.cells.size() - chosen.measured());
}

int print_plan(const matrix& all, const selection& chosen, const selection& simulated, const options& asked,
               unsigned processors, const event_plan* events, const simulation_plan* simulation) {
  const auto time = planned_time(chosen, asked, counts(events));
  const auto simulated_time = planned_simulation(simulated, asked, processors);
  if (asked.json) {
    nlohmann::ordered_json plan{{"cells", cells_to_json(all, chosen, asked, processors)},
                                {"usable_processors", processors},
                                {"measured", chosen.measured()},
                                {"seconds", time.count()},
                                {"simulated", simulated.measured()},
                                {"rule", in_one(chosen, simulated)}};
    if (simulation != nullptr)
      plan["simulation"] = {{"machine", simulation->machine().name},
                            {"cells", simulated_cells_json(simulated)},
                            {"seconds", simulated_time.count()}};
    std::cout << plan.dump(2) << '\n';
    return 0;
  }
  if (!chosen.cells.empty()) {
    print_cells(chosen, "not measured");
    if (simulation != nullptr)
      fmt::print("{} more cells are simulated on '{}': about {} with {} processes.\n", simulated.measured(),
                 simulation->machine().name, in_words(simulated_time), asked.jobs);
  } else {
    print_cells(simulated, "not applicable");
    fmt::print("Simulated on '{}' with lines of {} bytes, by {} processes on {} usable processors: about {}.\n",
               simulation->machine().name, simulation->machine().line_size, asked.jobs, processors,
               in_words(simulated_time));
    fmt::print("Rule: {}.\n", simulated.rule);
    return 0;
  }
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

/// What can be simulated: nothing, with a notice, if it cannot be and nobody chose it.
std::optional<simulation_plan> plan_simulation(const options& asked) {
  if (!asked.simulating) return std::nullopt;
  try {
    return std::optional<simulation_plan>(asked);
  } catch (const usage_error& cannot) {
    if (asked.lens_chosen) throw;
    if (!asked.quiet) fmt::print(stderr, "not simulated: {}\n", cannot.what());
    return std::nullopt;
  }
}

}  // namespace

int run_suite(int argc, char** argv, void (*extend)(matrix&)) {
  try {
    options asked = parse_options(argc, argv);
    const host::topology machine = host::read_topology();
    const unsigned processors = host::usable_processors(machine, host::read_cgroup_limits());
    matrix all(asked.point ? std::vector{threads_of(*asked.point)} : thread_counts(asked, processors));
    add_catalogue(all);
    if (extend != nullptr) {
      extend(all);
      all.refuse_duplicates();
    }
    if (is_worker()) {
      const auto policy = host::parse_placement(asked.placement);
      return serve(all, host::placement_order(*policy, machine));
    }
    if (asked.point) return measure_point(all, asked, machine, processors);
    if (asked.list && !asked.only_simulates()) return print_list(all, asked);
    if (asked.validating) return validate(asked, extend);
    std::optional<simulation_plan> simulation = plan_simulation(asked);
    std::optional<matrix> simulated;
    selection to_simulate;
    if (simulation) {
      simulated.emplace(simulated_threads(asked, simulation->machine().cores));
      add_catalogue(*simulated);
      if (extend != nullptr) extend(*simulated);
      if (asked.list) return print_list(*simulated, asked);
      to_simulate = select_simulated(*simulated, asked);
    }
    const selection to_measure = asked.timing ? select(all, asked, processors) : selection{};
    if (!asked.families.empty() || !asked.workloads.empty() || !asked.primitives.empty() || !asked.filter.empty())
      asked.profile += ", chosen cells";
    std::optional<event_plan> events;
    if (asked.counting) events.emplace(asked);
    if (asked.plan)
      return print_plan(all, to_measure, to_simulate, asked, processors, events ? &*events : nullptr,
                        simulation ? &*simulation : nullptr);
    if (!asked.timing) asked.repetitions = 1;
    return bench_run(all, asked, processors, to_measure, to_simulate, events ? &*events : nullptr,
                     simulation ? &*simulation : nullptr, simulated ? &*simulated : nullptr)
        .go();
  } catch (const usage_error& wrong) {
    fmt::print(stderr, "{}: {}\n", verb_of(argc, argv), wrong.what());
    return 2;
  } catch (const std::exception& wrong) {
    fmt::print(stderr, "{}: {}\n", verb_of(argc, argv), wrong.what());
    return 2;
  }
}

}  // namespace contend::bench
