// SPDX-License-Identifier: MIT
// One cell of the record, from its samples to its JSON: the only place that knows both.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace contend::record {

/// Version of the record that this code writes; see schema.json.
inline constexpr int schema_version = 1;

/// One metric's samples, one per repetition in the order of the repetitions; NaN where a repetition gave none.
struct series {
  std::string unit;
  std::vector<double> samples;
  std::optional<double> running{};  ///< events: share of the time that they were on a counter, 0–1
};

/// Per-thread numbers of one repetition.
struct thread_rows {
  std::vector<std::string> role;
  std::vector<int> cpu;
  std::vector<std::uint64_t> operations;
  std::vector<std::uint64_t> failed;
};

struct cell_record {
  std::string lens;
  std::string family;
  std::string name;
  std::string workload;
  std::string primitive;
  bool baseline = false;
  nlohmann::ordered_json params = nlohmann::ordered_json::object();
  unsigned threads = 1;
  std::string placement;
  std::map<std::string, series> metrics;
  std::vector<thread_rows> rows;               ///< one per repetition; the one with the median `throughput` is written
  nlohmann::ordered_json lines;                ///< lens coherence: the lines that missed most; null: not told
  std::map<std::string, std::string> caveats;  ///< code of the closed set → a sentence on this case, may be empty
};

/// Names and units of the metrics that a cell of a lens has, so that a cell without numbers has them as null.
const std::map<std::string, std::string>& time_metrics();

/// The cell as the schema wants it. Medians and intervals over the samples; a metric without samples is null.
nlohmann::ordered_json to_json(const cell_record& cell, double confidence);

/// JSON as text. A byte that is no UTF-8 (a path or an argument may hold any) becomes U+FFFD: a record is never lost
/// for one. `indent` as in nlohmann's dump().
std::string to_text(const nlohmann::ordered_json& json, int indent = -1);

}  // namespace contend::record
