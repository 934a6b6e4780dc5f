// SPDX-License-Identifier: MIT
// See lens_counters.hpp.
#include "lens_counters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "perf/counters/pfm.hpp"
#include "perf/counters/thread_counters.hpp"
#include "perf/record/statistics.hpp"

namespace contend::bench {
namespace {

using nlohmann::ordered_json;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

counters::event_choice choose(const options& asked, const std::string& microarchitecture) {
  if (!asked.events) return counters::default_events(microarchitecture);
  try {
    return counters::parse_events(*asked.events, microarchitecture, counters::resolve_with_libpfm4);
  } catch (const counters::bad_event& wrong) {
    throw usage_error(wrong.what());
  }
}

bool usable(const counters::event_status& one) {
  return one.how == counters::state::counted || one.how == counters::state::multiplexed;
}

const char* to_text(counters::state what) {
  switch (what) {
    case counters::state::counted:
      return "counted";
    case counters::state::multiplexed:
      return "multiplexed";
    case counters::state::starved:
      return "starved";
    case counters::state::unsupported:
      return "unsupported";
    case counters::state::failed:
      break;
  }
  return "failed";
}

ordered_json or_null(const std::string& text) { return text.empty() ? ordered_json(nullptr) : ordered_json(text); }

std::string code_of(const counters::event& e) {
  if (e.from != counters::origin::perf_event) return "getrusage(RUSAGE_THREAD)";
  return fmt::format("type={} config={:#x} config1={:#x}", e.type, e.config, e.config1);
}

/// "a, b and c" with a limit: a cell's sentence stays a sentence.
std::string enumerate(const std::vector<std::string>& names) {
  constexpr std::size_t most = 6;
  std::string out;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i) out += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > most) out += fmt::format(" and {} more", names.size() - most);
  return out;
}

}  // namespace

event_plan::event_plan(const options& asked) {
  const std::string microarchitecture = counters::this_microarchitecture();
  counters::event_choice choice = choose(asked, microarchitecture);
  counters::capability can = counters::probe(choice.events);
  *this = event_plan(std::move(choice), std::move(can), microarchitecture, counters::read_surroundings().paranoid,
                     asked.events.has_value());
}

event_plan::event_plan(counters::event_choice choice, counters::capability can, std::string microarchitecture,
                       std::optional<int> paranoid, bool asked_by_name)
    : choice_(std::move(choice)),
      can_(std::move(can)),
      microarchitecture_(std::move(microarchitecture)),
      paranoid_(paranoid) {
  std::map<std::string, std::vector<std::string>> missing;  // caveat → keys
  std::map<std::string, std::string> reason;
  for (const auto& one : can_.events) {
    keys_.push_back(one.what.key());
    if (usable(one)) {
      if (can_.hardware || asked_by_name) events_.push_back(one.what);
      continue;
    }
    const std::string caveat = one.why.caveat.empty() ? "not_counted" : one.why.caveat;
    missing[caveat].push_back(one.what.metric);
    reason.emplace(caveat, one.why.reason);
  }
  for (const auto& [metric, why] : choice_.refused) {
    keys_.push_back(metric + "_per_op");
    missing[why.caveat].push_back(metric);
    reason.emplace(why.caveat, why.reason);
  }
  if (!can_.hardware && !can_.why.caveat.empty()) caveats_[can_.why.caveat] = can_.why.reason;
  for (auto& [caveat, names] : missing) {
    names.erase(std::unique(names.begin(), names.end()), names.end());
    if (!caveats_.contains(caveat))
      caveats_[caveat] =
          names.size() == 1 ? names.front() + ": " + reason[caveat] : enumerate(names) + ": see environment.counters";
  }
}

ordered_json event_plan::to_json() const {
  ordered_json events = ordered_json::array();
  for (const auto& one : can_.events)
    events.push_back({{"metric", one.what.metric},
                      {"where", one.what.where == counters::side::user ? "user" : "kernel"},
                      {"name", one.what.name},
                      {"code", code_of(one.what)},
                      {"source", one.what.source},
                      {"state", to_text(one.how)},
                      {"running", usable(one) ? ordered_json(one.running) : ordered_json(nullptr)},
                      {"caveat", or_null(one.why.caveat)},
                      {"reason", or_null(one.why.reason)}});
  for (const auto& [metric, why] : choice_.refused)
    events.push_back({{"metric", metric},
                      {"where", "user"},
                      {"name", nullptr},
                      {"code", nullptr},
                      {"source", nullptr},
                      {"state", "unsupported"},
                      {"running", nullptr},
                      {"caveat", or_null(why.caveat)},
                      {"reason", or_null(why.reason)}});
  return {{"available", can_.hardware},
          {"kernel_side", can_.kernel_side},
          {"microarchitecture", or_null(microarchitecture_)},
          {"paranoid", paranoid_ ? ordered_json(*paranoid_) : ordered_json(nullptr)},
          {"caveat", or_null(can_.why.caveat)},
          {"reason", or_null(can_.why.reason)},
          {"cure", or_null(can_.why.cure)},
          {"events", events}};
}

std::string event_plan::notice() const {
  if (!can_.hardware) return fmt::format("{}; {}", can_.why.reason, can_.why.cure);
  std::set<std::string> names;
  for (const auto& one : can_.events)
    if (!usable(one)) names.insert(one.what.key());
  for (const auto& [metric, why] : choice_.refused) names.insert(metric + "_per_op");
  if (names.empty()) return {};
  return "not counted on this machine: " + enumerate({names.begin(), names.end()}) + "; contend doctor says why";
}

counter_results::counter_results(const cell& what, std::string placement, unsigned usable_processors,
                                 const event_plan& plan)
    : plan_(plan), record_(blank_record(what, "counters", std::move(placement), usable_processors)) {
  for (const auto& key : plan.keys()) record_.metrics[key] = {"1", {}};
  record_.metrics["ns_per_op"] = {"ns", {}};
  if (!what.not_applicable.empty()) return;
  for (const auto& [code, sentence] : plan.caveats()) add_caveat(code, sentence);
}

void counter_results::add(const trial_result& trial) {
  ++repetitions_;
  for (auto& [name, one] : record_.metrics) one.samples.resize(repetitions_, nan);
  double metered = 0;
  for (const auto& t : trial.threads) metered += static_cast<double>(t.metered);
  if (metered == 0) {
    add_caveat("not_counted", "no operation finished within a trial's window");
    return;
  }
  double done = 0;
  for (const auto& t : trial.threads) done += static_cast<double>(t.done - t.late);
  if (done > 0) record_.metrics.at("ns_per_op").samples.back() = static_cast<double>(trial.window_ns) / done;
  std::vector<std::string> multiplexed;
  for (std::size_t i = 0; i < plan_.events().size(); ++i) {
    const std::string key = plan_.events()[i].key();
    double sum = 0;
    double running = 1;
    bool whole = true;
    for (const auto& t : trial.threads) {
      const auto& seen = t.counts.at(i);
      running = std::min(running, seen.running);
      if (t.metered == 0) continue;  // it had no processor while the others worked: nothing to count
      whole = whole && seen.value;
      sum += seen.value.value_or(0);
      if (seen.what == counters::state::starved)
        add_caveat("multiplexed", key + ": on a counter for less than a tenth of the time, so no number");
      else if (seen.what == counters::state::multiplexed)
        multiplexed.push_back(key);
    }
    running_[key].push_back(running);
    if (whole)
      record_.metrics.at(key).samples.back() = sum / metered;
    else if (i < trial.obstacles.size() && !trial.obstacles[i].caveat.empty())
      add_caveat(trial.obstacles[i].caveat, key + ": " + trial.obstacles[i].reason);
  }
  multiplexed.erase(std::unique(multiplexed.begin(), multiplexed.end()), multiplexed.end());
  if (!multiplexed.empty())
    add_caveat("multiplexed", "scaled by the time that they were on a counter: " + enumerate(multiplexed));
  if (done == 0) add_caveat("not_counted", "ns_per_op: no operation finished within a trial's window");
}

void counter_results::add_nothing(const std::string& why) {
  ++repetitions_;
  for (auto& [name, one] : record_.metrics) one.samples.resize(repetitions_, nan);
  add_caveat("not_counted", why);
}

void counter_results::add_failure(const trial_failure& failure) {
  failed_ = true;
  add_caveat(failure.caveat, failure.sentence);
  if (failure.caveat != "check_failed") return;
  for (auto& [name, one] : record_.metrics) one.samples.clear();
  repetitions_ = 0;
}

void counter_results::finish() {
  for (const auto& [key, samples] : running_) record_.metrics.at(key).running = record::median(samples);
}

void counter_results::add_caveat(const std::string& code, const std::string& sentence) {
  record_.caveats.emplace(code, sentence);
}

}  // namespace contend::bench
