// SPDX-License-Identifier: MIT
// See calibrate.hpp.
#include "perf/calibration/calibrate.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <map>
#include <optional>
#include <set>
#include <system_error>

#include "contend_build_info.hpp"
#include "perf/calibration/distances.hpp"
#include "perf/calibration/fit.hpp"
#include "perf/calibration/probes.hpp"
#include "perf/coherence/machine_file.hpp"
#include "perf/host/cpu.hpp"
#include "perf/host/environment.hpp"
#include "perf/host/text.hpp"
#include "perf/record/atomic_file.hpp"

namespace contend::calibration {
namespace {

using host::joined;
using json = nlohmann::ordered_json;
using steady = std::chrono::steady_clock;

constexpr unsigned most_rounds = 25;
constexpr unsigned least_rounds = 5;
constexpr unsigned pairs_per_reach = 6;
constexpr std::size_t most_threads = 8;
constexpr double moved = 2.5;  ///< most ÷ least of ping_pong above which its median means little

struct samples {
  std::map<std::string, std::vector<double>> of;
  std::map<std::string, std::string> why_not;

  /// Runs one probe, up to six times until it gives a sample; what keeps it from that is noted.
  template <class Probe>
  void take(const std::string& name, Probe probe) {
    for (unsigned attempt = 0; attempt < 6; ++attempt) {
      try {
        probe();
        return;
      } catch (const no_sample& why) {
        why_not[name] = why.what();
      }
    }
  }
  void add(const std::string& name, double ns) {
    if (std::isfinite(ns)) of[name].push_back(ns);
  }
  void add(const samples& others) {
    for (const auto& [name, all] : others.of) of[name].insert(of[name].end(), all.begin(), all.end());
  }
};

double middle_of(std::vector<double> all) {
  std::sort(all.begin(), all.end());
  return (all[(all.size() - 1) / 2] + all[all.size() / 2]) / 2;
}

reach reach_of(const host::processor& a, const host::processor& b) {
  if (a.socket != b.socket) return reach::remote;
  return a.l3 == b.l3 ? reach::near : reach::far;
}

/// Pairs at one distance: evenly chosen among all, so that the rounds see different ones.
std::vector<std::pair<int, int>> pairs_at(const std::vector<host::processor>& cores, reach how_far) {
  std::vector<std::pair<int, int>> all;
  for (std::size_t a = 0; a < cores.size(); ++a)
    for (std::size_t b = a + 1; b < cores.size(); ++b)
      if (reach_of(cores[a], cores[b]) == how_far) all.emplace_back(cores[a].cpu, cores[b].cpu);
  if (all.size() <= pairs_per_reach) return all;
  std::vector<std::pair<int, int>> some;
  for (std::size_t k = 0; k < pairs_per_reach; ++k) some.push_back(all[k * all.size() / pairs_per_reach]);
  return some;
}

void one_thread(samples& all, int cpu, std::optional<memory_chain>& chain) {
  const auto take = [&](const char* name, double (*probe)()) { all.take(name, [&] { all.add(name, probe()); }); };
  all.take("load", [&] {
    const pinned here(cpu);
    take("load", load_ns);
    take("store", store_ns);
    take("rmw", rmw_ns);
    take("rmw_among_hits", rmw_among_hits_ns);
    take("fence", fence_ns);
    take("pause", pause_ns);
    take("mutex", mutex_ns);
    take("system_call", system_call_ns);
    take("futex", futex_ns);
    if (chain) all.add("memory", chain->sample_ns());
  });
  all.take("block", [&] {
    const double hand_over = same_processor_hand_over_ns(cpu);
    if (const auto calls = all.of.find("futex"); calls != all.of.end())
      all.add("block", std::max(0.0, hand_over - 2 * calls->second.back()));
  });
}

void two_threads(samples& all, std::pair<int, int> cpus, reach how_far) {
  const int one = cpus.first, other = cpus.second;
  const auto name = [&](const char* probe) { return joined({probe, ".", name_of(how_far)}); };
  const auto take = [&](const char* probe, double (*body)(int, int)) {
    all.take(name(probe), [&] { all.add(name(probe), body(one, other)); });
  };
  take("ping_pong", ping_pong_ns);
  take("cas_hand_over", cas_hand_over_ns);
  take("false_sharing", false_sharing_ns);
  all.take(name("write_to_reader"), [&] {
    const auto both = write_and_read_ns(one, other);
    all.add(name("write_to_reader"), both.write_ns);
    all.add(name("read_of_written"), both.read_ns);
  });
  all.take(name("contended_add") + ".2", [&] {
    const int two[] = {one, other};
    all.add(name("contended_add") + ".2", contended_add_ns(two));
  });
  if (how_far != reach::near) return;
  all.take("wake_call", [&] {
    const auto woken = wake_ns(one, other);
    all.add("wake_call", woken.call_ns);
    all.add("wake_latency", std::max(0.0, woken.latency_ns));
  });
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts));
}

std::string plain(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", std::abs(value) < 10 ? 2 : std::abs(value) < 1000 ? 1 : 0, value);
  return text;
}

double seconds_since(steady::time_point start) { return std::chrono::duration<double>(steady::now() - start).count(); }

struct outcome_of_run {
  json calibration;
  std::filesystem::path file;
  double took_s;
};

void print_table(const outcome_of_run& all) {
  std::printf("%-24s %10s %22s %10s %9s\n", "probe", "ns", "least to most", "model", "residual");
  for (const auto& [name, one] : all.calibration["probes"].items()) {
    if (one["ns"].is_null()) {
      std::printf("%-24s %10s  %s\n", name.c_str(), "not taken", one["why"].get<std::string>().c_str());
      continue;
    }
    const std::string spread = plain(one["low"].get<double>()) + " to " + plain(one["high"].get<double>());
    std::printf("%-24s %10s %22s", name.c_str(), plain(one["ns"].get<double>()).c_str(), spread.c_str());
    if (one.contains("model_ns"))
      std::printf(" %10s %+8.0f%%", plain(one["model_ns"].get<double>()).c_str(), 100 * one["residual"].get<double>());
    std::printf("\n");
  }
  for (const auto& caveat : all.calibration["caveats"]) std::printf("%s\n", caveat.get<std::string>().c_str());
  std::printf("%s written in %.1f s\n", all.file.c_str(), all.took_s);
}

}  // namespace

host_facts facts_of(const host::topology& machine) {
  host_facts out;
  const auto cores = cores_of(machine);
  std::map<int, unsigned> per_cluster;
  std::map<int, std::set<int>> per_socket;
  for (const auto& one : cores) {
    ++per_cluster[one.l3];
    per_socket[one.socket].insert(one.l3);
  }
  out.processors = static_cast<unsigned>(machine.available.size());
  for (const auto& [l3, n] : per_cluster) out.cores_per_cluster = std::max(out.cores_per_cluster, n);
  for (const auto& [socket, l3s] : per_socket)
    out.clusters_per_socket = std::max(out.clusters_per_socket, static_cast<unsigned>(l3s.size()));
  for (const auto& cache : machine.caches)
    if (cache.level == 1 && cache.kind == 'd' && cache.line_bytes != 0) out.line_size = cache.line_bytes;
  return out;
}

figures measure(const host::topology& machine, const say& progress, std::chrono::milliseconds budget) {
  const auto end = steady::now() + budget;
  const auto cores = cores_of(machine);
  samples all;
  std::optional<memory_chain> chain;
  progress("memory");
  all.take("memory", [&] { chain.emplace(); });
  constexpr reach reaches[] = {reach::near, reach::far, reach::remote};
  std::map<reach, std::vector<std::pair<int, int>>> pairs;
  for (const auto how_far : reaches) pairs[how_far] = pairs_at(cores, how_far);
  std::vector<int> cluster;
  for (const auto& one : cores)
    if (one.l3 == cores.front().l3 && cluster.size() < most_threads) cluster.push_back(one.cpu);

  distances apart_by(cores);
  for (unsigned round = 0; round < most_rounds; ++round) {
    if (round >= least_rounds && steady::now() >= end) break;
    progress(joined({"round ", std::to_string(round + 1), " of ", std::to_string(most_rounds)}).c_str());
    one_thread(all, cores[round % cores.size()].cpu, chain);
    for (const auto how_far : reaches) {
      const auto& some = pairs[how_far];
      if (some.empty()) continue;
      auto cpus = some[round % some.size()];
      if (round % 2 == 1) std::swap(cpus.first, cpus.second);
      const auto before = apart_by.now(cpus.first, cpus.second, how_far);
      if (!before) continue;
      samples these;
      two_threads(these, cpus, *before);
      all.why_not.insert(these.why_not.begin(), these.why_not.end());
      if (apart_by.now(cpus.first, cpus.second, how_far) == before) all.add(these);  // else they moved meanwhile
    }
    for (std::size_t n = 3; n <= cluster.size();
         n = n == cluster.size() ? n + 1 : std::min(2 * n - 2, cluster.size())) {
      const auto name = joined({"contended_add.near.", std::to_string(n)});
      if (!apart_by.together(cluster, n)) {
        all.why_not[name] = "the processors were never in one cluster all together";
        continue;
      }
      all.take(name, [&] { all.add(name, contended_add_ns({cluster.data(), n})); });
    }
  }

  figures out;
  for (const auto& [name, of] : all.of) {
    if (of.empty()) continue;
    const auto [low, high] = std::minmax_element(of.begin(), of.end());
    out[name] = {middle_of(of), *low, *high, static_cast<unsigned>(of.size()), ""};
  }
  for (const auto& [name, why] : all.why_not)
    if (!out.contains(name)) out[name].why_not = why;
  for (const auto how_far : reaches) {
    if (!pairs[how_far].empty()) continue;
    std::string why = "this process may use one core only";
    if (cores.size() > 1)
      why = how_far == reach::near  ? "no two cores share a last-level cache"
            : how_far == reach::far ? "no two cores of a socket have last-level caches of their own"
                                    : "there is one socket";
    for (const char* probe : {"ping_pong", "cas_hand_over", "false_sharing", "write_to_reader", "read_of_written"})
      if (auto& one = out[joined({probe, ".", name_of(how_far)})]; !one.median) one.why_not = why;
    if (how_far == reach::near) out["wake_call"].why_not = out["wake_latency"].why_not = why;
  }
  return out;
}

json calibration_json(const figures& found, const host_facts& host, const coherence::machine& fitted) {
  json out;
  unsigned rounds = 0;
  for (const auto& [name, one] : found) rounds = std::max(rounds, one.rounds);
  out["program"] = {{"version", build_info::version}, {"commit", build_info::commit}};
  out["rounds"] = rounds;
  out["virtual_machine"] = host.virtual_machine ? json(*host.virtual_machine) : json();
  out["caveats"] = json::array();
  if (host.virtual_machine.value_or(false))
    out["caveats"].push_back(
        "This is a virtual machine: its processors may move at any time and these figures with them, which processors "
        "share a cache is what the hypervisor says, and waking one that is idle goes through the hypervisor. Calibrate "
        "in the same minutes in which you compare.");
  for (const char* how_far : {"near", "far", "remote"}) {
    const auto at = found.find(joined({"ping_pong.", how_far}));
    if (at == found.end() || !at->second.median || at->second.high <= moved * at->second.low) continue;
    out["caveats"].push_back(
        joined({"Cores that are ", how_far, " were ", plain(at->second.low), " to ", plain(at->second.high),
                " ns apart, pairs and rounds taken together: they moved meanwhile, or share less "
                "than the machine says. The medians stand for none of them; calibrate again."}));
  }
  json& probes = out["probes"] = json::object();
  for (const auto& [name, one] : found) {
    json& entry = probes[name];
    if (!one.median) {
      entry = {{"ns", nullptr}, {"why", one.why_not}};
      continue;
    }
    entry = {{"ns", *one.median}, {"low", one.low}, {"high", one.high}, {"rounds", one.rounds}};
    if (const auto model = predicted(name, fitted)) {
      entry["model_ns"] = *model;
      entry["residual"] = *one.median > 0 ? json(*model / *one.median - 1) : json();
    }
  }
  return out;
}

int run(const options& asked) try {
  const auto start = steady::now();
  const bool terminal = ::isatty(2) == 1;
  const auto show = [&](const char* part) {
    if (asked.quiet) return;
    std::fprintf(stderr, terminal ? "\r\033[Kcontend doctor: calibrating, %s" : "contend doctor: calibrating, %s\n",
                 part);
    std::fflush(stderr);
  };
  std::error_code error;
  std::filesystem::create_directories(asked.results, error);
  if (error || !std::filesystem::is_directory(asked.results))
    throw std::runtime_error(joined({"--results '", asked.results.string(), "' cannot be made a folder",
                                     error ? joined({": ", error.message()}) : std::string()}));
  const auto machine = host::read_topology();
  host_facts known = facts_of(machine);
  const host::environment around({}, std::chrono::milliseconds(0));
  const auto& block = around.block();
  if (block.contains("cpu") && block["cpu"].value("model", nlohmann::json()).is_string())
    known.cpu = block["cpu"]["model"].get<std::string>();
  if (block.contains("cpu") && block["cpu"].value("vendor", nlohmann::json()).is_string())
    known.amd = block["cpu"]["vendor"] == "AuthenticAMD" || block["cpu"]["vendor"] == "AMD";
  if (block.contains("system") && block["system"].value("virtual_machine", nlohmann::json()).is_boolean())
    known.virtual_machine = block["system"]["virtual_machine"].get<bool>();
  const figures found = measure(machine, show);
  if (!asked.quiet && terminal) std::fprintf(stderr, "\r\033[K");
  coherence::machine fitted = fit(found, known, coherence::load_machine("zen4"));
  outcome_of_run all;
  all.calibration = {{"taken", utc_now()}, {"took_s", seconds_since(start)}};
  all.calibration.update(calibration_json(found, known, fitted));
  all.took_s = seconds_since(start);
  all.file = asked.results / "local.json";
  fitted.calibration = all.calibration.dump();
  record::write_atomically(all.file,
                           coherence::machine_json(fitted).dump(2, ' ', false, json::error_handler_t::replace) + "\n");
  (void)coherence::load_machine("local", asked.results);  // what is written can be read

  if (asked.json) {
    json missing = json::object();
    double worst = 0;
    for (const auto& [name, one] : all.calibration["probes"].items()) {
      if (one["ns"].is_null()) missing[name] = one["why"];
      if (one.contains("residual") && one["residual"].is_number())
        worst = std::max(worst, std::abs(one["residual"].get<double>()));
    }
    const json out{{"machine", all.file.string()},
                   {"took_s", all.took_s},
                   {"rounds", all.calibration["rounds"]},
                   {"worst_residual", worst},
                   {"not_measured", missing}};
    std::printf("%s\n", out.dump(2).c_str());
  } else if (asked.table) {
    print_table(all);
  }
  if (std::fflush(stdout) == 0) return 0;
  std::fprintf(stderr, "contend doctor: cannot write to standard output\n");
  return 2;
} catch (const std::exception& wrong) {
  std::fprintf(stderr, "contend doctor: %s\n", wrong.what());
  return 2;
}

}  // namespace contend::calibration
