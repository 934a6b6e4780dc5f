// SPDX-License-Identifier: MIT
// See lens_coherence.hpp; the other end of the line is simulated_cells.cpp.
#include "lens_coherence.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <fstream>
#include <limits>
#include <map>
#include <memory>

#include "contend_build_info.hpp"
#include "perf/coherence/model_version.hpp"
#include "perf/record/statistics.hpp"
#include "progress.hpp"
#include "simulator.hpp"

namespace contend::bench {
namespace {

using nlohmann::ordered_json;
namespace fs = std::filesystem;

/// Key in the simulation's counts → metric.
constexpr std::array<std::pair<const char*, const char*>, 9> counted{{{"accesses", "accesses_per_op"},
                                                                      {"line_transfers", "line_transfers_per_op"},
                                                                      {"invalidations", "invalidations_per_op"},
                                                                      {"upgrades", "upgrades_per_op"},
                                                                      {"true_sharing", "true_sharing_per_op"},
                                                                      {"false_sharing", "false_sharing_per_op"},
                                                                      {"failed_cas", "failed_cas_per_op"},
                                                                      {"spins", "spins_per_op"},
                                                                      {"parks", "parks_per_op"}}};
constexpr std::array<const char*, 4> waits{"latency_p50", "latency_p99", "latency_p999", "latency_max"};

}  // namespace

fs::path simulation_plan::program() {
  std::error_code error;
  fs::path self = fs::read_symlink("/proc/self/exe", error);
  return self.replace_filename(self.filename().string() + "-simulated");
}

simulation_plan::simulation_plan(const options& asked)
    : program_(program()), results_(asked.results), seed_(asked.seed), schedules_(asked.schedules), weak_(asked.weak) {
  const std::string name = !asked.machine.empty()                     ? asked.machine
                           : fs::exists(asked.results / "local.json") ? "local"
                                                                      : "zen4";
  try {
    machine_ = coherence::load_machine(name, asked.results);
  } catch (const coherence::bad_machine& wrong) {
    throw usage_error(fmt::format("--machine: {}", wrong.what()));
  }
  if (asked.line_size != 0) machine_.line_size = asked.line_size;
  for (const unsigned n : asked.threads)
    if (n > machine_.cores)
      throw usage_error(
          fmt::format("--threads: {} is no number of simulated threads; expected 1 to {}, the cores of '{}'", n,
                      machine_.cores, machine_.name));
  if (const std::string why = why_it_cannot_simulate(program_); !why.empty())
    throw usage_error((asked.verb == "contend simulate" ? "" : "--lens coherence: ") + why);
}

ordered_json simulation_plan::request(const std::vector<unsigned>& threads) const {
  return {{"machine", coherence::machine_json(machine_)}, {"threads", threads}, {"weak", weak_}};
}

std::string simulation_plan::calibrated() const {
  const auto probes = ordered_json::parse(machine_.calibration, nullptr, false);
  return probes.is_object() ? probes.value("taken", "") : "";
}

ordered_json simulation_plan::to_json() const {
  ordered_json out{{"machine", coherence::machine_json(machine_)},
                   {"line_size", machine_.line_size},
                   {"model_version", coherence::model_version},
                   {"seed", seed_ ? ordered_json(*seed_) : ordered_json(nullptr)},
                   {"schedules", schedules_},
                   {"weak", weak_},
                   {"compiler", build_info::compiler},
                   {"accesses", accesses},
                   {"seconds", seconds}};
  if (calibrated().empty()) return out;
  // What --validate found with this very calibration.
  std::ifstream file(results_ / "validation.json");
  auto found = ordered_json::parse(file, nullptr, false);
  if (found.is_object() && found.value("calibrated", "") == calibrated()) out["validation"] = std::move(found);
  return out;
}

coherence_results::coherence_results(const cell& what)
    : what_(what), record_(blank_record(what, "coherence", "compact", what.threads)) {
  for (const auto& [key, metric] : counted) record_.metrics[metric] = {"1", {}};
  for (const char* metric : waits) record_.metrics[metric] = {"ns", {}};
  record_.metrics["ns_per_op"] = record_.metrics["ns_per_op_thread"] = {"ns", {}};
  record_.metrics["throughput"] = {"1/s", {}};
  record_.metrics["failed_per_op"] = {"1", {}};
  record_.metrics["jain_fairness"] = record_.metrics["self_handoff"] = {"0-1", {}};
}

std::uint64_t coherence_results::add(const ordered_json& answer, const std::string& where) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  for (auto& [name, metric] : record_.metrics) metric.samples.push_back(none);
  std::uint64_t accesses = 0;
  try {
    accesses = take(answer, where);
  } catch (const ordered_json::exception& wrong) {
    for (auto& [name, metric] : record_.metrics) metric.samples.back() = none;
    add_caveat("crashed", fmt::format("{}the simulating program's answer was not understood: {}", where, wrong.what()));
  }
  ++schedules_;
  record_.rows.resize(schedules_);
  return accesses;
}

std::uint64_t coherence_results::take(const ordered_json& answer, const std::string& where) {
  if (const auto caveat = answer.find("caveat"); caveat != answer.end()) {
    add_caveat(caveat->get<std::string>(), where + answer.at("why").get<std::string>());
    return 0;
  }
  record::thread_rows rows;
  rows.operations = answer.at("done").get<std::vector<std::uint64_t>>();
  rows.failed = answer.at("failed").get<std::vector<std::uint64_t>>();
  double done = 0, failed = 0;
  std::vector<double> shares;
  for (std::size_t i = 0; i < rows.operations.size(); ++i) {
    rows.role.push_back(i < what_.roles.size() ? what_.roles[i] : "any");
    rows.cpu.push_back(static_cast<int>(i));
    shares.push_back(static_cast<double>(rows.operations[i]));
    done += shares.back();
    failed += static_cast<double>(rows.failed[i]);
  }
  const auto& counts = answer.at("counts");
  const auto accesses = counts.at("accesses").get<std::uint64_t>();
  if (done == 0) {
    add_caveat("not_counted", where + "no operation finished within the simulated window");
    return accesses;
  }
  measured_ = true;
  for (const auto& [key, metric] : counted) put(metric, counts.at(key).get<double>() / done);
  const double ns = answer.at("window_ps").get<double>() / 1000 / done;
  put("ns_per_op", ns);
  put("ns_per_op_thread", ns * static_cast<double>(what_.threads));
  put("throughput", 1e9 / ns);
  put("failed_per_op", failed / done);
  if (const auto jain = record::jain_index(within_roles(shares, rows.role))) put("jain_fairness", *jain);
  if (const auto& seen = answer.at("waits"); !seen.is_null())
    for (std::size_t i = 0; i < waits.size(); ++i) put(waits[i], seen[i].get<double>());
  if (const auto& owners = answer.at("owners"); what_.exclusive && !owners.is_null())
    put("self_handoff", owners[0].get<double>() / (owners[1].get<double>() - 1));
  if (const auto lines = answer.find("lines"); lines != answer.end() && record_.lines.is_null()) record_.lines = *lines;
  record_.rows.push_back(std::move(rows));
  return accesses;
}

void run_coherence_lens(simulation_plan& plan, const options& asked, const matrix& all, const selection& chosen,
                        std::vector<coherence_results>& results, const volatile int& interrupted,
                        const std::function<void()>& between) {
  const auto started = std::chrono::steady_clock::now();
  // The longest first, so that no process is left with one at the end.
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < chosen.cells.size(); ++i)
    if (chosen.cells[i].skipped.empty()) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return chosen.cells[a].what->threads > chosen.cells[b].what->threads;
  });
  const std::size_t schedules = plan.schedules();
  std::deque<std::size_t> waiting;  // task t: schedule t % schedules of the cell t / schedules
  for (const std::size_t i : order)
    for (std::size_t k = 0; k < schedules; ++k) waiting.push_back(i * schedules + k);
  progress_line progress(waiting.size(), order.size(), asked.quiet);
  const ordered_json setup = plan.request(all.thread_counts());
  std::vector<std::unique_ptr<simulator>> workers;
  for (std::size_t i = 0; i < std::min<std::size_t>(asked.jobs, waiting.size()); ++i)
    workers.push_back(std::make_unique<simulator>(plan.path(), setup.dump() + "\n", asked.simulation_limit));
  // A cell's answers are kept until all of its schedules have one: what is told does not depend on who was first.
  std::map<std::size_t, std::vector<ordered_json>> answers;
  std::size_t finished = 0;
  const auto finish = [&](std::size_t task, ordered_json answer) {
    const std::size_t i = task / schedules;
    auto& of_cell = answers[i];
    of_cell.resize(schedules);
    of_cell[task % schedules] = std::move(answer);
    if (std::none_of(of_cell.begin(), of_cell.end(), [](const auto& one) { return one.is_null(); })) {
      for (std::size_t k = 0; k < schedules; ++k)
        plan.accesses += results[i].add(of_cell[k], schedules > 1 ? fmt::format("with seed {}: ", plan.seed(k)) : "");
      answers.erase(i);
      ++finished;
    }
    progress.step(chosen.cells[i].what->name, finished);
    between();
  };
  const auto no_answer = [](const char* caveat, const std::string& why) {
    return ordered_json{{"caveat", caveat}, {"why", why}};
  };
  while (finished < order.size() && interrupted == 0) {
    std::vector<pollfd> polled;
    std::vector<simulator*> polled_workers;
    for (auto& worker : workers) {
      while (!worker->busy() && !waiting.empty()) {
        const std::size_t task = waiting.front();
        waiting.pop_front();
        std::string why;
        if (worker->ask(task, chosen.cells[task / schedules].what->name, plan.seed(task % schedules), why)) break;
        finish(task, no_answer("crashed", why));
      }
      if (!worker->busy()) continue;
      polled.push_back({worker->from(), POLLIN, 0});
      polled_workers.push_back(worker.get());
    }
    if (::poll(polled.data(), polled.size(), 200) < 0) continue;  // a signal
    for (std::size_t k = 0; k < polled.size(); ++k) {
      simulator& worker = *polled_workers[k];
      const std::size_t task = worker.task();
      std::optional<ordered_json> answer;
      if (polled[k].revents != 0 && !worker.read(answer)) {
        worker.end();
        finish(task, no_answer("crashed", "the simulating program left before it answered"));
      } else if (answer) {
        finish(task, std::move(*answer));
      } else if (worker.late()) {
        worker.end();
        finish(task, no_answer("timeout", fmt::format("the simulation did not end within {:g} s; it was stopped",
                                                      std::chrono::duration<double>(asked.simulation_limit).count())));
      }
    }
  }
  progress.end();
  plan.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

}  // namespace contend::bench
