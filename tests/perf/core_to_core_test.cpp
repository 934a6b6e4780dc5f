// SPDX-License-Identifier: MIT
// The core-to-core matrix: its shape here, its end under every disturbance, and the drift between two of them.
#include "perf/host/core_to_core.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace contend::host {
namespace {

using cpus = std::vector<int>;
constexpr int no_such_cpu = 4000;

cpus available() { return core_to_core_cpus(read_topology(), 4).cpus; }

#define SKIP_ON_ONE_PROCESSOR() \
  if (available().size() < 2) GTEST_SKIP() << "only one processor is available: there is no pair to measure"

void expect_well_formed(const latency_matrix& matrix) {
  ASSERT_EQ(matrix.ns.size(), matrix.cpus.size());
  for (std::size_t a = 0; a < matrix.cpus.size(); ++a) {
    ASSERT_EQ(matrix.ns[a].size(), matrix.cpus.size());
    EXPECT_FALSE(matrix.ns[a][a]);
    for (std::size_t b = 0; b < matrix.cpus.size(); ++b) EXPECT_EQ(matrix.ns[a][b], matrix.ns[b][a]);
  }
}

TEST(core_to_core, measures_every_pair_of_this_machine) {
  SKIP_ON_ONE_PROCESSOR();
  const std::size_t n = available().size();
  std::set<std::pair<std::size_t, std::size_t>> measured;
  // A loaded machine may leave a pair no quiet moment: every pair is measured once, whenever that is.
  for (int attempt = 0; attempt < 60 && measured.size() < n * (n - 1) / 2; ++attempt) {
    const latency_matrix matrix = measure_core_to_core(available());
    expect_well_formed(matrix);
    ASSERT_EQ(matrix.cpus, available());
    std::size_t absent = 0;
    for (std::size_t a = 0; a < n; ++a)
      for (std::size_t b = 0; b < a; ++b) {
        absent += !matrix.ns[a][b];
        if (!matrix.ns[a][b]) continue;
        measured.emplace(a, b);
        EXPECT_TRUE(std::isfinite(*matrix.ns[a][b]));
        EXPECT_GT(*matrix.ns[a][b], 0.5) << "faster than a processor's own store buffer";
      }
    EXPECT_EQ(matrix.absent_pairs, absent);
  }
  EXPECT_EQ(measured.size(), n * (n - 1) / 2);
}

TEST(core_to_core, one_processor_or_none_is_the_empty_matrix) {
  EXPECT_TRUE(measure_core_to_core(cpus{}).empty());
  EXPECT_TRUE(measure_core_to_core(cpus{0}).empty());
  EXPECT_TRUE(measure_core_to_core(cpus{0, 0, 0}).empty());
  EXPECT_TRUE(core_to_core_json(latency_matrix{}).is_null());
}

TEST(core_to_core, a_processor_that_is_not_there_costs_its_pairs_alone) {
  SKIP_ON_ONE_PROCESSOR();
  const cpus here = available();
  const latency_matrix matrix = measure_core_to_core(cpus{here[0], no_such_cpu, here[1], -3});
  expect_well_formed(matrix);
  ASSERT_EQ(matrix.cpus, (cpus{here[0], no_such_cpu, here[1]}));
  EXPECT_FALSE(matrix.ns[0][1]);
  EXPECT_FALSE(matrix.ns[1][2]);
  EXPECT_GE(matrix.absent_pairs, 2U);
}

TEST(core_to_core, leaves_the_callers_affinity_alone) {
  SKIP_ON_ONE_PROCESSOR();
  cpu_set_t before, after;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  (void)measure_core_to_core(available(), std::chrono::milliseconds(20));
  ASSERT_EQ(::sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

// That it returns at all is what can fail here: the spinners share every processor with the ping-pong.
TEST(core_to_core, ends_when_the_processors_are_oversubscribed) {
  SKIP_ON_ONE_PROCESSOR();
  std::atomic<bool> stop{false};
  std::vector<std::thread> spinners;
  for (std::size_t i = 0; i < 3 * available().size(); ++i)
    spinners.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) {
      }
    });
  const latency_matrix matrix = measure_core_to_core(available(), std::chrono::milliseconds(300));
  stop.store(true, std::memory_order_relaxed);
  for (std::thread& spinner : spinners) spinner.join();
  expect_well_formed(matrix);
}

TEST(core_to_core, without_time_nothing_is_measured) {
  SKIP_ON_ONE_PROCESSOR();
  const latency_matrix matrix = measure_core_to_core(available(), std::chrono::milliseconds(0));
  expect_well_formed(matrix);
  EXPECT_EQ(matrix.absent_pairs, matrix.cpus.size() * (matrix.cpus.size() - 1) / 2);
}

TEST(core_to_core, budgets) {
  EXPECT_EQ(default_budget(1).count(), 0);
  EXPECT_EQ(default_budget(4).count(), 3000);
  EXPECT_EQ(default_budget(16).count(), 10000);
}

TEST(representatives, are_all_of_a_small_machine) {
  const representatives chosen = core_to_core_cpus(synthetic_topology("pack:2 l3:2 core:2 pu:2"));
  EXPECT_EQ(chosen.cpus.size(), 16U);
  EXPECT_EQ(chosen.note, "");
}

TEST(representatives, of_a_large_machine_have_every_kind_of_distance) {
  const topology machine = synthetic_topology("pack:2 l3:8 core:8 pu:2");  // 256; core c has 2c and 2c+1
  const representatives chosen = core_to_core_cpus(machine);
  EXPECT_EQ(chosen.cpus.size(), 16U);
  const std::set<int> set(chosen.cpus.begin(), chosen.cpus.end());
  EXPECT_EQ(set.size(), 16U);
  EXPECT_TRUE(set.contains(0) && set.contains(1)) << "siblings";
  EXPECT_TRUE(set.contains(2)) << "another core of the same L3";
  EXPECT_TRUE(set.contains(16)) << "another L3 of the same socket";
  EXPECT_TRUE(set.contains(128)) << "the other socket";
  EXPECT_EQ(chosen.note.rfind("16 of 256 processors", 0), 0U);
}

/// All pairs `ns` apart.
latency_matrix uniform(const cpus& list, double ns) {
  latency_matrix matrix;
  matrix.cpus = list;
  matrix.ns.assign(list.size(), std::vector<std::optional<double>>(list.size(), ns));
  for (std::size_t i = 0; i < list.size(); ++i) matrix.ns[i][i].reset();
  return matrix;
}

latency_matrix with_far_cpu(latency_matrix matrix, std::size_t far, double ns) {
  for (std::size_t i = 0; i < matrix.cpus.size(); ++i)
    if (i != far) matrix.ns[i][far] = matrix.ns[far][i] = ns;
  return matrix;
}

TEST(drift, none_within_the_threshold) {
  const auto same = drift(uniform({0, 1, 2, 3}, 50), uniform({0, 1, 2, 3}, 70));
  ASSERT_TRUE(same);
  EXPECT_DOUBLE_EQ(same->ratio, 1.4);
  EXPECT_DOUBLE_EQ(same->worst_ratio, 1.4);
  EXPECT_EQ(same->pairs, 6U);
  EXPECT_FALSE(same->drifted);
  EXPECT_EQ(same->sentence, "");
}

TEST(drift, in_either_direction) {
  const auto slower = drift(uniform({0, 1}, 22), uniform({0, 1}, 99));
  EXPECT_TRUE(slower->drifted);
  EXPECT_DOUBLE_EQ(slower->ratio, 4.5);
  EXPECT_NE(slower->sentence.find("factor of 4.5"), std::string::npos) << slower->sentence;
  const auto faster = drift(uniform({0, 1}, 99), uniform({0, 1}, 22));
  EXPECT_TRUE(faster->drifted);
  EXPECT_DOUBLE_EQ(faster->ratio, 1 / 4.5);
  EXPECT_DOUBLE_EQ(faster->worst_ratio, 4.5);
}

TEST(drift, of_one_processor_among_sixteen_is_seen) {
  cpus sixteen;
  for (int i = 0; i < 16; ++i) sixteen.push_back(i);
  const latency_matrix start = uniform(sixteen, 30);
  const auto moved = drift(start, with_far_cpu(start, 5, 120));
  EXPECT_DOUBLE_EQ(moved->ratio, 1) << "105 of 120 pairs did not change";
  EXPECT_EQ(moved->worst_cpu, 5);
  EXPECT_DOUBLE_EQ(moved->worst_ratio, 4);
  EXPECT_TRUE(moved->drifted);
}

TEST(drift, of_a_single_pair_is_noise) {
  const latency_matrix start = uniform({0, 1, 2, 3}, 30);
  latency_matrix end = start;
  end.ns[0][1] = end.ns[1][0] = 300;
  EXPECT_FALSE(drift(start, end)->drifted);
}

TEST(drift, compares_by_processor_and_skips_what_one_side_lacks) {
  latency_matrix start = uniform({0, 1, 2}, 30);
  latency_matrix end = uniform({2, 1}, 60);
  const auto moved = drift(start, end);
  EXPECT_EQ(moved->pairs, 1U);
  EXPECT_DOUBLE_EQ(moved->ratio, 2);
  start.ns[1][2].reset();
  start.ns[2][1].reset();
  EXPECT_FALSE(drift(start, end));
  EXPECT_FALSE(drift({}, {}));
}

TEST(core_to_core_json, has_the_records_shape) {
  const latency_matrix start = uniform({4, 6}, 30);
  const nlohmann::json open = core_to_core_json(start);
  EXPECT_EQ(open["cpus"], (nlohmann::json{4, 6}));
  EXPECT_EQ(open["start_ns"], (nlohmann::json{{nullptr, 30.0}, {30.0, nullptr}}));
  EXPECT_TRUE(open["end_ns"].is_null());
  EXPECT_TRUE(open["note"].is_null());
  const nlohmann::json closed = core_to_core_json(start, uniform({6, 4}, 60), "2 of 8");
  EXPECT_EQ(closed["end_ns"], (nlohmann::json{{nullptr, 60.0}, {60.0, nullptr}}));
  EXPECT_EQ(closed["note"], "2 of 8");
}

}  // namespace
}  // namespace contend::host
