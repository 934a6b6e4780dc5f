// SPDX-License-Identifier: MIT
// See run.hpp.
#include "run.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <map>

#include "lens_time.hpp"
#include "perf/record/atomic_file.hpp"
#include "perf/record/render.hpp"
#include "progress.hpp"

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

template <class Results>
void count_missing(const Results& results, std::map<std::string, std::size_t>& missing) {
  for (const auto& one : results) {
    const auto& cell = one.to_record();
    if (one.measured()) continue;
    for (const char* code : {"check_failed", "crashed", "timeout", "not_applicable", "partial_run", "skipped"})
      if (cell.caveats.contains(code)) {
        ++missing[code];
        if (code == std::string_view("check_failed") || code == std::string_view("crashed"))
          fmt::print("  {}: {}: {}\n", cell.name, code, cell.caveats.at(code));
        break;
      }
  }
}

template <class Results>
void print_summary(const Results& results, const char* what) {
  if (results.empty()) return;
  const auto done = std::count_if(results.begin(), results.end(), [](const auto& one) { return one.measured(); });
  std::map<std::string, std::size_t> missing;
  count_missing(results, missing);
  fmt::print("{} cells {}", done, what);
  for (const auto& [code, count] : missing) fmt::print(", {} {}", count, code);
  fmt::print("\n");
}

template <class Results>
std::size_t how_many(const Results& results, const char* caveat) {
  return static_cast<std::size_t>(std::count_if(
      results.begin(), results.end(), [=](const auto& one) { return one.to_record().caveats.contains(caveat); }));
}

/// Of one lens: a wrong result makes a run invalid, and so does it when faults left nothing at all. A crash or a time
/// limit costs its own cell.
template <class Results>
bool is_invalid(const Results& results) {
  if (how_many(results, "check_failed") > 0) return true;
  return how_many(results, "crashed") + how_many(results, "timeout") > 0 &&
         std::none_of(results.begin(), results.end(), [](const auto& one) { return one.measured(); });
}

}  // namespace

std::string in_one(const selection& measured, const selection& simulated) {
  if (measured.cells.empty() || simulated.cells.empty()) return measured.rule + simulated.rule;
  return measured.rule + "; " + simulated.rule;
}

bench_run::bench_run(const matrix& all, const options& asked, unsigned processors, const selection& to_measure,
                     const selection& to_simulate, const event_plan* events, simulation_plan* simulation,
                     const matrix* simulated)
    : asked_(asked),
      to_measure_(to_measure),
      to_simulate_(to_simulate),
      events_(events),
      simulation_(simulation),
      simulated_(simulated),
      record_(all, asked, in_one(to_measure, to_simulate)) {
  timed_.reserve(to_measure.cells.size());
  counted_.reserve(to_measure.cells.size());
  for (const auto& c : to_measure.cells) {
    const bool skipped = !c.skipped.empty() && c.what->not_applicable.empty();
    timed_.emplace_back(*c.what, asked.placement, processors);
    if (skipped) timed_.back().add_caveat("skipped", c.skipped);
    if (events == nullptr) continue;
    counted_.emplace_back(*c.what, asked.placement, processors, *events);
    if (skipped) counted_.back().add_caveat("skipped", c.skipped);
  }
  predicted_.reserve(to_simulate.cells.size());
  for (const auto& c : to_simulate.cells) {
    predicted_.emplace_back(*c.what);
    if (!c.skipped.empty()) predicted_.back().add_caveat("not_applicable", c.skipped);
  }
  for (const auto& one : timed_) cells_.push_back(&one.to_record());
  for (const auto& one : counted_) cells_.push_back(&one.to_record());
  for (const auto& one : predicted_) cells_.push_back(&one.to_record());
}

void bench_run::describe(nlohmann::ordered_json block) {
  block["counters"] = events_ != nullptr ? events_->to_json() : nlohmann::ordered_json(nullptr);
  block["simulation"] = simulation_ != nullptr ? simulation_->to_json() : nlohmann::ordered_json(nullptr);
  record_.environment(std::move(block));
}

bool bench_run::save(bool complete, bool finished) {
  try {
    record_.write(cells_, complete, finished);
    return true;
  } catch (const std::system_error& error) {  // where temporary files go: what was measured is not lost
    std::error_code none;
    const auto refuge = std::filesystem::temp_directory_path(none) / fmt::format("contend-results-{}.json", ::getpid());
    fmt::print(stderr, "{}: {}\n", asked_.verb, error.what());
    try {
      record::write_atomically(refuge, record_.text(cells_, complete, finished));
      fmt::print(stderr, "{}: the results were saved to {} instead\n", asked_.verb, refuge.string());
    } catch (const std::system_error& again) {
      fmt::print(stderr, "{}: nor could they be saved elsewhere: {}\n", asked_.verb, again.what());
    }
    return false;
  }
}

void bench_run::save_now_and_then() {
  if (!writable_ || std::chrono::steady_clock::now() - saved_ < std::chrono::seconds(10)) return;
  writable_ = save(false, false);
  saved_ = std::chrono::steady_clock::now();
}

void bench_run::measure() {
  supervisor trials(asked_.command_line, asked_.cell_limit);
  trials.interrupted_by(&interrupted);
  const time_lens lens{.asked = asked_,
                       .chosen = to_measure_,
                       .trials = trials,
                       .interrupted = interrupted,
                       .since_last_call = [&] { return environment_.since_last_call(); },
                       .between_trials = [&] { save_now_and_then(); },
                       .events = events_};
  google_ = run_time_lens(lens, timed_, counted_);
}

void bench_run::simulate() {
  if (simulation_ == nullptr || interrupted != 0) return;
  if (!asked_.quiet)
    fmt::print(stderr, "{} cells are simulated on '{}'\n", to_simulate_.measured(), simulation_->machine().name);
  run_coherence_lens(*simulation_, asked_, *simulated_, to_simulate_, predicted_, interrupted,
                     [&] { save_now_and_then(); });
}

void bench_run::close_cells() {
  for (auto& one : timed_) {
    one.finish();
    if (one.repetitions() > 0 && !environment_.topology_drift().empty()) one.add_caveat("topology_drift");
  }
  for (auto& one : counted_) one.finish();
  if (interrupted == 0) return;
  for (auto& one : timed_)
    if (one.repetitions() < static_cast<std::size_t>(asked_.repetitions) && !one.failed() &&
        one.to_record().caveats.count("skipped") + one.to_record().caveats.count("not_applicable") == 0)
      one.add_caveat("partial_run", fmt::format("{} of {} repetitions were done when the run was interrupted",
                                                one.repetitions(), asked_.repetitions));
  for (auto& one : predicted_)
    if (!one.measured() && one.to_record().caveats.empty())
      one.add_caveat("partial_run", "the run was interrupted before this cell was simulated");
}

int bench_run::go() {
  watch_signals();
  if (!asked_.quiet && !to_measure_.cells.empty())
    fmt::print(stderr, "{} cells, about {}; results go to {}\n", to_measure_.measured(),
               in_words(planned_time(to_measure_, asked_, events_ != nullptr && !events_->events().empty())),
               record_.directory().string());
  if (events_ != nullptr && !asked_.quiet && !events_->notice().empty()) fmt::print(stderr, "{}\n", events_->notice());
  if (to_measure_.cells.empty()) {
    describe(environment_.block());
    simulate();
    describe(environment_.block());
  } else {
    describe(environment_.at_start());
    measure();
    auto block = environment_.at_end(interrupted != 0);
    describe(block);
    simulate();
    describe(std::move(block));
  }
  close_cells();
  return conclude();
}

int bench_run::conclude() {
  const bool complete = interrupted == 0;
  if (!save(complete, true)) return 2;
  int status = complete ? 0 : 130;
  try {
    if (!google_.empty()) record_.write_google(google_);
    const auto measured = [](const auto& one) { return one.measured(); };
    if (complete || std::any_of(timed_.begin(), timed_.end(), measured) ||
        std::any_of(predicted_.begin(), predicted_.end(), measured)) {
      record_.make_latest();  // a run interrupted at once takes nobody's results away
      if (asked_.history) record::append_history(record_.directory() / "results.json");
    }
  } catch (const std::system_error& error) {
    fmt::print(stderr, "{}: {}\n", asked_.verb, error.what());
    status = 2;
  }
  if (!complete) fmt::print(stderr, "interrupted: what was finished is kept\n");
  print_summary(timed_, "measured");
  print_summary(predicted_, "simulated");
  fmt::print("results  {}\n", (record_.directory() / "results.json").string());
  std::fflush(stdout);
  if (asked_.report) {
    const int drawn = record::render_report(record_.directory(), true);
    if (drawn == 0)
      fmt::print("report   {}\n", (record_.directory() / "report.html").string());
    else if (status == 0)
      status = 2;
  }
  if (status == 0 && (is_invalid(timed_) || is_invalid(predicted_))) status = 4;
  return status;
}

}  // namespace contend::bench
