// SPDX-License-Identifier: MIT
// The run's record: its directory, its parts, and the moments at which it is written.
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cell_results.hpp"
#include "matrix.hpp"
#include "options.hpp"

namespace contend::bench {

/// The catalogue as JSON: what `contend list --json` prints and the record holds.
nlohmann::ordered_json catalogue_json(const std::vector<catalogue_entry>& entries);
nlohmann::ordered_json workloads_json(const matrix& all);
nlohmann::ordered_json claims_json(const matrix& all);

/// The cells of a record, of all lenses, in its order.
using cell_list = std::vector<const record::cell_record*>;

/// A run's directory and what is written into it.
class run_record {
 public:
  /// Makes <results>/<utc>-<host>-<commit>. Throws usage_error if it cannot be made or written to.
  /// `rule`: which cells the run has, one sentence.
  run_record(const matrix& all, const options& asked, std::string rule);

  const std::filesystem::path& directory() const { return directory_; }
  void environment(nlohmann::ordered_json block) { environment_ = std::move(block); }

  /// Writes results.json as it is now, atomically; `complete` once all was measured. Throws std::system_error.
  void write(const cell_list& cells, bool complete, bool finished) const;
  /// The same text, for the case that the directory is full.
  std::string text(const cell_list& cells, bool complete, bool finished) const;
  /// Writes google_benchmark.json.
  void write_google(const std::string& text) const;
  /// Points <results>/latest to this run.
  void make_latest() const;

 private:
  const matrix& all_;
  const options& asked_;
  std::string rule_;
  std::string started_;
  std::string id_;
  std::filesystem::path directory_;
  nlohmann::ordered_json environment_;
};

}  // namespace contend::bench
