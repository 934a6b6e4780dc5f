// SPDX-License-Identifier: MIT
// Samples to medians, absent numbers to null.
#include "cell_record.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "statistics.hpp"

namespace contend::record {
namespace {

using nlohmann::ordered_json;

/// Six significant digits: more than any of these numbers has.
ordered_json number(double value) {
  if (!std::isfinite(value)) return nullptr;
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return std::strtod(text, nullptr);
}

ordered_json to_json(const series& one, double confidence) {
  ordered_json out{{"value", nullptr}, {"unit", one.unit}, {"ci_low", nullptr}, {"ci_high", nullptr}};
  if (const auto middle = estimate_median(one.samples, confidence)) {
    out["value"] = number(middle->value);
    if (middle->count > 1) {
      out["ci_low"] = number(middle->low);
      out["ci_high"] = number(middle->high);
    }
  }
  if (one.running) out["running"] = number(*one.running);
  ordered_json samples = ordered_json::array();
  for (const double sample : one.samples) samples.push_back(number(sample));
  out["samples"] = std::move(samples);
  return out;
}

/// Index of the repetition whose throughput is the median (the lower one of two); -1 without any.
std::ptrdiff_t median_repetition(const cell_record& cell) {
  const auto found = cell.metrics.find("throughput");
  if (found == cell.metrics.end()) return -1;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < found->second.samples.size(); ++i)
    if (std::isfinite(found->second.samples[i])) order.push_back(i);
  if (order.empty()) return -1;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return found->second.samples[a] < found->second.samples[b]; });
  return static_cast<std::ptrdiff_t>(order[(order.size() - 1) / 2]);
}

}  // namespace

const std::map<std::string, std::string>& time_metrics() {
  static const std::map<std::string, std::string> all{{"throughput", "1/s"},
                                                      {"ns_per_op", "ns"},
                                                      {"ns_per_op_thread", "ns"},
                                                      {"cpu_ns_per_op", "ns"},
                                                      {"latency_p50", "ns"},
                                                      {"latency_p99", "ns"},
                                                      {"latency_p999", "ns"},
                                                      {"latency_max", "ns"},
                                                      {"jain_fairness", "0-1"},
                                                      {"min_share", "0-1"},
                                                      {"max_share", "0-1"},
                                                      {"self_handoff", "0-1"},
                                                      {"overlap", "0-1"},
                                                      {"failed_per_op", "1"},
                                                      {"context_switches_per_op", "1"},
                                                      {"page_faults_per_op", "1"},
                                                      {"involuntary_switches", "1/s"},
                                                      {"voluntary_switches", "1/s"},
                                                      {"steal", "0-1"},
                                                      {"throttled_ms", "ms"}};
  return all;
}

nlohmann::ordered_json to_json(const cell_record& cell, double confidence) {
  ordered_json out{{"lens", cell.lens},           {"family", cell.family},
                   {"name", cell.name},           {"workload", cell.workload},
                   {"primitive", cell.primitive}, {"baseline", cell.baseline},
                   {"params", cell.params},       {"threads", cell.threads},
                   {"placement", cell.placement}, {"metrics", ordered_json::object()}};
  for (const auto& [name, one] : cell.metrics) out["metrics"][name] = to_json(one, confidence);
  out["per_thread"] = nullptr;
  if (const auto chosen = median_repetition(cell); chosen >= 0 && static_cast<std::size_t>(chosen) < cell.rows.size()) {
    const thread_rows& rows = cell.rows[static_cast<std::size_t>(chosen)];
    out["per_thread"] = {
        {"role", rows.role}, {"cpu", rows.cpu}, {"operations", rows.operations}, {"failed", rows.failed}};
  }
  if (!cell.lines.is_null()) out["lines"] = cell.lines;
  out["caveats"] = ordered_json::array();
  out["details"] = ordered_json::object();
  for (const auto& [code, sentence] : cell.caveats) {
    out["caveats"].push_back(code);
    if (!sentence.empty()) out["details"][code] = sentence;
  }
  return out;
}

std::string to_text(const nlohmann::ordered_json& json, int indent) {
  return json.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace contend::record
