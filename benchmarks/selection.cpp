// SPDX-License-Identifier: MIT
// See selection.hpp.
#include "selection.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <regex>

#include "perf/nearest.hpp"

namespace contend::bench {
namespace {

/// At most this many cells in the quick profile.
constexpr std::size_t quick_limit = 400;
/// Besides its windows a repetition costs about this much: making the state, waking the team, the answer.
constexpr std::chrono::duration<double> around_a_trial{0.002};
/// Seconds of a processor that a simulated cell takes: so much, and so much per thread (README.md).
constexpr double a_simulated_cell = 0.04;
constexpr double a_simulated_thread = 0.0014;

void check_names(const char* argument, const std::vector<std::string>& asked, std::vector<std::string> known) {
  std::sort(known.begin(), known.end());
  known.erase(std::unique(known.begin(), known.end()), known.end());
  for (const auto& name : asked)
    if (!std::binary_search(known.begin(), known.end(), name)) {
      const auto near = nearest(name, known);
      throw usage_error(fmt::format("{}: '{}' does not exist; {}", argument, name,
                                    near.empty() ? fmt::format("expected one of {}", fmt::join(known, ", "))
                                                 : fmt::format("did you mean {}?", fmt::join(near, ", "))));
    }
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

/// Whether the quick profile shows the cell. Where the thread counts were asked for, they are taken as they are.
bool in_quick(const cell& c, const options& asked, unsigned processors) {
  const bool any_count = !asked.threads.empty();
  const bool ours = c.about.origin.empty();
  switch (c.quick) {
    case quick_part::none:
      return false;
    case quick_part::ends:
    case quick_part::whole:
      return ours;
    case quick_part::main:
      return ours || any_count || c.threads <= std::max(processors, 2U);
  }
  return false;
}

/// A cell that the quick profile shows and does not measure.
bool between_the_ends(const cell& c, const options& asked, unsigned processors) {
  return c.quick == quick_part::ends && asked.threads.empty() && c.threads != 1 && c.threads != processors;
}

}  // namespace

std::string collapses(const cell& c, unsigned processors) {
  const bool in_order = c.about.admits == admission::fifo || c.about.admits == admission::phase_fair;
  const bool spins = c.about.waits == waiting::spin || c.about.waits == waiting::spin_with_backoff;
  if (c.threads <= processors || !in_order || !spins) return {};  // 100 to 5000 times slower
  return "a spin lock that serves in order collapses when the next in line has no processor; --oversubscribe-spinners "
         "runs it all the same";
}

std::size_t selection::measured() const {
  return static_cast<std::size_t>(
      std::count_if(cells.begin(), cells.end(), [](const chosen_cell& c) { return c.skipped.empty(); }));
}

std::vector<unsigned> thread_counts(const options& asked, unsigned processors) {
  if (!asked.threads.empty()) return asked.threads;
  std::vector<unsigned> counts;
  for (unsigned n = 1; n < processors; n *= 2)
    if (asked.profile == "full" || n <= 2) counts.push_back(n);
  counts.push_back(processors);
  counts.push_back(2 * processors);
  return counts;
}

std::vector<unsigned> simulated_threads(const options& asked, unsigned cores) {
  if (!asked.threads.empty()) return asked.threads;
  std::vector<unsigned> counts;
  for (unsigned n = 1; n <= std::min(cores, asked.profile == "full" ? 128U : 64U); n *= 2) counts.push_back(n);
  return counts;
}

selection select_simulated(const matrix& all, const options& asked) {
  selection out;
  for (const cell* c : chosen_by_name(all, asked)) {
    const bool ours = c->about.origin.empty();
    if (asked.profile == "quick" && (c->quick == quick_part::none || (!ours && c->quick != quick_part::main))) continue;
    std::string reason = c->not_applicable;
    if (reason.empty() && !c->about.unseen.empty()) reason = c->about.unseen;
    out.cells.push_back({c, std::move(reason)});
  }
  if (out.cells.empty())
    throw usage_error(fmt::format("no cell is left to simulate by the choice made ({}); --list shows all names",
                                  asked.filter.empty() ? "families, workloads, primitives" : asked.filter));
  out.rule = fmt::format("simulated: {} on every primitive whose code can be compiled for it, at {} threads",
                         asked.profile == "quick" ? "the quick profile's parameter sets" : "every parameter set",
                         fmt::join(all.thread_counts(), ", "));
  return out;
}

std::vector<const cell*> chosen_by_name(const matrix& all, const options& asked) {
  std::vector<std::string> families, workloads, primitives;
  for (const auto& c : all.cells()) {
    families.push_back(c.family);
    workloads.push_back(c.workload);
    primitives.emplace_back(c.about.name);
  }
  check_names("--family", asked.families, families);
  check_names("--workload", asked.workloads, workloads);
  check_names("--primitive", asked.primitives, primitives);

  const bool negative = asked.filter.rfind('-', 0) == 0;
  const std::regex expression(negative ? asked.filter.substr(1) : asked.filter);
  std::vector<const cell*> out;
  for (const auto& c : all.cells()) {
    if (!contains(asked.families, c.family) || !contains(asked.workloads, c.workload) ||
        !contains(asked.primitives, c.about.name))
      continue;
    if (!asked.filter.empty() && std::regex_search(c.name, expression) == negative) continue;
    out.push_back(&c);
  }
  return out;
}

selection select(const matrix& all, const options& asked, unsigned processors) {
  selection out;
  const bool quick = asked.profile == "quick";
  for (const cell* one : chosen_by_name(all, asked)) {
    const cell& c = *one;
    if (quick && !in_quick(c, asked, processors)) continue;
    std::string reason;
    if (!c.not_applicable.empty())
      reason = c.not_applicable;
    else if (quick && between_the_ends(c, asked, processors))
      reason = fmt::format("a side question, which the quick profile asks at 1 and {} threads; the full one has all",
                           processors);
    else if (!asked.oversubscribe_spinners)
      reason = collapses(c, processors);
    out.cells.push_back({&c, std::move(reason)});
  }
  if (out.cells.empty())
    throw usage_error(fmt::format("no cell of the {} profile is left by the choice made ({}); --list shows all names",
                                  asked.profile,
                                  asked.filter.empty() ? "families, workloads, primitives" : asked.filter));
  if (quick) {
    std::size_t left = quick_limit;
    for (auto& c : out.cells)
      if (c.skipped.empty() && left-- == 0) {
        c.skipped = "beyond the quick profile's 400 cells";
        left = 0;
      }
  }
  out.rule =
      quick ? fmt::format(
                  "quick: the parameter sets that each workload marks as quick, on every primitive, at {} "
                  "threads (side questions at 1 and {}; other people's primitives in one set per family, up to "
                  "{}), at most {} cells; fifo spin locks are left out above {} threads",
                  fmt::join(all.thread_counts(), ", "), processors, std::max(processors, 2U), quick_limit, processors)
            : fmt::format(
                  "full: every parameter set of every workload on every primitive at {} threads; fifo spin "
                  "locks are left out above {} threads",
                  fmt::join(all.thread_counts(), ", "), processors);
  return out;
}

std::chrono::duration<double> planned_simulation(const selection& simulated, const options& asked,
                                                 unsigned processors) {
  double seconds = 0;
  for (const auto& c : simulated.cells)
    if (c.skipped.empty()) seconds += asked.schedules * (a_simulated_cell + a_simulated_thread * c.what->threads);
  return std::chrono::duration<double>(seconds / std::max(1U, std::min(asked.jobs, processors)));
}

std::chrono::duration<double> planned_time(const selection& chosen, const options& asked, bool counter_trials) {
  std::chrono::duration<double> total{0};
  for (const auto& c : chosen.cells) {
    if (!c.skipped.empty()) continue;
    std::chrono::duration<double> one = asked.window + around_a_trial;
    if (counter_trials) one += asked.window + around_a_trial;
    if (c.what->waits) one += asked.latency_window + around_a_trial;
    if (c.what->exclusive) one += asked.latency_window + around_a_trial;
    total += one * asked.repetitions;
  }
  return total;
}

}  // namespace contend::bench
