// SPDX-License-Identifier: MIT
// The lens `counters`: events per operation, from trials of their own that run beside the timed ones.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cell_results.hpp"
#include "options.hpp"
#include "perf/counters/capability.hpp"
#include "perf/counters/event_catalogue.hpp"

namespace contend::bench {

/// What a run counts: what was asked for, what of it this machine can count, and why not the rest.
class event_plan {
 public:
  /// Tries the events on this machine; about 50 ms. Throws usage_error for an --events list that names no events.
  explicit event_plan(const options& asked);
  /// The same with everything given, for tests.
  event_plan(counters::event_choice choice, counters::capability can, std::string microarchitecture,
             std::optional<int> paranoid, bool asked_by_name);

  /// The events of the trials; empty: there are no counter trials. Without a PMU there are some only if events that
  /// need none were asked for by name: what getrusage() tells belongs to the cells of the lens `time`.
  const std::vector<counters::event>& events() const { return events_; }
  /// Record keys of all that was asked for, the uncountable too.
  const std::vector<std::string>& keys() const { return keys_; }
  /// Caveat → sentence for every cell, on what cannot be counted.
  const std::map<std::string, std::string>& caveats() const { return caveats_; }
  /// environment.counters of the record; see schema.json.
  nlohmann::ordered_json to_json() const;
  /// One line for a person on what is not counted, or empty.
  std::string notice() const;

 private:
  counters::event_choice choice_;
  counters::capability can_;
  std::string microarchitecture_;
  std::optional<int> paranoid_;
  std::vector<counters::event> events_;
  std::vector<std::string> keys_;
  std::map<std::string, std::string> caveats_;
};

/// Collects one cell's counter trials.
class counter_results {
 public:
  counter_results(const cell& what, std::string placement, unsigned usable_processors, const event_plan& plan);

  /// A finished counter trial is one repetition.
  void add(const trial_result& trial);
  /// A repetition whose counter trial was not tried, and why.
  void add_nothing(const std::string& why);
  /// A trial that gave no result; the cell is not tried again.
  void add_failure(const trial_failure& failure);
  void finish();
  void add_caveat(const std::string& code, const std::string& sentence = "");

  bool failed() const { return failed_; }
  std::size_t repetitions() const { return repetitions_; }
  const record::cell_record& to_record() const { return record_; }

 private:
  const event_plan& plan_;
  record::cell_record record_;
  std::map<std::string, std::vector<double>> running_;  // by key
  std::size_t repetitions_ = 0;
  bool failed_ = false;
};

}  // namespace contend::bench
