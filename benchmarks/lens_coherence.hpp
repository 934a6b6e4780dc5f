// SPDX-License-Identifier: MIT
// The lens `coherence`: cells with simulated threads, run by the program beside this one, many processes at a time.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cell_results.hpp"
#include "matrix.hpp"
#include "options.hpp"
#include "perf/coherence/machine_file.hpp"
#include "selection.hpp"

namespace contend::bench {

/// On which machine a run simulates, and by which program.
class simulation_plan {
 public:
  /// Throws usage_error for a machine that does not exist or has too few cores for --threads, and when no program that
  /// simulates is beside this one.
  explicit simulation_plan(const options& asked);

  /// The program with simulated threads that belongs to this one; it need not exist.
  static std::filesystem::path program();

  const std::filesystem::path& path() const { return program_; }
  const coherence::machine& machine() const { return machine_; }
  /// When the machine was calibrated, UTC; empty: it is not of this host.
  std::string calibrated() const;
  std::uint64_t seed(std::size_t schedule) const { return seed_.value_or(0) + schedule; }
  unsigned schedules() const { return schedules_; }
  /// The first line that the program reads.
  nlohmann::ordered_json request(const std::vector<unsigned>& threads) const;
  /// environment.simulation of the record; see schema.json.
  nlohmann::ordered_json to_json() const;

  std::uint64_t accesses = 0;  ///< that were simulated, warm-up not counted
  double seconds = 0;          ///< that it took

 private:
  std::filesystem::path program_;
  coherence::machine machine_;
  std::filesystem::path results_;
  std::optional<std::uint64_t> seed_;
  unsigned schedules_;
  bool weak_;
};

/// One cell's record.
class coherence_results {
 public:
  explicit coherence_results(const cell& what);

  /// What the simulating program answered for the next schedule. `where`: put before what went wrong in it. Returns how
  /// many accesses it simulated.
  std::uint64_t add(const nlohmann::ordered_json& answer, const std::string& where = {});
  void add_caveat(const std::string& code, const std::string& sentence) { record_.caveats.emplace(code, sentence); }
  bool measured() const { return measured_; }
  const record::cell_record& to_record() const { return record_; }

 private:
  std::uint64_t take(const nlohmann::ordered_json& answer, const std::string& where);
  void put(const char* metric, double value) { record_.metrics.at(metric).samples.at(schedules_) = value; }
  const cell& what_;
  record::cell_record record_;
  std::size_t schedules_ = 0;
  bool measured_ = false;
};

/// Simulates the cells that are not skipped, `asked.jobs` at a time, results[i] being that of chosen.cells[i].
/// `between`: called now and then. Stops early when a signal handler set `interrupted`.
void run_coherence_lens(simulation_plan& plan, const options& asked, const matrix& all, const selection& chosen,
                        std::vector<coherence_results>& results, const volatile int& interrupted,
                        const std::function<void()>& between);

}  // namespace contend::bench
