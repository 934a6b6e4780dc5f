// SPDX-License-Identifier: MIT
// The command line.
#include "options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <regex>
#include <string_view>
#include <thread>

#include "contend_build_info.hpp"
#include "google_flags.hpp"
#include "perf/coherence/machine_file.hpp"
#include "primitives/platform.hpp"

namespace contend::bench {
namespace {

constexpr std::string_view simulate_flag = "--simulate";  // which the program contend puts first for its verb

std::vector<unsigned> thread_list(const std::string& text, unsigned most) {
  std::vector<unsigned> out;
  std::string_view rest = text;
  for (;;) {
    const auto comma = rest.find(',');
    out.push_back(static_cast<unsigned>(number_in<long>("--threads", std::string(rest.substr(0, comma)), 1, most,
                                                        "a thread count (a list looks like 1,2,4)")));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::chrono::microseconds milliseconds_in(const char* argument, double ms) {
  if (!(ms >= 0.1 && ms <= 60'000))
    throw usage_error(std::string(argument) + ": " + std::to_string(ms) +
                      " is not a length of time; expected milliseconds from 0.1 to 60000");
  return std::chrono::microseconds(static_cast<std::int64_t>(ms * 1000));
}

std::string in_one(const std::vector<std::string>& names) {
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

/// "time,coherence" → the lenses.
void take_lenses(const std::string& text, options& out) {
  out.timing = out.counting = out.simulating = false;
  for (std::string_view rest = text;;) {
    const auto comma = rest.find(',');
    const std::string_view one = rest.substr(0, comma);
    if (one == "time")
      out.timing = true;
    else if (one == "counters")
      out.counting = true;
    else if (one == "coherence")
      out.simulating = true;
    else
      throw usage_error("--lens: '" + std::string(one) + "' is not a lens; expected time, counters, coherence, or " +
                        "several with commas between them");
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (out.counting && !out.timing)
    throw usage_error("--lens: '" + text + "' counts events of trials that are not timed; expected time,counters");
}

}  // namespace

options parse_options(int argc, char** argv) {
  options out;
  out.command_line.assign(argv, argv + argc);
  out.verb = verb_of(argc, argv);
  const bool simulate = out.verb == simulate_verb;
  std::vector<std::string> arguments(argv + 1, argv + argc);
  take_google_flags(arguments, out);

  CLI::App app{
      simulate
          ? "Runs the catalogue on simulated threads and counts what it does to cache lines: transfers, "
            "invalidations,\n"
            "true and false sharing per operation, on up to 128 cores of a named machine. No hardware counters, no "
            "quiet\n"
            "machine needed: two runs of one program give the same numbers to the last digit. Times are predictions.\n"
            "Writes results/<run>/results.json and report.html; results/latest points to the newest run."
          : "Measures concurrency primitives across thread counts, against simpler baselines.\n"
            "Writes results/<run>/results.json and report.html; results/latest points to the newest run.\n"
            "Google Benchmark's flags (--benchmark_filter, --benchmark_repetitions, …) work too.",
      out.verb};
  app.set_version_flag("--version", "contend " + std::string(build_info::version));
  std::string threads;
  std::string results;
  double window_ms = 0;
  double latency_window_ms = 0;
  double limit_s = simulate ? 60 : 3;
  bool no_report = false;
  bool no_history = false;
  std::string lens = "time,counters,coherence";
  std::string line;
  std::string seed;
  std::string schedules;
  std::string jobs;
  std::string events;
  int repetitions = 0;
  int trials = 0;
  bool ignored = false;
  const auto measuring = [&](CLI::Option* option) {  // simulated cells have no use for it
    if (simulate) option->group("");
    return option;
  };
  // What is simulated stands first in the help of contend simulate and in a group of its own in the other.
  const std::string simulated = simulate ? "Options" : "Simulated cells";
  app.add_option("--machine", out.machine,
                 "Machine to simulate: local (written by contend doctor --calibrate), " +
                     in_one(coherence::shipped_machines()) +
                     ", or a file *.json (default: local if it is there, else zen4)")
      ->group(simulated);
  app.add_option("--line", line, "Line size of the simulated machine, 64 or 128 bytes (default: the machine's)")
      ->group(simulated);
  app.add_option("--seed", seed,
                 "One draw of the simulation's small variations (default: the first few, always the same)")
      ->group(simulated);
  app.add_option("--schedules", schedules,
                 "Simulate each cell with so many seeds, from --seed on; the record has the median and all of them "
                 "(default: 3; with --seed 1)")
      ->group(simulated);
  app.add_option("--jobs", jobs,
                 "Processes that simulate at a time; no number depends on it (default: one per processor)")
      ->group(simulated);
  auto* validating =
      app.add_flag("--validate", out.validating,
                   "Calibrate this machine, run the cells measured and simulated, and print how far apart they are");
  app.add_flag("--weak", out.weak,
               "Simulate memory as weak as C++ allows, to find bugs: stores are buffered, loads may be stale")
      ->group(simulated);
  validating->group(simulate ? simulated : "");
  app.add_flag("--simulate", ignored, "What contend simulate says")->group("");
  app.add_option("--profile", out.profile,
                 simulate ? "quick: each workload's main parameters, up to 64 threads; full: all of them, up to 128"
                          : "quick: a sample in a few minutes; full: every parameter set")
      ->capture_default_str();
  app.add_option("--threads", threads,
                 simulate ? "Simulated threads, one per core, such as 1,8,128 (default: 1, 2, 4 … 64)"
                          : "Thread counts, such as 1,2,4 (default: 1, 2, 4 … processors, and twice that)");
  app.add_option("--filter", out.filter, "Only cells whose name matches this regular expression");
  app.add_option("--family", out.families, "Only these families")->delimiter(',');
  app.add_option("--workload", out.workloads, "Only these workloads")->delimiter(',');
  app.add_option("--primitive", out.primitives, "Only these primitives")->delimiter(',');
  measuring(app.add_option("--repetitions", repetitions, "Trials per cell, interleaved with those of all other cells"));
  measuring(app.add_option("--window-ms", window_ms, "Length of a throughput trial, ms"));
  measuring(
      app.add_option("--latency-window-ms", latency_window_ms, "Length of a latency and of a self-handoff trial, ms"));
  app.add_option("--cell-limit", limit_s,
                 simulate ? "Seconds, by a real clock, after which a cell that does not end is stopped"
                          : "Seconds after which a trial that does not end is killed")
      ->capture_default_str();
  measuring(app.add_option("--placement", out.placement, "compact, spread or none: how threads are pinned")
                ->capture_default_str());
  auto* lenses = app.add_option("--lens", lens,
                                "Any of time, counters (events per operation, in trials of their own; needs time) and "
                                "coherence (simulated threads, no hardware counters needed)")
                     ->capture_default_str();
  if (simulate) lenses->group("");
  measuring(app.add_option(
      "--events", events,
      "What to count: metric names (cycles, modified_line_hit, page_faults …), libpfm4 names or raw codes "
      "(r01d1), each with :u or :k for user space or kernel alone; contend doctor lists them"));
  app.add_option("--results", results, "Directory in which the run's own directory is made (default: results)");
  measuring(app.add_flag("--oversubscribe-spinners", out.oversubscribe_spinners,
                         "Also run fifo spin locks with more threads than processors (they collapse)"));
  measuring(app.add_option("--point", out.point,
                           "Measure this one cell in this process, write no record, and print one line of JSON: its "
                           "ns_per_op, trial by trial (20 ms each unless --window-ms says otherwise)"));
  auto* counted_trials = app.add_option("--trials", trials, "With --point: trials (default: 3)");
  measuring(counted_trials);
  app.add_flag("--plan", out.plan, "Print how many cells and how long, and stop");
  app.add_flag("--list", out.list, "Print the cells' names, or with --json the catalogue, and stop");
  std::string json_file;
  auto* json =
      app.add_option("--json", json_file,
                     "With --list: the catalogue as JSON; with --plan: the plan as JSON; with --validate FILE: "
                     "what was compared")
          ->expected(0, 1);
  app.add_flag("--markdown", out.markdown, "With --list: the catalogue as Markdown tables");
  app.add_flag("--no-report", no_report, "Do not make the report");
  app.add_flag("--no-history", no_history,
               "Do not add the run to the history (nor where CONTEND_NO_HISTORY is set); contend history shows it");
  app.add_flag("--quiet", out.quiet, "No progress");
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const CLI::Success& done) {  // --help, --version
    std::exit(app.exit(done));
  } catch (const CLI::ParseError& wrong) {
    throw usage_error(std::string(wrong.what()) + " (see --help)");
  }
  if (out.profile != "quick" && out.profile != "full")
    throw usage_error("--profile: '" + out.profile + "' is not a profile; expected quick or full");
  if (out.placement != "compact" && out.placement != "spread" && out.placement != "none")
    throw usage_error("--placement: '" + out.placement + "' is not a policy; expected compact, spread or none");
  if (simulate) {
    for (const char* argument : {"--repetitions", "--window-ms", "--latency-window-ms", "--placement", "--events",
                                 "--oversubscribe-spinners", "--point", "--trials"})
      if (app.count(argument) > 0) throw usage_error(argument + std::string(no_clock));
    if (app.count("--lens") > 0)
      throw usage_error("--lens: '" + lens +
                        "' is asked of contend simulate, which has the lens coherence; use contend bench");
    lens = "coherence";
  }
  out.lens_chosen = simulate || app.count("--lens") > 0;
  take_lenses(lens, out);
  if (app.count("--line") > 0) {
    if (line != "64" && line != "128")
      throw usage_error("--line: '" + line + "' is not a line size; expected 64 or 128");
    out.line_size = line == "64" ? 64 : 128;
  }
  if (app.count("--seed") > 0) out.seed = number_in<std::uint64_t>("--seed", seed, 0, ~std::uint64_t{0}, "a seed");
  if (app.count("--schedules") > 0)
    out.schedules = static_cast<unsigned>(number_in<long>("--schedules", schedules, 1, 1000, "a number of schedules"));
  else if (out.seed)
    out.schedules = 1;
  out.jobs = app.count("--jobs") > 0
                 ? static_cast<unsigned>(number_in<long>("--jobs", jobs, 1, 1024, "a number of processes"))
                 : std::max(1U, std::thread::hardware_concurrency());
  if (app.count("--events") > 0) {
    if (!out.counting)
      throw usage_error("--events: nothing is counted with --lens " + lens + "; leave one of them out");
    out.events = events;
  }
  if (!threads.empty() || app.count("--threads") > 0)
    out.threads = thread_list(threads, simulate ? coherence::max_cores : platform::max_threads / 2);
  if (app.count("--repetitions") > 0) {
    out.repetitions = static_cast<int>(
        number_in<long>("--repetitions", std::to_string(repetitions), 1, 1000, "a number of repetitions"));
    out.google_flags.push_back("--benchmark_repetitions=" + std::to_string(out.repetitions));
  }
  const bool one_point = app.count("--point") > 0;
  if (counted_trials->count() > 0) {
    if (!one_point) throw usage_error("--trials: " + std::to_string(trials) + " are asked for without --point");
    out.trials = static_cast<int>(number_in<long>("--trials", std::to_string(trials), 1, 1000, "a number of trials"));
  }
  const bool quick = out.profile == "quick";
  if (out.repetitions == 0) out.repetitions = quick ? 6 : 10;
  out.window = app.count("--window-ms") > 0 ? milliseconds_in("--window-ms", window_ms)
                                            : std::chrono::microseconds(one_point ? 20'000
                                                                        : quick   ? 40'000
                                                                                  : 100'000);
  out.latency_window = app.count("--latency-window-ms") > 0 ? milliseconds_in("--latency-window-ms", latency_window_ms)
                                                            : std::chrono::microseconds(quick ? 15'000 : 50'000);
  if (!(limit_s >= 0.1 && limit_s <= 3600))
    throw usage_error("--cell-limit: " + std::to_string(limit_s) +
                      " is not a limit; expected seconds from 0.1 to 3600");
  (simulate ? out.simulation_limit : out.cell_limit) =
      std::chrono::milliseconds(static_cast<std::int64_t>(limit_s * 1000));
  if (!results.empty()) out.results = results;
  out.report = !no_report;
  out.history = !no_history && std::getenv("CONTEND_NO_HISTORY") == nullptr;
  out.json = json->count() > 0;
  out.json_file = json_file;
  if (!json_file.empty() && !out.validating)
    throw usage_error("--json: '" + json_file + "' is written by --validate alone; --list and --plan print theirs");
  if (out.validating && (out.plan || out.list))
    throw usage_error(std::string(out.plan ? "--plan" : "--list") +
                      ": --validate measures and simulates at once; leave one of them out");
  if (out.validating && !out.machine.empty() && out.machine != "local")
    throw usage_error("--machine: '" + out.machine + "' cannot be validated here; --validate calibrates this machine");
  const std::string expression = out.filter.rfind('-', 0) == 0 ? out.filter.substr(1) : out.filter;
  try {
    (void)std::regex(expression);
  } catch (const std::regex_error& wrong) {
    throw usage_error("--filter: '" + expression + "' is not a regular expression: " + wrong.what());
  }
  return out;
}

std::string verb_of(int argc, char** argv) {
  const bool simulate = std::any_of(argv, argv + argc, [](const char* one) { return one == simulate_flag; });
  return std::string(simulate ? simulate_verb : "contend bench");
}

}  // namespace contend::bench
