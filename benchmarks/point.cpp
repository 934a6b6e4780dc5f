// SPDX-License-Identifier: MIT
// See point.hpp.
#include "point.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <map>

#include "cell_results.hpp"
#include "fingerprint.hpp"
#include "google_flags.hpp"
#include "perf/nearest.hpp"
#include "primitives/platform.hpp"
#include "trial.hpp"

namespace contend::bench {
namespace {

using nlohmann::ordered_json;

constexpr int no_number = 4;

std::string line_of(const ordered_json& object) {
  return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string last_words;  // what the process says when its time is up; a signal handler must not make it up

void give_up(int) {
  const char* text = last_words.data();
  for (std::size_t left = last_words.size(); left > 0;) {
    const ssize_t n = ::write(STDOUT_FILENO, text, left);
    if (n <= 0) break;
    text += n;
    left -= static_cast<std::size_t>(n);
  }
  ::_exit(no_number);
}

/// Ends the process after `time`; 0: not any more.
void end_after(std::chrono::microseconds time) {
  const itimerval once{.it_interval = {},
                       .it_value = {.tv_sec = static_cast<std::time_t>(time.count() / 1'000'000),
                                    .tv_usec = static_cast<suseconds_t>(time.count() % 1'000'000)}};
  ::setitimer(ITIMER_REAL, &once, nullptr);
}

ordered_json without_number(ordered_json about, const std::string& caveat, const std::string& sentence) {
  about["caveat"] = caveat;
  about["sentence"] = sentence;
  return about;
}

ordered_json measured(const cell& what, const options& asked, const host::topology& machine, unsigned processors) {
  ordered_json about{{"cell", what.name}, {"family", what.family}, {"placement", asked.placement}};
  if (!what.not_applicable.empty()) return without_number(std::move(about), "not_applicable", what.not_applicable);
  if (const auto reason = collapses(what, processors); !reason.empty() && !asked.oversubscribe_spinners)
    return without_number(std::move(about), "skipped", reason);
  last_words = line_of(without_number(
      about, "timeout",
      fmt::format("no end {} ms after the stop flag was raised; the process ended itself", asked.cell_limit.count())));
  struct sigaction at_the_end {};
  at_the_end.sa_handler = give_up;
  ::sigaction(SIGALRM, &at_the_end, nullptr);
  platform::calibrate_work();  // as a worker does
  team threads(host::placement_order(*host::parse_placement(asked.placement), machine));
  cell_results results(what, asked.placement, processors);
  ordered_json times = ordered_json::array();
  bool any = false;
  for (int i = 0; i < asked.trials; ++i) {
    trial_result trial;
    end_after(asked.window + asked.cell_limit);
    try {
      trial = threads.run(what, trial_kind::throughput, asked.window);
    } catch (const std::exception& thrown) {
      end_after({});
      return without_number(std::move(about), "crashed", std::string("the workload threw: ") + thrown.what());
    }
    end_after({});
    if (!trial.wrong.empty()) return without_number(std::move(about), "check_failed", trial.wrong);
    const auto ns_per_op = results.add_throughput(trial, {});
    times.push_back(ns_per_op ? ordered_json(*ns_per_op) : ordered_json(nullptr));
    any = any || ns_per_op.has_value();
  }
  if (!any) return without_number(std::move(about), "not_counted", results.to_record().caveats.at("not_counted"));
  about["ns_per_op"] = times;
  auto& failed = about["failed_per_op"] = ordered_json::array();
  for (const double one : results.to_record().metrics.at("failed_per_op").samples)
    failed.push_back(std::isnan(one) ? ordered_json(nullptr) : ordered_json(one));
  return about;
}

}  // namespace

unsigned threads_of(const std::string& cell_name) {
  constexpr std::string_view mark = "/threads:";
  const auto at = cell_name.rfind(mark);
  if (at == std::string::npos)
    throw usage_error("--point: '" + cell_name + "' is not a cell's name, which ends in /threads:n; see --list");
  return static_cast<unsigned>(number_in<long>("--point", cell_name.substr(at + mark.size()), 1,
                                               platform::max_threads / 2, "a thread count after /threads:"));
}

int measure_point(const matrix& all, const options& asked, const host::topology& machine, unsigned processors) {
  const cell* what = all.find(*asked.point);
  if (what == nullptr) {
    std::vector<std::string> names;
    for (const auto& c : all.cells()) names.push_back(c.name);
    const auto near = nearest(*asked.point, names);
    throw usage_error(
        fmt::format("--point: '{}' does not exist; {}", *asked.point,
                    near.empty() ? "--list shows all names" : fmt::format("did you mean {}?", fmt::join(near, ", "))));
  }
  const ordered_json found = measured(*what, asked, machine, processors);
  std::fputs(line_of(found).c_str(), stdout);
  if (std::fflush(stdout) != 0) throw std::runtime_error("--point: what was measured could not be written");
  return found.contains("ns_per_op") ? 0 : no_number;
}

ordered_json cells_to_json(const matrix& all, const selection& chosen, const options& asked, unsigned processors) {
  std::map<std::pair<std::string, std::string>, ordered_json> sources;
  for (const auto& entry : all.workloads()) {
    const fingerprint source = fingerprint_of(entry.facts.file, entry.own);
    sources[{std::string(entry.facts.family), std::string(entry.facts.name)}] =
        source.reason.empty() ? ordered_json(source.digest) : ordered_json(nullptr);
  }

  const auto part = [](quick_part quick) {
    switch (quick) {
      case quick_part::none:
        return "none";
      case quick_part::ends:
        return "ends";
      case quick_part::whole:
        return "whole";
      case quick_part::main:
        return "main";
    }
    return "";
  };
  ordered_json cells = ordered_json::array();
  for (const auto& [c, skipped] : chosen.cells) {
    ordered_json params = ordered_json::object();
    for (const auto& [name, value] : c->params) std::visit([&, &key = name](const auto& v) { params[key] = v; }, value);
    cells.push_back({{"name", c->name},
                     {"skipped", skipped.empty() ? ordered_json(nullptr) : ordered_json(skipped)},
                     {"family", c->family},
                     {"workload", c->workload},
                     {"primitive", c->about.name},
                     {"params", params},
                     {"threads", c->threads},
                     {"placement", asked.placement},
                     {"fingerprint", sources.at({c->family, c->workload})},
                     {"quick", part(c->quick)},
                     {"applicable", c->not_applicable.empty()},
                     {"oversubscribed", c->threads > processors}});
  }
  return cells;
}

}  // namespace contend::bench
