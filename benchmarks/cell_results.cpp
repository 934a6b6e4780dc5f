// SPDX-License-Identifier: MIT
// The arithmetic of a trial.
#include "cell_results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string_view>

#include "perf/record/statistics.hpp"

namespace contend::bench {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

nlohmann::ordered_json to_json(const param_value& value) {
  return std::visit([](const auto& v) { return nlohmann::ordered_json(v); }, value);
}

/// A thread of such a primitive gives up the processor only when it is taken from it.
bool never_sleeps(const facts& about) {
  return about.waits == waiting::none || about.waits == waiting::spin || about.waits == waiting::retry;
}

}  // namespace

std::vector<double> within_roles(const std::vector<double>& shares, const std::vector<std::string>& roles) {
  std::map<std::string_view, std::pair<double, double>> sums;  // of the shares, and how many
  for (std::size_t i = 0; i < shares.size(); ++i) {
    sums[roles[i]].first += shares[i];
    sums[roles[i]].second += 1;
  }
  std::vector<double> out;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const auto [sum, count] = sums[roles[i]];
    out.push_back(sum > 0 ? shares[i] * count / sum : 0);
  }
  return out;
}

record::cell_record blank_record(const cell& what, std::string lens, std::string placement,
                                 unsigned usable_processors) {
  record::cell_record record;
  record.lens = std::move(lens);
  record.family = what.family;
  record.name = what.name;
  record.workload = what.workload;
  record.primitive = what.about.name;
  record.baseline = what.about.baseline;
  record.threads = what.threads;
  record.placement = std::move(placement);
  for (const auto& [name, value] : what.params) record.params[name] = to_json(value);
  if (!what.not_applicable.empty()) record.caveats.emplace("not_applicable", what.not_applicable);
  if (what.threads > usable_processors)
    record.caveats.emplace("oversubscribed",
                           fmt::format("{} threads on {} usable processors", what.threads, usable_processors));
  return record;
}

cell_results::cell_results(const cell& what, std::string placement, unsigned usable_processors)
    : what_(what), usable_(usable_processors) {
  record_ = blank_record(what, "time", std::move(placement), usable_);
  for (const auto& [name, unit] : record::time_metrics()) record_.metrics[name] = {unit, {}};
}

void cell_results::put(const char* metric, double value) {
  auto& samples = record_.metrics.at(metric).samples;
  samples.resize(repetitions_, nan);
  samples.back() = value;
}

std::optional<double> cell_results::add_throughput(const trial_result& trial, const disturbance& around) {
  ++repetitions_;
  for (auto& [name, one] : record_.metrics) one.samples.resize(repetitions_, nan);
  record::thread_rows rows;
  std::vector<double> shares;
  double done = 0, failed = 0, cpu_ns = 0, idle = 0, involuntary = 0, voluntary = 0, faults = 0;
  // One window for all: a thread that got its processor late must not count as if it had run at its speed all along.
  const auto window = static_cast<double>(trial.window_ns);
  for (const auto& t : trial.threads) {
    done += static_cast<double>(t.done - t.late);
    failed += static_cast<double>(t.failed);
    cpu_ns += static_cast<double>(t.cpu_ns);
    idle += std::max(0.0, 1 - static_cast<double>(t.cpu_ns) / window);
    involuntary += static_cast<double>(t.involuntary_switches);
    voluntary += static_cast<double>(t.voluntary_switches);
    faults += static_cast<double>(t.page_faults);
    shares.push_back(static_cast<double>(t.done - t.late));
    rows.cpu.push_back(t.cpu);
    rows.operations.push_back(t.done - t.late);
    rows.failed.push_back(t.failed);
    const std::size_t number = rows.role.size();
    rows.role.push_back(number < what_.roles.size() ? what_.roles[number] : "any");
  }
  record_.rows.push_back(std::move(rows));
  const auto threads = static_cast<double>(trial.threads.size());
  const double per_second = done / window * 1e9;
  put("overlap", std::max(0.0, 1 - idle));
  put("involuntary_switches", involuntary / window * 1e9);
  put("voluntary_switches", voluntary / window * 1e9);
  put("steal", around.steal.value_or(nan));
  put("throttled_ms", around.throttled_ms.value_or(nan));
  if (done == 0) {
    add_caveat("not_counted", "no operation finished within a trial's window");
    return std::nullopt;
  }
  put("throughput", per_second);
  put("ns_per_op", 1e9 / per_second);
  put("ns_per_op_thread", 1e9 / per_second * threads);
  put("cpu_ns_per_op", cpu_ns / done);
  put("failed_per_op", failed / done);
  put("context_switches_per_op", (involuntary + voluntary) / done);
  put("page_faults_per_op", faults / done);
  if (const auto jain = record::jain_index(within_roles(shares, record_.rows.back().role))) put("jain_fairness", *jain);
  if (const auto range = record::min_max_share(shares)) {
    put("min_share", range->min);
    put("max_share", range->max);
  }
  for (const auto& extra : trial.extras) {
    record_.metrics.try_emplace(extra.name, record::series{extra.unit, {}});
    put(extra.name.c_str(), extra.value);
  }
  return 1e9 / per_second;
}

void cell_results::add_latency(const trial_result& trial) {
  if (!trial.waits || repetitions_ == 0) return;
  put("latency_p50", trial.waits->p50);
  put("latency_p99", trial.waits->p99);
  put("latency_p999", trial.waits->p999);
  put("latency_max", trial.waits->max);
}

void cell_results::add_handoff(const trial_result& trial) {
  if (trial.self_handoff && repetitions_ > 0) put("self_handoff", *trial.self_handoff);
}

void cell_results::add_failure(const trial_failure& failure) {
  failed_ = true;
  add_caveat(failure.caveat, failure.sentence);
  if (failure.caveat != "check_failed") return;
  // A wrong result makes the others of this cell worthless too.
  for (auto& [name, one] : record_.metrics) one.samples.clear();
  record_.rows.clear();
  repetitions_ = 0;
}

void cell_results::finish() {
  // Kernel ticks are coarse against one trial's window, so these are judged by the median.
  const auto middle = [&](const char* metric) { return record::median(record_.metrics.at(metric).samples); };
  if (const auto steal = middle("steal"); steal && *steal > 0.02)
    add_caveat("steal",
               fmt::format("the hypervisor took {:.0f} % of the processors' time during the trials", *steal * 100));
  if (const auto throttled = middle("throttled_ms"); throttled && *throttled > 0)
    add_caveat("throttled", "the control group's CPU quota stopped the threads during the trials");
  if (const auto overlap = middle("overlap");
      overlap && *overlap < 0.8 && what_.threads <= usable_ && never_sleeps(what_.about))
    add_caveat("low_overlap",
               fmt::format("all threads were running for only {:.0f} % of the time: something else ran on "
                           "their processors",
                           *overlap * 100));
}

void cell_results::add_caveat(const std::string& code, const std::string& sentence) {
  record_.caveats.emplace(code, sentence);
}

}  // namespace contend::bench
