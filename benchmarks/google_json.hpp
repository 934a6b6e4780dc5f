// SPDX-License-Identifier: MIT
// Google Benchmark's JSON, with what version 1.7.1 gets wrong for our cells mended.
#pragma once

#include <benchmark/benchmark.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace contend::bench {

/// Name of a counter that says of a cell's first repetition that it gave no number; its label says why. It must not be
/// skipped with an error as later ones are: version 1.7.1 then ends with a null pointer when it sums up the others.
inline constexpr const char* without_number = "without_number";

/// Mends runs before any reporter sees them: the name is the cell's alone (no /iterations:1/repeats:6/manual_time),
/// `threads` is the cell's, counters that are no number are left out; a first repetition without a number is an error,
/// and what was summed up with it is left out.
class run_mender {
 public:
  explicit run_mender(std::map<std::string, unsigned> threads_of) : threads_of_(std::move(threads_of)) {}
  std::vector<benchmark::BenchmarkReporter::Run> operator()(
      const std::vector<benchmark::BenchmarkReporter::Run>& runs) const;

 private:
  std::map<std::string, unsigned> threads_of_;
};

/// Any of Google Benchmark's reporters, fed with mended runs.
template <class Reporter>
class mended : public Reporter {
 public:
  template <class... A>
  explicit mended(run_mender mend, A&&... arguments)
      : Reporter(std::forward<A>(arguments)...), mend_(std::move(mend)) {}
  void ReportRuns(const std::vector<benchmark::BenchmarkReporter::Run>& runs) override {
    Reporter::ReportRuns(mend_(runs));
  }

 private:
  run_mender mend_;
};

/// The JSON that a reporter wrote, with the context mended: cpu_scaling_enabled is null where no cpufreq driver says,
/// and without the repetitions that failed (their time would read 0).
/// Closes an unfinished list, so that an interrupted run is readable.
std::string mended_context(const std::string& text);

}  // namespace contend::bench
