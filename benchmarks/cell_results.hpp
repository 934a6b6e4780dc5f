// SPDX-License-Identifier: MIT
// From the trials of a cell to its record: every number that MEASURING asks for, and every caveat.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "matrix.hpp"
#include "perf/record/cell_record.hpp"
#include "trial.hpp"
#include "worker.hpp"

namespace contend::bench {

/// What disturbed the machine while a trial ran; unknown is absent.
struct disturbance {
  std::optional<double> steal;         ///< share of the machine's time that the hypervisor took, 0–1
  std::optional<double> throttled_ms;  ///< time for which the control group was stopped by its quota
};

/// A cell's record without any number, with the caveats that are known before it is tried.
record::cell_record blank_record(const cell& what, std::string lens, std::string placement, unsigned usable_processors);

/// Shares in units of their role's mean: one producer that feeds seven consumers is not unfair to them. The same as the
/// shares themselves, up to a factor, where all threads have one role.
std::vector<double> within_roles(const std::vector<double>& shares, const std::vector<std::string>& roles);

/// Collects one cell's trials of the lens `time`.
class cell_results {
 public:
  cell_results(const cell& what, std::string placement, unsigned usable_processors);

  /// A finished throughput trial opens a repetition; latency and handoff trials belong to the one that is open.
  /// Returns ns per operation, or nothing if no operation was done.
  std::optional<double> add_throughput(const trial_result& trial, const disturbance& around);
  void add_latency(const trial_result& trial);
  void add_handoff(const trial_result& trial);
  /// A trial that gave no result; the cell is not tried again.
  void add_failure(const trial_failure& failure);
  /// After the last trial: the caveats that follow from all samples together.
  void finish();
  void add_caveat(const std::string& code, const std::string& sentence = "");

  bool failed() const { return failed_; }
  std::size_t repetitions() const { return repetitions_; }
  bool measured() const { return repetitions_ > 0 && !failed_; }
  const record::cell_record& to_record() const { return record_; }

 private:
  void put(const char* metric, double value);

  const cell& what_;
  unsigned usable_;
  record::cell_record record_;
  std::size_t repetitions_ = 0;
  bool failed_ = false;
};

}  // namespace contend::bench
