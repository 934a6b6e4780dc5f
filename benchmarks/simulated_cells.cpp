// SPDX-License-Identifier: MIT
// Cells in virtual time, each in a process of its own: addresses and counts owe nothing to the cell before.
//
// clang-format off
// in:  {"greet": 1}                                             alone, or
//      {"machine": {…}, "threads": [1, 2, …], "weak": false}     first line
//      {"cell": "critical_section/mcs/…/threads:8", "seed": 0}   then one a line
// out: {"simulates": 1}                                         first line, or to a greeting alone {"refuses": "why"}
//      {"cell": …, "done": […], "failed": […], "window_ps": …, "counts": {…}, …}  or  {"cell": …, "caveat": …, "why": …}
// clang-format on
#include "simulated_cells.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "matrix.hpp"
#include "perf/coherence/attribution.hpp"
#include "perf/coherence/heap.hpp"
#include "perf/coherence/machine_file.hpp"
#include "perf/coherence/simulation.hpp"

namespace contend::bench {
namespace {

using coherence::picoseconds;
using nlohmann::ordered_json;

constexpr picoseconds us = 1'000'000;
constexpr picoseconds give_up = 1'000'000 * us;  // of a simulated second nothing came
constexpr std::size_t most_waits = 1U << 14;     // per thread: the first so many are looked at

constexpr unsigned most_lines = 4;  // of a cell, those that missed most

/// Where and how cells are simulated.
struct setting {
  coherence::machine machine;
  coherence::schedule_options schedule;
};

struct begun {
  std::vector<thread_counts> counts;
  picoseconds at = 0;
};

/// How much is simulated: a rule that knows only the simulation itself, so that every host stops at the same step.
/// It is enough after least_time with least_done operations, least_moves of each thread, and, if it is to be warm,
/// lines that nobody had touched before in one of `cold` operations at most: a buffer's first round would be taken for
/// all of them. After most_accesses it is enough with few_done operations and few_moves, warm or not; after
/// all_accesses, or most_time, whatever has come.
struct length {
  std::uint64_t least_done, few_done;    // operations of all threads
  std::uint64_t least_moves, few_moves;  // of each thread, steps that came to an end
  bool to_be_warm;
  std::uint64_t most_accesses, all_accesses;
  picoseconds least_time, most_time;
};
constexpr length warm_up{0, 0, 8, 1, true, 400'000, 1'000'000, 10 * us, 5'000 * us};
length measured_part(unsigned threads) {
  return {
      std::max<std::uint64_t>(3'000, 48 * threads), threads, 0, 0, false, 800'000, 10'000'000, 40 * us, 50'000 * us};
}

/// Sleeps in slices until it was long enough.
void wait_for(const length& enough, coherence::simulation& all, simulated_watch& watch) {
  constexpr std::uint64_t cold = 64;
  const auto moves = [](const simulated_thread& t) { return t.counts.done + t.counts.failed; };
  const picoseconds start = coherence::now();
  std::uint64_t accesses = 0, done_at_start = 0, done = 0, lines = 0;
  std::vector<std::uint64_t> moves_at_start;
  {
    const coherence::outside here;
    accesses = all.model().counts().accesses;
    for (const auto& t : watch.threads) {
      moves_at_start.push_back(moves(t));
      done_at_start += t.counts.done;
    }
    done = done_at_start;
  }
  for (picoseconds slice = 5 * us;; slice = std::max(slice, (coherence::now() - start) / 8)) {
    coherence::sleep_until(coherence::now() + slice);
    const coherence::outside here;
    const picoseconds gone = coherence::now() - start;
    const std::uint64_t done_before = std::exchange(done, 0);
    const std::uint64_t lines_before = std::exchange(lines, all.model().lines().size());
    std::uint64_t least = ~std::uint64_t{0};
    for (std::size_t i = 0; i < watch.threads.size(); ++i) {
      done += watch.threads[i].counts.done;
      least = std::min(least, moves(watch.threads[i]) - moves_at_start[i]);
    }
    const std::uint64_t seen = all.model().counts().accesses - accesses;
    const bool warm = !enough.to_be_warm || (lines - lines_before) * cold <= done - done_before;
    if (gone >= enough.most_time || seen >= enough.all_accesses) return;
    if (seen >= enough.most_accesses && done - done_at_start >= enough.few_done && least >= enough.few_moves) return;
    if (gone >= enough.least_time && done - done_at_start >= enough.least_done && least >= enough.least_moves && warm)
      return;
  }
}

ordered_json counts_json(const coherence::event_counts& c) {
  return {{"accesses", c.accesses},
          {"line_transfers", c.line_transfers},
          {"invalidations", c.invalidations},
          {"upgrades", c.upgrades},
          {"true_sharing", c.true_sharing},
          {"false_sharing", c.false_sharing},
          {"failed_cas", c.failed_cas},
          {"spins", c.spins},
          {"parks", c.parks}};
}

ordered_json waits_json(const simulated_watch& watch) {
  std::vector<std::uint64_t> all;
  for (const auto& t : watch.threads) all.insert(all.end(), t.waits_ns.begin(), t.waits_ns.end());
  if (all.empty()) return nullptr;
  std::sort(all.begin(), all.end());
  const auto rank = [&](std::size_t per_mille) {  // nearest rank
    return all[std::min(all.size() - 1, (all.size() * per_mille + 999) / 1000 - 1)];
  };
  return {rank(500), rank(990), rank(999), all.back()};
}

/// The worst lines, without the type of our probe in the names of steps, which is the apparatus's.
std::vector<coherence::line_report> lines_of(const coherence::cache_model& model) {
  constexpr std::string_view probe = "<simulated_probe>";
  auto lines = coherence::top_lines(model, most_lines);
  for (auto& line : lines)
    for (auto& site : line.sites)
      if (const auto at = site.function.find(probe); at != std::string::npos) site.function.erase(at, probe.size());
  return lines;
}

ordered_json simulate(const cell& what, const setting& how) {
  const auto state = what.make();
  simulated_watch watch;
  watch.threads.resize(what.threads);
  for (auto& t : watch.threads) t.waits_ns.reserve(most_waits);
  coherence::simulation all(how.machine, what.threads, how.schedule);
  begun at_begin;
  begun at_end;
  coherence::event_counts counts;
  const auto note = [&](begun& into) {
    into.at = coherence::now();
    for (const auto& t : watch.threads) into.counts.push_back(t.counts);
  };
  all.run([&](unsigned i) { state->run(i, watch); },
          [&] {
            wait_for(warm_up, all, watch);
            {
              const coherence::outside here;
              all.model().settle_all(coherence::now());
              all.model().reset_counts();
              note(at_begin);
              watch.measuring = true;
            }
            wait_for(measured_part(what.threads), all, watch);
            {
              const coherence::outside here;
              watch.measuring = false;
              note(at_end);
              all.model().settle_all(coherence::now());
              counts = all.model().counts();
              all.model().stop_counting();
              watch.over = true;
            }
            state->stop();
          },
          give_up);
  std::vector<thread_counts> totals;
  ordered_json done = ordered_json::array();
  ordered_json failed = ordered_json::array();
  for (std::size_t i = 0; i < watch.threads.size(); ++i) {
    totals.push_back(watch.threads[i].counts);
    done.push_back(at_end.counts[i].done - at_begin.counts[i].done);
    failed.push_back(at_end.counts[i].failed - at_begin.counts[i].failed);
  }
  if (const std::string wrong = state->check(totals); !wrong.empty())
    return {{"cell", what.name}, {"caveat", "check_failed"}, {"why", wrong}};
  ordered_json out{{"cell", what.name},
                   {"done", std::move(done)},
                   {"failed", std::move(failed)},
                   {"window_ps", at_end.at - at_begin.at},
                   {"counts", counts_json(counts)},
                   {"waits", waits_json(watch)}};
  if (const auto sum = total_done(at_end.counts) - total_done(at_begin.counts); sum > 0)
    out["lines"] = coherence::lines_json(lines_of(all.model()), static_cast<double>(sum));
  out["owners"] = watch.owners.all > 1 ? ordered_json{watch.owners.same, watch.owners.all} : ordered_json(nullptr);
  return out;
}

ordered_json answer(const cell& what, const setting& how) {
  try {
    return simulate(what, how);
  } catch (const coherence::stuck& error) {
    return {{"cell", what.name}, {"caveat", "timeout"}, {"why", error.what()}};
  } catch (const coherence::data_race& error) {
    return {{"cell", what.name}, {"caveat", "check_failed"}, {"why", error.what()}};
  } catch (const std::exception& error) {
    return {{"cell", what.name}, {"caveat", "crashed"}, {"why", std::string("the workload threw: ") + error.what()}};
  } catch (...) {
    return {{"cell", what.name}, {"caveat", "crashed"}, {"why", "the workload threw what is no std::exception"}};
  }
}

bool say(const ordered_json& message) {
  std::string text = message.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

/// Exit status of a child that said its answer: none that a workload is likely to leave with.
constexpr int answered = 89;

/// The cell in a child; its answer goes straight to standard output. Where it ends without one, this says so.
void simulate_apart(const cell& what, const setting& how) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) {
    say({{"cell", what.name}, {"caveat", "crashed"}, {"why", "no process for it: fork failed"}});
    return;
  }
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    try {
      coherence::at_fixed_addresses([&] { ::_exit(say(answer(what, how)) ? answered : 1); });
    } catch (...) {
    }
    ::_exit(1);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == answered) return;
  if (!WIFSIGNALED(status))
    say({{"cell", what.name},
         {"caveat", "crashed"},
         {"why",
          "the simulation ended with exit status " + std::to_string(WEXITSTATUS(status)) + " before it answered"}});
  else
    say({{"cell", what.name},
         {"caveat", "crashed"},
         {"why", std::string("the simulation died of signal ") + std::to_string(WTERMSIG(status)) + " (" +
                     ::strsignal(WTERMSIG(status)) + ")"}});
}

/// Whether the accesses of the program's own source come to the simulation.
bool sees(access_probe probe) {
  unsigned atomic_word = 0;
  volatile unsigned plain_word = 0;
  std::uint64_t seen = 0;
  coherence::simulation all(coherence::load_machine("zen4"), 1);
  all.run(
      [&](unsigned) {
        const auto accesses = [&] {
          const coherence::outside here;
          return all.model().counts().accesses;
        };
        const std::uint64_t before = accesses();
        probe(&atomic_word, &plain_word);
        seen = accesses() - before;
      },
      {}, give_up);
  return seen >= 2 * probe_touches;
}

int greet(access_probe probe) {
  if (sees(probe))
    say({{"simulates", 1}});
  else
    say({{"refuses",
          "was not compiled for simulated threads: its accesses do not come to the simulation; give its target to "
          "contend_simulated() in CMake, as contend_add_bench() does, and link it without -fsanitize=thread"}});
  return 0;
}

int serve(const ordered_json& setup, void (*extend)(matrix&)) {
  setting how{coherence::parse_machine(setup.at("machine").dump(), "the machine that was sent"), {}};
  how.schedule.kind = coherence::schedule_kind::varied;
  matrix all(setup.at("threads").get<std::vector<unsigned>>());
  add_catalogue(all);
  if (extend != nullptr) extend(all);
  how.schedule.weak = setup.value("weak", false);
  how.schedule.lookahead = setup.value("lookahead", true);  // false: for a test that it changes nothing
  coherence::prepare_names();                               // here, once, not in every child
  if (!say({{"simulates", 1}})) return 0;
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto request = ordered_json::parse(line);
    const std::string name = request.at("cell").get<std::string>();
    how.schedule.seed = request.at("seed").get<std::uint64_t>();
    const cell* what = all.find(name);
    if (what == nullptr || !what->make)
      say({{"cell", name}, {"caveat", "not_applicable"}, {"why", "the simulating program does not have this cell"}});
    else
      simulate_apart(*what, how);
  }
  return 0;
}

}  // namespace

int serve_simulations(void (*extend)(matrix&), access_probe probe) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int one : {SIGINT, SIGTERM, SIGHUP}) std::signal(one, SIG_IGN);  // the measuring program decides
  std::string line;
  ordered_json setup;
  if (::isatty(0) == 0 && std::getline(std::cin, line)) setup = ordered_json::parse(line, nullptr, false);
  try {
    if (setup.is_object() && setup.contains("greet")) return greet(probe);
    if (!setup.is_object()) throw std::invalid_argument("no setup");
    return serve(setup, extend);
  } catch (const std::exception&) {
    std::fprintf(stderr, "this program simulates cells for the one beside it; use contend simulate\n");
    return 2;
  }
}

}  // namespace contend::bench
