// SPDX-License-Identifier: MIT
// See run_record.hpp, and perf/record/schema.json for the shape.
#include "run_record.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <ctime>
#include <set>

#include "contend_build_info.hpp"
#include "fingerprint.hpp"
#include "perf/record/atomic_file.hpp"
#include "perf/record/cell_record.hpp"
#include "perf/record/statistics.hpp"

namespace contend::bench {
namespace {

using nlohmann::ordered_json;
namespace fs = std::filesystem;

std::string utc(const char* format) {
  const std::time_t now = std::time(nullptr);
  return fmt::format(fmt::runtime(fmt::format("{{:{}}}", format)), fmt::gmtime(now));
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "unknown";
  std::string host = name;
  std::replace_if(
      host.begin(), host.end(), [](unsigned char c) { return std::isalnum(c) == 0 && c != '.' && c != '_'; }, '_');
  return host;
}

/// A parameter's value as the record has it: a number if it looks like one.
ordered_json as_param(const std::string& text) {
  auto value = ordered_json::parse(text, nullptr, false);
  return value.is_number() ? value : ordered_json(text);
}

ordered_json params_json(const std::vector<std::pair<std::string, std::string>>& params) {
  ordered_json out = ordered_json::object();
  for (const auto& [name, value] : params) out[name] = as_param(value);
  return out;
}

/// The confidence that intervals over so many repetitions really have: 6 give 0.969 (statistics.hpp).
double reached_confidence(int repetitions) {
  std::vector<double> ranks;
  for (int i = 0; i < repetitions; ++i) ranks.push_back(i);
  const auto interval = record::median_interval(ranks, 0.95);
  return interval ? interval->coverage : 0;
}

}  // namespace

ordered_json catalogue_json(const std::vector<catalogue_entry>& entries) {
  ordered_json out = ordered_json::array();
  for (const auto& entry : entries) {
    const facts& f = entry.about;
    ordered_json& one = out.emplace_back(ordered_json::object());
    one = {{"family", entry.family},
           {"primitive", f.name},
           {"baseline", f.baseline},
           {"facts",
            {{"summary", f.summary},
             {"admission", to_string(f.admits)},
             {"waiting", to_string(f.waits)},
             {"progress", to_string(f.guarantees)},
             {"rung", to_string(f.step)},
             {"source", f.source},
             {"delivery", to_string(f.delivers)},
             {"bounded", f.bounded},
             {"weak", f.weak}}},
           {"workloads", entry.workloads}};
    if (!entry.group.empty()) one["facts"]["group"] = entry.group;
    if (!f.origin.empty()) one["facts"]["origin"] = f.origin;
  }
  return out;
}

ordered_json workloads_json(const matrix& all) {
  ordered_json out = ordered_json::array();
  for (const auto& entry : all.workloads()) {
    const workload_facts& f = entry.facts;
    ordered_json follows = ordered_json::array();
    for (std::string_view rest = f.follows_threads; !rest.empty();) {
      const auto comma = rest.find(',');
      follows.push_back(rest.substr(0, comma));
      rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    }
    const fingerprint source = fingerprint_of(f.file, entry.own);
    ordered_json& one = out.emplace_back(ordered_json::object());
    one = {{"family", f.family}, {"workload", f.name}};
    if (source.reason.empty())
      one["fingerprint"] = source.digest;
    else
      one["no_fingerprint"] = source.reason;
    one.update({{"question", f.question},
                {"operation", f.operation},
                {"contends_on", f.contends_on},
                {"reference", f.reference},
                {"follows_threads", follows}});
  }
  return out;
}

ordered_json claims_json(const matrix& all) {
  ordered_json out = ordered_json::array();
  for (const auto& entry : all.workloads())
    for (const auto& c : entry.claims) {
      ordered_json one{{"id", c.id},
                       {"statement", c.statement},
                       {"source", c.source},
                       {"family", entry.facts.family},
                       {"workload", entry.facts.name},
                       {"metric", c.metric},
                       {"better", c.better},
                       {"worse", c.worse},
                       {"params", params_json(c.params)},
                       {"min_threads", c.min_threads},
                       {"at_least", c.at_least}};
      if (!c.better_params.empty()) one["better_params"] = params_json(c.better_params);
      if (!c.worse_params.empty()) one["worse_params"] = params_json(c.worse_params);
      out.push_back(std::move(one));
    }
  return out;
}

run_record::run_record(const matrix& all, const options& asked, std::string rule)
    : all_(all), asked_(asked), rule_(std::move(rule)), started_(utc("%Y-%m-%dT%H:%M:%SZ")) {
  const std::string stem = utc("%Y%m%dT%H%M%SZ") + "-" + host_name() + "-" + std::string(build_info::commit);
  std::error_code error;
  fs::create_directories(asked.results, error);
  if (error)
    throw usage_error(
        fmt::format("--results: cannot make the directory '{}': {}", asked.results.string(), error.message()));
  for (int i = 1;; ++i) {  // two runs may start in one second
    id_ = i == 1 ? stem : fmt::format("{}-{}", stem, i);
    directory_ = asked.results / id_;
    if (fs::create_directory(directory_, error)) break;
    if (error || i > 100)
      throw usage_error(fmt::format("--results: cannot make the directory '{}': {}", directory_.string(),
                                    error ? error.message() : "it exists already"));
  }
}

std::string run_record::text(const cell_list& list, bool complete, bool finished) const {
  const double confidence = reached_confidence(asked_.repetitions);
  const auto ms = [](auto time) { return std::chrono::duration<double, std::milli>(time).count(); };
  std::set<std::string> families;
  std::string cells;  // a line each: a run has hundreds
  for (const auto* one : list) {
    cells += (cells.empty() ? "\n  " : ",\n  ") + record::to_text(record::to_json(*one, 0.95));
    families.insert(one->family);
  }
  const ordered_json dirty = build_info::dirty ? ordered_json(*build_info::dirty) : ordered_json(nullptr);
  const auto of_run = [&](ordered_json list) {
    ordered_json kept = ordered_json::array();
    for (auto& one : list)
      if (families.contains(one.at("family").get<std::string>())) kept.push_back(std::move(one));
    return kept;
  };
  const ordered_json document{
      {"schema_version", record::schema_version},
      {"run",
       {{"id", id_},
        {"started", started_},
        {"finished", finished ? ordered_json(utc("%Y-%m-%dT%H:%M:%SZ")) : ordered_json(nullptr)},
        {"complete", complete},
        {"profile", asked_.profile},
        {"sampling_rule", rule_},
        {"commit", build_info::commit},
        {"dirty", dirty},
        {"version", build_info::version},
        {"compiler", build_info::compiler},
        {"flags", build_info::flags},
        {"command_line", asked_.command_line},
        {"repetitions", asked_.repetitions},
        {"window_ms", ms(asked_.window)},
        {"latency_window_ms", ms(asked_.latency_window)},
        {"confidence", confidence},
        {"placement", asked_.placement}}},
      {"environment", environment_},
      {"catalogue", of_run(catalogue_json(all_.catalogue()))},
      {"workloads", of_run(workloads_json(all_))},
      {"claims", of_run(claims_json(all_))}};
  std::string text = record::to_text(document, 1);
  text.erase(text.rfind("\n}"));
  return text + ",\n \"cells\": [" + cells + "\n ]\n}\n";
}

void run_record::write(const cell_list& cells, bool complete, bool finished) const {
  record::write_atomically(directory_ / "results.json", text(cells, complete, finished));
}

void run_record::write_google(const std::string& text) const {
  record::write_atomically(directory_ / "google_benchmark.json", text);
}

void run_record::make_latest() const {
  const fs::path link = asked_.results / "latest";
  const fs::path fresh = asked_.results / fmt::format(".latest.{}", ::getpid());
  std::error_code error;
  fs::remove(fresh, error);
  fs::create_directory_symlink(id_, fresh, error);
  if (!error) fs::rename(fresh, link, error);  // atomic: a reader sees the old link or the new one
  if (error) {
    std::error_code ignored;
    fs::remove(fresh, ignored);
    throw std::system_error(error, "cannot point '" + link.string() + "' to the new run");
  }
}

}  // namespace contend::bench
