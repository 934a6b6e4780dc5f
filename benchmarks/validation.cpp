// SPDX-License-Identifier: MIT
// See validation.hpp.
#include "validation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "perf/calibration/calibrate.hpp"
#include "perf/calibration/distances.hpp"
#include "perf/host/cgroup.hpp"
#include "perf/host/topology.hpp"
#include "perf/record/atomic_file.hpp"
#include "perf/record/cell_record.hpp"
#include "perf/record/statistics.hpp"
#include "progress.hpp"
#include "worker.hpp"

namespace contend::bench {
namespace {

using nlohmann::ordered_json;

constexpr unsigned trials_wanted = 5;  ///< per cell
constexpr unsigned rounds_at_most = 12;
constexpr std::size_t trials_between_looks = 6;  ///< at where the processors are
constexpr double tie = 1.1;                      ///< as the report's verdicts have it
constexpr std::chrono::microseconds window{8'000};

volatile std::sig_atomic_t interrupted = 0;

struct ranking {
  double concordant = 0, discordant = 0, tied_measured = 0, tied_simulated = 0;
  std::size_t pairs = 0, distinct = 0, right = 0;
  void add(double measured, double simulated) {  // logarithms of the two ratios
    ++pairs;
    if (std::abs(measured) > std::log(tie)) {
      ++distinct;
      right += measured * simulated > 0;
    }
    if (measured == 0)
      tied_measured += 1;
    else if (simulated == 0)
      tied_simulated += 1;
    else
      (measured * simulated > 0 ? concordant : discordant) += 1;
  }
};

std::string question_of(const cell& c) {
  std::string text = c.workload + fmt::format("/{}", c.threads);
  for (const auto& [name, value] : c.params) text += "/" + name + ":" + to_text(value);
  return text;
}

ordered_json number(std::optional<double> value) {
  return value ? ordered_json(std::round(*value * 1e4) / 1e4) : ordered_json(nullptr);
}

ordered_json to_json(const fidelity& f) {
  return {{"cells", f.cells},
          {"median_ape", number(f.median_ape)},
          {"kendall_tau", number(f.kendall_tau)},
          {"pairs", f.pairs},
          {"kendall_tau_distinct", number(f.kendall_tau_distinct)},
          {"distinct_pairs", f.distinct_pairs}};
}

std::string percent(std::optional<double> share) { return share ? fmt::format("{:.0f} %", *share * 100) : "–"; }
std::string tau(std::optional<double> value) { return value ? fmt::format("{:.2f}", *value) : "–"; }

/// Real trials, a few at a time with a look at the processors before and after.
class native_side {
 public:
  native_side(const options& asked, const host::topology& machine)
      : trials_(asked.command_line, asked.cell_limit), distances_(calibration::cores_of(machine)) {
    trials_.interrupted_by(&interrupted);
    for (const auto& core : calibration::cores_of(machine)) cpus_.push_back(core.cpu);
  }
  std::size_t thrown_away() const { return thrown_away_; }

  void run(std::vector<compared_cell>& cells, bool quiet) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < cells.size(); ++i) order.push_back(i);
    std::minstd_rand shuffle(1);
    progress_line progress(cells.size() * trials_wanted, cells.size(), quiet);
    std::size_t finished = 0;
    for (unsigned round = 0; round < rounds_at_most && interrupted == 0; ++round) {
      std::shuffle(order.begin(), order.end(), shuffle);
      // By thread count: the look is one at so many processors.
      std::stable_sort(order.begin(), order.end(),
                       [&](std::size_t a, std::size_t b) { return cells[a].what->threads < cells[b].what->threads; });
      std::vector<std::size_t> batch;
      for (std::size_t k = 0; k <= order.size() && interrupted == 0; ++k) {
        const bool open = k < order.size() && wants_more(cells[order[k]]);
        if (k < order.size() && !open) continue;
        if (!batch.empty() && (k == order.size() || batch.size() == trials_between_looks ||
                               cells[batch.front()].what->threads != cells[order[k]].what->threads)) {
          for (const std::size_t i : run_together(cells, batch)) {
            finished += !wants_more(cells[i]);
            progress.step(cells[i].what->name, finished);
          }
          batch.clear();
        }
        if (open) batch.push_back(order[k]);
      }
    }
  }

 private:
  static bool wants_more(const compared_cell& c) { return c.why_not.empty() && c.measured_ns.size() < trials_wanted; }

  /// The cells whose trial counts.
  std::vector<std::size_t> run_together(std::vector<compared_cell>& cells, const std::vector<std::size_t>& batch) {
    const unsigned threads = cells[batch.front()].what->threads;
    const bool before = together(threads);
    std::vector<std::pair<std::size_t, double>> seen;
    for (const std::size_t i : batch) {
      if (!before) break;
      const auto outcome = trials_.run(*cells[i].what, trial_kind::throughput, window);
      if (const auto* failed = std::get_if<trial_failure>(&outcome)) {
        if (failed->caveat != "interrupted") cells[i].why_not = failed->caveat + ": " + failed->sentence;
        continue;
      }
      const auto& result = std::get<trial_result>(outcome);
      double done = 0;
      for (const auto& t : result.threads) done += static_cast<double>(t.done - t.late);
      if (done > 0) seen.emplace_back(i, static_cast<double>(result.window_ns) / done);
    }
    std::vector<std::size_t> counted;
    if (before && together(threads)) {
      for (const auto& [i, ns] : seen) {
        cells[i].measured_ns.push_back(ns);
        counted.push_back(i);
      }
    } else {
      thrown_away_ += batch.size();
    }
    return counted;
  }
  bool together(unsigned threads) { return threads < 2 || distances_.together(cpus_, threads); }

  supervisor trials_;
  calibration::distances distances_;
  std::vector<int> cpus_;
  std::size_t thrown_away_ = 0;
};

void print_fidelity(const std::map<std::string, fidelity>& all) {
  fmt::print("{:<12}{:>7}{:>20}{:>14}{:>26}\n", "family", "cells", "median error", "Kendall's tau",
             "tau where > 10 % apart");
  for (const auto& [family, f] : all)
    if (!family.empty())
      fmt::print("{:<12}{:>7}{:>20}{:>14}{:>26}\n", family, f.cells, percent(f.median_ape), tau(f.kendall_tau),
                 tau(f.kendall_tau_distinct));
  const fidelity& f = all.at("");
  fmt::print("{:<12}{:>7}{:>20}{:>14}{:>26}\n", "all", f.cells, percent(f.median_ape), tau(f.kendall_tau),
             tau(f.kendall_tau_distinct));
}

}  // namespace

void take_simulated(compared_cell& into, const coherence_results& simulated) {
  const record::cell_record& found = simulated.to_record();
  into.simulated_ns = record::median(found.metrics.at("ns_per_op").samples);
  if (into.simulated_ns || !into.why_not.empty()) return;
  into.why_not = "it was not simulated";
  for (const char* code : {"check_failed", "crashed", "timeout", "not_counted", "not_applicable"})
    if (const auto why = found.caveats.find(code); why != found.caveats.end())
      into.why_not += fmt::format(": {}: {}", code, why->second);
}

fidelity fidelity_of(const std::vector<compared_cell>& cells, const std::string& family) {
  fidelity out;
  std::vector<double> errors;
  struct pair_of_times {
    double measured, simulated;
  };
  std::map<std::string, std::vector<pair_of_times>> questions;
  for (const auto& c : cells) {
    if (c.measured_ns.empty() || !c.simulated_ns || (!family.empty() && c.what->family != family)) continue;
    const double measured = *record::median(c.measured_ns);
    errors.push_back(std::abs(*c.simulated_ns / measured - 1));
    questions[question_of(*c.what)].push_back({std::log(measured), std::log(*c.simulated_ns)});
  }
  out.cells = errors.size();
  out.median_ape = record::median(errors);
  ranking all;
  for (const auto& [question, rows] : questions)
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        all.add(rows[i].measured - rows[j].measured, rows[i].simulated - rows[j].simulated);
  out.pairs = all.pairs;
  out.distinct_pairs = all.distinct;
  const double ranked = all.concordant + all.discordant;
  if (ranked > 0)
    out.kendall_tau =
        (all.concordant - all.discordant) / std::sqrt((ranked + all.tied_measured) * (ranked + all.tied_simulated));
  if (all.distinct > 0)
    out.kendall_tau_distinct = 2 * static_cast<double>(all.right) / static_cast<double>(all.distinct) - 1;
  return out;
}

int validate(const options& given, void (*extend)(matrix&)) {
  options asked = given;
  asked.machine = "local";
  std::signal(SIGINT, [](int) { interrupted = 1; });
  std::signal(SIGTERM, [](int) { interrupted = 1; });
  std::signal(SIGPIPE, SIG_IGN);
  const host::topology machine = host::read_topology();
  const unsigned processors = host::usable_processors(machine, host::read_cgroup_limits());
  if (asked.threads.empty()) {
    asked.threads = thread_counts(asked, processors);
    std::erase_if(asked.threads, [&](unsigned n) { return n > processors; });
  }
  for (const unsigned n : asked.threads)
    if (n > processors)
      throw usage_error(
          fmt::format("--threads: {} cannot be validated: this machine has {} usable processors", n, processors));
  if (const int failed = calibration::run({.results = asked.results, .json = false, .quiet = true, .table = false});
      failed != 0)
    return failed;
  simulation_plan plan(asked);
  matrix all(asked.threads);
  add_catalogue(all);
  if (extend != nullptr) extend(all);
  const selection chosen = select_simulated(all, asked);

  std::vector<compared_cell> cells;
  selection both;
  for (const auto& c : chosen.cells)
    if (c.skipped.empty() && c.what->family != "apparatus") {
      cells.push_back({c.what});
      both.cells.push_back(c);
    }
  if (!asked.quiet)
    fmt::print(stderr, "{} cells, {} trials of {} ms each, then the same with simulated threads\n", cells.size(),
               trials_wanted, window.count() / 1000);
  native_side native(asked, machine);
  native.run(cells, asked.quiet);
  std::vector<coherence_results> predicted;
  predicted.reserve(both.cells.size());
  for (const auto& c : both.cells) predicted.emplace_back(*c.what);
  run_coherence_lens(plan, asked, all, both, predicted, interrupted, [] {});
  std::set<std::string> families{""};
  ordered_json rows = ordered_json::array();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    compared_cell& c = cells[i];
    take_simulated(c, predicted[i]);
    if (c.why_not.empty() && c.measured_ns.empty())
      c.why_not = interrupted != 0 ? "interrupted" : "the processors were never in one cluster during its trials";
    families.insert(c.what->family);
    const auto middle = record::median(c.measured_ns);
    ordered_json row{{"name", c.what->name},
                     {"family", c.what->family},
                     {"threads", c.what->threads},
                     {"measured_ns", number(middle)},
                     {"trials", c.measured_ns.size()},
                     {"simulated_ns", number(c.simulated_ns)},
                     {"ape", nullptr},
                     {"why_not", c.why_not.empty() ? ordered_json(nullptr) : ordered_json(c.why_not)}};
    if (middle && c.simulated_ns) row["ape"] = number(std::abs(*c.simulated_ns / *middle - 1));
    rows.push_back(std::move(row));
  }
  std::map<std::string, fidelity> by_family;
  ordered_json per_family = ordered_json::object();
  for (const auto& family : families) {
    by_family[family] = fidelity_of(cells, family);
    if (!family.empty()) per_family[family] = to_json(by_family[family]);
  }
  const fidelity& total = by_family.at("");
  ordered_json out = to_json(total);
  out["per_family"] = std::move(per_family);
  out["processors"] = processors;
  out["trials_thrown_away"] = native.thrown_away();
  out["calibrated"] = plan.calibrated();
  if (interrupted == 0 && total.cells > 0)
    record::write_atomically(asked.results / "validation.json", record::to_text(out, 1) + "\n");
  if (!asked.json_file.empty()) {
    out["cells"] = std::move(rows);
    record::write_atomically(asked.json_file, record::to_text(out, 1) + "\n");
  }
  print_fidelity(by_family);
  if (native.thrown_away() > 0)
    fmt::print("{} trials were thrown away: the processors were not in one cluster\n", native.thrown_away());
  if (interrupted != 0) {
    fmt::print(stderr, "interrupted: what was compared is above\n");
    return 130;
  }
  return total.cells > 0 ? 0 : 3;
}

}  // namespace contend::bench
