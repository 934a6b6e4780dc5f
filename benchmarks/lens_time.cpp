// SPDX-License-Identifier: MIT
// Google Benchmark drives: it shuffles the repetitions, knows the flags that people know, and writes the format that
// its compare.py reads.
#include "lens_time.hpp"

#include <benchmark/benchmark.h>

#include <cmath>
#include <iostream>
#include <memory>
#include <sstream>

#include "google_json.hpp"
#include "progress.hpp"

namespace contend::bench {
namespace {

/// Hands every report on to several reporters.
class several_reporters final : public benchmark::BenchmarkReporter {
 public:
  /// `aggregates_only`: repetitions of a benchmark that has aggregates are kept from this one.
  void add(std::unique_ptr<benchmark::BenchmarkReporter> one, std::ostream* to, bool aggregates_only = false) {
    one->SetOutputStream(to);
    one->SetErrorStream(&std::cerr);
    all_.push_back({std::move(one), aggregates_only});
  }
  bool ReportContext(const Context& context) override {
    for (auto& one : all_) one.to->ReportContext(context);
    return true;
  }
  void ReportRuns(const std::vector<Run>& runs) override {
    // Of a cell whose first repetition gave no number there are no aggregates.
    const bool only_repetitions =
        runs.empty() || (runs.front().run_type == Run::RT_Iteration && !runs.front().counters.contains(without_number));
    for (auto& one : all_)
      if (!(one.aggregates_only && only_repetitions && runs.size() > 1)) one.to->ReportRuns(runs);
  }
  void Finalize() override {
    for (auto& one : all_) one.to->Finalize();
  }

 private:
  struct listener {
    std::unique_ptr<benchmark::BenchmarkReporter> to;
    bool aggregates_only;
  };
  std::vector<listener> all_;
};

/// One repetition of one cell.
class repetition {
 public:
  repetition(const time_lens& lens, cell_results& into, counter_results* counted, const cell& what)
      : lens_(lens), into_(into), counted_(counted), what_(what) {}

  /// ns per operation, or nothing: then why() says it.
  std::optional<double> run() {
    if (lens_.interrupted != 0) return give_up("interrupted");
    if (into_.failed()) return give_up("an earlier repetition failed");
    lens_.since_last_call();
    const auto throughput = trial(trial_kind::throughput, lens_.asked.window);
    if (!throughput) return std::nullopt;
    const auto ns_per_op = into_.add_throughput(*throughput, lens_.since_last_call());
    if (!ns_per_op) {
      if (counts()) counted_->add_nothing("no operation finished within the window, so nothing was counted");
      return give_up("no operation finished within the window");
    }
    if (what_.waits) {
      const auto latency = trial(trial_kind::latency, lens_.asked.latency_window);
      if (!latency) return std::nullopt;
      into_.add_latency(*latency);
    }
    if (what_.exclusive) {
      const auto handoff = trial(trial_kind::handoff, lens_.asked.latency_window);
      if (!handoff) return std::nullopt;
      into_.add_handoff(*handoff);
    }
    if (counts()) count();
    return ns_per_op;
  }
  const std::string& why() const { return why_; }

 private:
  std::optional<trial_result> trial(trial_kind kind, std::chrono::microseconds window) {
    auto outcome = lens_.trials.run(what_, kind, window);
    if (auto* result = std::get_if<trial_result>(&outcome)) return std::move(*result);
    const auto& failure = std::get<trial_failure>(outcome);
    why_ = failure.sentence;
    if (failure.caveat != "interrupted") into_.add_failure(failure);
    return std::nullopt;
  }
  bool counts() const { return counted_ != nullptr && !lens_.events->events().empty() && !counted_->failed(); }
  /// A counter trial that fails costs the cell its events, not its times.
  void count() {
    auto outcome = lens_.trials.run(what_, trial_kind::counters, lens_.asked.window, lens_.events->events());
    if (const auto* result = std::get_if<trial_result>(&outcome))
      counted_->add(*result);
    else if (const auto& failure = std::get<trial_failure>(outcome); failure.caveat != "interrupted")
      counted_->add_failure(failure);
  }
  std::nullopt_t give_up(const char* why) {
    why_ = why;
    return std::nullopt;
  }

  const time_lens& lens_;
  cell_results& into_;
  counter_results* counted_;
  const cell& what_;
  std::string why_;
};

void put_counters(benchmark::State& state, const record::cell_record& from) {
  for (const auto& [name, one] : from.metrics)
    if (!one.samples.empty() && !std::isnan(one.samples.back())) state.counters[name] = one.samples.back();
}

}  // namespace

std::string run_time_lens(const time_lens& lens, std::vector<cell_results>& results,
                          std::vector<counter_results>& counted) {
  std::map<std::string, unsigned> threads_of;
  std::size_t measured = 0;
  std::size_t finished = 0;
  for (const auto& c : lens.chosen.cells)
    if (c.skipped.empty()) {
      threads_of[c.what->name] = c.what->threads;
      ++measured;
    }
  const auto repetitions = static_cast<std::size_t>(lens.asked.repetitions);
  progress_line progress(measured * repetitions, measured, lens.asked.quiet);

  for (std::size_t i = 0; i < lens.chosen.cells.size(); ++i) {
    const auto& c = lens.chosen.cells[i];
    if (!c.skipped.empty()) continue;
    auto tries = std::make_shared<std::size_t>(0);
    counter_results* const events = lens.events == nullptr ? nullptr : &counted[i];
    benchmark::RegisterBenchmark(c.what->name.c_str(),
                                 [&, tries, events, what = c.what, into = &results[i]](benchmark::State& state) {
                                   repetition one(lens, *into, events, *what);
                                   const auto ns_per_op = one.run();
                                   if (!ns_per_op && *tries == 0) {
                                     state.SetLabel(one.why());
                                     state.counters[without_number] = 1;
                                   } else if (!ns_per_op) {
                                     state.SkipWithError(one.why().c_str());
                                   }
                                   for (auto _ : state) {
                                     state.SetIterationTime(ns_per_op.value_or(0) * 1e-9);
                                   }
                                   if (ns_per_op) put_counters(state, into->to_record());
                                   if (ns_per_op && events != nullptr) put_counters(state, events->to_record());
                                   if (lens.interrupted != 0) return;
                                   finished += ++*tries == repetitions;
                                   progress.step(what->name, finished);
                                   lens.between_trials();
                                 })
        ->Iterations(1)
        ->UseManualTime();
  }

  // All that its environment variables (BENCHMARK_FILTER …) could have set otherwise, unknown to plan and record, too.
  std::vector<std::string> arguments{lens.asked.command_line.front(),
                                     "--benchmark_repetitions=" + std::to_string(repetitions),
                                     "--benchmark_enable_random_interleaving=true",
                                     "--benchmark_filter=.",
                                     "--benchmark_out=",
                                     "--benchmark_out_format=json",
                                     "--benchmark_list_tests=false",
                                     "--benchmark_report_aggregates_only=false",
                                     "--benchmark_display_aggregates_only=false",
                                     "--benchmark_perf_counters=",
                                     "--benchmark_time_unit=ns"};
  bool own_file = false;
  bool json_file = true;
  for (const auto& flag : lens.asked.google_flags) {
    arguments.push_back(flag);
    own_file = own_file || flag.rfind("--benchmark_out=", 0) == 0;
    if (flag.rfind("--benchmark_out_format=", 0) == 0) json_file = flag == "--benchmark_out_format=json";
  }
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  int argc = static_cast<int>(arguments.size());
  benchmark::Initialize(&argc, argv.data());

  const run_mender mend(threads_of);
  std::ostringstream json;
  several_reporters display;
  display.add(std::make_unique<mended<benchmark::JSONReporter>>(mend), &json);
  if (lens.asked.format == "json")
    display.add(std::make_unique<mended<benchmark::JSONReporter>>(mend), &std::cout,
                lens.asked.display_aggregates_only);
  if (lens.asked.format == "console") {
    using console = benchmark::ConsoleReporter;
    const auto look = static_cast<console::OutputOptions>((lens.asked.colour ? console::OO_Color : 0) |
                                                          (lens.asked.tabular ? console::OO_Tabular : 0));
    display.add(std::make_unique<mended<console>>(mend, look), &std::cout, lens.asked.display_aggregates_only);
  }
  mended<benchmark::JSONReporter> json_report(mend);
  mended<benchmark::ConsoleReporter> text_report(mend, benchmark::ConsoleReporter::OO_None);
  benchmark::BenchmarkReporter* file =
      json_file ? static_cast<benchmark::BenchmarkReporter*>(&json_report) : &text_report;
  benchmark::RunSpecifiedBenchmarks(&display, own_file ? file : nullptr);
  benchmark::ClearRegisteredBenchmarks();
  progress.end();
  return mended_context(json.str());
}

}  // namespace contend::bench
