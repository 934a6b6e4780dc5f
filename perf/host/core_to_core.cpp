// SPDX-License-Identifier: MIT
// The ping-pong that measures one pair, the round over all pairs, and the comparison of two matrices.
#include "perf/host/core_to_core.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <memory>
#include <system_error>
#include <thread>

#include "perf/host/text.hpp"

namespace contend::host {
namespace {

using json = nlohmann::json;
using steady = std::chrono::steady_clock;

constexpr unsigned visits = 5;
constexpr unsigned bursts = 3;
constexpr std::uint32_t round_trips = 500;
constexpr std::chrono::milliseconds burst_limit{50};

/// Pins the calling thread. False when the kernel refuses: the processor is offline, or not in our cpuset.
bool pin_to(int cpu) {
  const auto count = static_cast<std::size_t>(cpu) + 1;
  const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(count), [](cpu_set_t* one) { CPU_FREE(one); });
  if (!set) return false;
  const std::size_t bytes = CPU_ALLOC_SIZE(count);
  CPU_ZERO_S(bytes, set.get());
  CPU_SET_S(static_cast<std::size_t>(cpu), bytes, set.get());
  return ::sched_setaffinity(0, bytes, set.get()) == 0;
}

/// What two threads of one visit share. The line that travels has its neighbours to itself, so that neither the other
/// fields nor a prefetcher of line pairs disturb it.
///
/// | ball          | meaning                    | who changes it                |
/// |---------------|----------------------------|-------------------------------|
/// | 2k            | the server may send        | the returner, from 2k−1       |
/// | 2k+1          | the returner may answer    | the server, from 2k           |
struct court {
  alignas(256) std::atomic<std::uint32_t> ball{0};
  alignas(256) std::atomic<bool> abandoned{false};  ///< one side gave up; set once, by either
  std::atomic<unsigned> pinned{0};                  ///< sides that run where they should
  steady::time_point deadline;
};

/// Waits until `word` is `value`. False once the visit is abandoned, which this thread does when the deadline is over.
template <class T>
bool await(court& shared, const std::atomic<T>& word, T value) {
  for (std::uint32_t turn = 1;; ++turn) {
    // Relaxed, here and below: nothing but the word itself is handed over. Results travel through join().
    if (word.load(std::memory_order_relaxed) == value) return true;
    if (turn % 1024 != 0) continue;
    if (shared.abandoned.load(std::memory_order_relaxed)) return false;
    if (steady::now() > shared.deadline) {
      shared.abandoned.store(true, std::memory_order_relaxed);
      return false;
    }
  }
}

bool take_position(court& shared, int cpu) {
  if (!pin_to(cpu)) {
    shared.abandoned.store(true, std::memory_order_relaxed);
    return false;
  }
  shared.pinned.fetch_add(1, std::memory_order_relaxed);
  return await(shared, shared.pinned, 2U);
}

void return_balls(court& shared, int cpu) {
  if (!take_position(shared, cpu)) return;
  constexpr std::uint32_t last = 2 * round_trips * (bursts + 1);
  for (std::uint32_t ball = 1; ball < last; ball += 2) {
    if (!await(shared, shared.ball, ball)) return;
    shared.ball.store(ball + 1, std::memory_order_relaxed);
  }
}

void serve(court& shared, int cpu, std::vector<double>& one_way_ns) {
  if (!take_position(shared, cpu)) return;
  std::uint32_t ball = 0;
  for (unsigned burst = 0; burst <= bursts; ++burst) {
    const auto start = steady::now();
    for (std::uint32_t trip = 0; trip < round_trips; ++trip, ball += 2) {
      shared.ball.store(ball + 1, std::memory_order_relaxed);
      if (!await(shared, shared.ball, ball + 2)) return;
    }
    const std::chrono::duration<double, std::nano> took = steady::now() - start;
    // Taken offline meanwhile, the kernel has moved us. The first burst warms up the clock, the caches and the core.
    if (::sched_getcpu() != cpu) return;
    if (burst > 0) one_way_ns.push_back(took.count() / (2.0 * round_trips));
  }
}

/// One visit to a pair; adds its bursts to `one_way_ns`, none if it was abandoned early.
void visit(int server, int returner, steady::time_point deadline, std::vector<double>& one_way_ns) {
  const auto shared = std::make_unique<court>();
  shared->deadline = deadline;
  std::thread first, second;
  try {
    first = std::thread(return_balls, std::ref(*shared), returner);
    second = std::thread(serve, std::ref(*shared), server, std::ref(one_way_ns));
  } catch (const std::system_error&) {  // no more threads: this visit counts for nothing
    shared->abandoned.store(true, std::memory_order_relaxed);
  }
  if (first.joinable()) first.join();
  if (second.joinable()) second.join();
}

std::optional<double> middle(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

std::vector<int> distinct(std::span<const int> cpus) {
  std::vector<int> result;
  for (const int cpu : cpus)
    if (cpu >= 0 && std::find(result.begin(), result.end(), cpu) == result.end()) result.push_back(cpu);
  return result;
}

struct pair_bursts {
  std::size_t a, b;
  std::vector<double> one_way_ns;
};

/// Index of `cpu` in the matrix, or nothing.
std::optional<std::size_t> index_of(const latency_matrix& matrix, int cpu) {
  const auto found = std::find(matrix.cpus.begin(), matrix.cpus.end(), cpu);
  if (found == matrix.cpus.end()) return std::nullopt;
  return static_cast<std::size_t>(found - matrix.cpus.begin());
}

std::optional<double> latency(const latency_matrix& matrix, int a, int b) {
  const auto row = index_of(matrix, a), column = index_of(matrix, b);
  if (!row || !column) return std::nullopt;
  return matrix.ns[*row][*column];
}

std::string factor(double ratio) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", ratio);
  return text;
}

}  // namespace

std::chrono::milliseconds default_budget(std::size_t cpus) noexcept {
  const std::size_t pairs = cpus < 2 ? 0 : cpus * (cpus - 1) / 2;
  return std::chrono::milliseconds(std::min<std::size_t>(10'000, pairs * 500));
}

latency_matrix measure_core_to_core(std::span<const int> cpus, std::optional<std::chrono::milliseconds> budget) {
  latency_matrix matrix;
  matrix.cpus = distinct(cpus);
  const std::size_t n = matrix.cpus.size();
  if (n < 2) return {};
  matrix.ns.assign(n, std::vector<std::optional<double>>(n));

  std::vector<pair_bursts> pairs;
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t b = a + 1; b < n; ++b) pairs.push_back({a, b, {}});
  const auto end = steady::now() + budget.value_or(default_budget(n));
  for (unsigned round = 0; round < visits; ++round) {
    for (pair_bursts& pair : pairs) {
      const auto now = steady::now();
      if (now >= end) break;
      const int one = matrix.cpus[pair.a], other = matrix.cpus[pair.b];
      visit(round % 2 == 0 ? one : other, round % 2 == 0 ? other : one, std::min(end, now + burst_limit),
            pair.one_way_ns);
    }
  }
  for (pair_bursts& pair : pairs) {
    matrix.ns[pair.a][pair.b] = matrix.ns[pair.b][pair.a] = middle(std::move(pair.one_way_ns));
    matrix.absent_pairs += !matrix.ns[pair.a][pair.b];
  }
  return matrix;
}

representatives core_to_core_cpus(const topology& machine, std::size_t limit) {
  assert(limit >= 2);
  representatives chosen;
  if (machine.available.size() <= limit) {
    for (const processor& one : machine.available) chosen.cpus.push_back(one.cpu);
    return chosen;
  }
  const std::vector<int> compact = placement_order(placement::compact, machine);
  const auto find = [&](int cpu) {
    return *std::find_if(machine.available.begin(), machine.available.end(),
                         [&](const processor& one) { return one.cpu == cpu; });
  };
  const processor first = find(compact.front());
  chosen.cpus.push_back(first.cpu);
  for (const processor& one : machine.available)
    if (one.core == first.core && one.cpu != first.cpu && chosen.cpus.size() == 1) chosen.cpus.push_back(one.cpu);
  if (chosen.cpus.size() < limit) chosen.cpus.push_back(compact[1]);  // the same L3 group, if that has a second core
  for (const int cpu : placement_order(placement::spread, machine))
    if (chosen.cpus.size() < limit) {
      chosen.cpus.push_back(cpu);
      chosen.cpus = distinct(chosen.cpus);
    }
  std::sort(chosen.cpus.begin(), chosen.cpus.end());
  chosen.note = joined({std::to_string(chosen.cpus.size()), " of ", std::to_string(machine.available.size()),
                        " processors: two siblings or neighbours in one L3 group, the others as far apart as can be."});
  return chosen;
}

std::optional<latency_drift> drift(const latency_matrix& earlier, const latency_matrix& later) {
  latency_drift result{1, 1, -1, 0, false, ""};
  std::vector<double> logs;
  double worst = -1;
  for (std::size_t a = 0; a < earlier.cpus.size(); ++a) {
    std::vector<double> changes;
    for (std::size_t b = 0; b < earlier.cpus.size(); ++b) {
      const auto before = earlier.ns[a][b];
      const auto after = latency(later, earlier.cpus[a], earlier.cpus[b]);
      if (a == b || !before || !after || !(*before > 0) || !(*after > 0)) continue;
      const double change = std::log(*after / *before);
      if (a < b) logs.push_back(change);
      changes.push_back(std::abs(change));
    }
    const auto typical = middle(std::move(changes));
    if (typical && *typical > worst) {
      worst = *typical;
      result.worst_cpu = earlier.cpus[a];
    }
  }
  if (logs.empty()) return std::nullopt;
  result.pairs = logs.size();
  result.ratio = std::exp(*middle(std::move(logs)));
  result.worst_ratio = std::exp(worst);
  result.drifted = result.worst_ratio > drift_threshold;
  if (result.drifted)
    result.sentence =
        joined({"Between the start and the end of the run the latency between processor ",
                std::to_string(result.worst_cpu), " and the others changed by a factor of ", factor(result.worst_ratio),
                ": a virtual processor moved or the clock changed. Trust ratios of cells measured side "
                "by side, not absolute numbers, or repeat the run."});
  return result;
}

json core_to_core_json(const latency_matrix& start, const std::optional<latency_matrix>& end, const std::string& note) {
  if (start.empty()) return {};
  const auto rows = [&](const latency_matrix& matrix) {
    json table = json::array();
    for (const int a : start.cpus) {
      json row = json::array();
      for (const int b : start.cpus) {
        const auto ns = latency(matrix, a, b);
        row.push_back(ns ? json(*ns) : json());
      }
      table.push_back(row);
    }
    return table;
  };
  return {{"cpus", start.cpus},
          {"start_ns", rows(start)},
          {"end_ns", end && !end->empty() ? rows(*end) : json()},
          {"note", note.empty() ? json() : json(note)}};
}

}  // namespace contend::host
