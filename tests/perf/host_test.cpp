// SPDX-License-Identifier: MIT
// Topologies, placement orders and control-group limits, from fixtures and from the machine that runs the test.
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <set>
#include <thread>

#include "perf/host/cgroup.hpp"
#include "perf/host/topology.hpp"
#include "tests/perf/scratch.hpp"

namespace contend::host {
namespace {

using cpus = std::vector<int>;

// ---- placement, on machines that hwloc makes up. PUs are numbered depth first unless indexes say otherwise.

// 2 sockets × 2 L3 × 2 cores × 2 SMT: core c has the processors 2c and 2c+1.
const char* const two_sockets = "pack:2 l3:2 core:2 pu:2";

TEST(placement, compact_fills_the_cores_of_one_l3_first_and_siblings_last) {
  const topology machine = synthetic_topology(two_sockets);
  EXPECT_EQ(placement_order(placement::compact, machine), (cpus{0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15}));
}

TEST(placement, spread_goes_round_robin_over_sockets_then_l3_groups) {
  const topology machine = synthetic_topology(two_sockets);
  EXPECT_EQ(placement_order(placement::spread, machine), (cpus{0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15}));
}

TEST(placement, none_pins_nobody) {
  EXPECT_TRUE(placement_order(placement::none, synthetic_topology(two_sockets)).empty());
}

TEST(placement, follows_the_machine_and_not_the_numbers) {
  // As Linux numbers them: first all first siblings, then all second ones, and neighbours on different sockets.
  const topology machine = synthetic_topology("pack:2 core:2 pu:2(indexes=0,4,2,6,1,5,3,7)");
  EXPECT_EQ(placement_order(placement::compact, machine), (cpus{0, 2, 1, 3, 4, 6, 5, 7}));
  EXPECT_EQ(placement_order(placement::spread, machine), (cpus{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(placement, spread_uses_numa_nodes_within_a_socket) {
  const topology machine = synthetic_topology("pack:2 [numa] group:2 [numa] l3:1 core:2 pu:1");
  const cpus order = placement_order(placement::spread, machine);
  EXPECT_EQ(cpus(order.begin(), order.begin() + 4), (cpus{0, 4, 2, 6}));
}

TEST(placement, every_available_processor_appears_exactly_once) {
  for (const char* description : {two_sockets, "pack:1 l3:1 core:4 pu:1", "pack:4 l3:3 core:5 pu:2", "core:8 pu:4",
                                  "pu:3", "numa:2 pack:2 l3:2 core:3 pu:2"}) {
    const topology machine = synthetic_topology(description);
    for (const placement policy : {placement::compact, placement::spread}) {
      const cpus order = placement_order(policy, machine);
      EXPECT_EQ(order.size(), machine.processors) << description;
      EXPECT_EQ(std::set<int>(order.begin(), order.end()).size(), machine.processors) << description;
    }
  }
}

topology only(topology machine, const std::set<int>& allowed) {
  std::erase_if(machine.available, [&](const processor& one) { return !allowed.contains(one.cpu); });
  return machine;
}

TEST(placement, keeps_to_the_available_processors) {
  const topology machine = only(synthetic_topology(two_sockets), {3, 4, 5, 7});
  // 3 is a second sibling whose first is not ours, so it counts as a core; 4 and 5 are one core.
  EXPECT_EQ(placement_order(placement::compact, machine), (cpus{4, 7, 3, 5}));  // the L3 with two cores first
  EXPECT_EQ(placement_order(placement::spread, machine), (cpus{4, 3, 7, 5}));
}

TEST(placement, names_are_the_records) {
  for (const placement policy : {placement::compact, placement::spread, placement::none})
    EXPECT_EQ(parse_placement(name_of(policy)), policy);
  EXPECT_EQ(parse_placement("Compact"), std::nullopt);
}

TEST(topology, counts_what_the_description_says) {
  const topology machine = synthetic_topology("pack:2 l3:2(size=33554432) core:2 pu:2");
  EXPECT_EQ(machine.processors, 16U);
  EXPECT_EQ(machine.cores, 8U);
  EXPECT_EQ(machine.sockets, 2U);
  EXPECT_EQ(machine.l3_groups, 4U);
  EXPECT_TRUE(machine.l3_known);
  ASSERT_EQ(machine.caches.size(), 1U);
  EXPECT_EQ(machine.caches[0].level, 3);
  EXPECT_EQ(machine.caches[0].bytes, 33554432U);
  EXPECT_EQ(machine.caches[0].count, 4U);
  EXPECT_EQ(machine.caches[0].processors, 4U);
}

TEST(topology, without_an_l3_the_socket_is_the_group) {
  const topology machine = synthetic_topology("pack:2 core:2 pu:1");
  EXPECT_FALSE(machine.l3_known);
  EXPECT_EQ(machine.l3_groups, 2U);
  EXPECT_NE(machine.available.front().l3, machine.available.back().l3);
}

TEST(topology, a_bad_description_is_refused) {
  EXPECT_THROW((void)synthetic_topology("pack:x"), std::invalid_argument);
}

// ---- the machine that runs this

cpus cpus_of(const topology& machine) {
  cpus result;
  for (const processor& one : machine.available) result.push_back(one.cpu);
  return result;
}

cpus affinity() {
  cpu_set_t set;
  EXPECT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
  cpus result;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) result.push_back(cpu);
  return result;
}

TEST(this_machine, available_is_what_the_scheduler_grants) {
  const topology machine = read_topology();
  EXPECT_EQ(cpus_of(machine), affinity());
  EXPECT_GE(machine.processors, machine.available.size());
  EXPECT_GE(machine.processors, machine.cores);
  EXPECT_GE(machine.cores, machine.sockets);
}

TEST(this_machine, pinned_to_one_processor_shows_one_of_many) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  const int last = affinity().back();
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(last, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  const topology machine = read_topology();
  const unsigned usable = usable_processors();
  const cpus compact = placement_order(placement::compact);
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(cpus_of(machine), cpus{last});
  EXPECT_EQ(compact, cpus{last});
  EXPECT_EQ(usable, 1U);
  EXPECT_EQ(machine.processors, read_topology().processors) << "the machine does not shrink with the affinity";
}

TEST(this_machine, a_pinned_team_does_not_hide_the_rest) {
  const cpus all = affinity();
  cpus seen;
  std::thread([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(all.front(), &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    seen = cpus_of(read_topology());
  }).join();
  EXPECT_EQ(seen, all);
}

// ---- control groups

TEST(cgroup_text, cpu_max) {
  EXPECT_EQ(parse_cpu_max("50000 100000\n")->cores, 0.5);
  EXPECT_TRUE(parse_cpu_max("50000 100000\n")->limited);
  EXPECT_FALSE(parse_cpu_max("max 100000\n")->limited);
  EXPECT_EQ(parse_cpu_max("250000")->cores, 2.5);
  for (const char* bad : {"", "x 100000", "50000 0", "50000 x", "1 2 3", "0 100000"})
    EXPECT_FALSE(parse_cpu_max(bad)) << bad;
}

TEST(cgroup_text, cfs_quota) {
  EXPECT_EQ(parse_cfs_quota("50000\n", "100000\n")->cores, 0.5);
  EXPECT_FALSE(parse_cfs_quota("-1\n", "100000\n")->limited);
  EXPECT_FALSE(parse_cfs_quota("50000", "0"));
  EXPECT_FALSE(parse_cfs_quota("", "100000"));
}

constexpr const char* mount_v2 = "30 25 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

TEST(cgroup, version_2_takes_the_tightest_limit_on_the_way_up) {
  testing::scratch root;
  root.put("proc/self/cgroup", "0::/ci.slice/job.scope\n")
      .put("proc/self/mountinfo", std::string("22 27 0:21 / /proc rw - proc proc rw\n") + mount_v2)
      .put("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n")
      .put("sys/fs/cgroup/cpu.stat", "usage_usec 9\n")
      .put("sys/fs/cgroup/ci.slice/cpu.max", "50000 100000\n")
      .put("sys/fs/cgroup/ci.slice/cpu.stat", "nr_throttled 3\nthrottled_usec 400\n")
      .put("sys/fs/cgroup/ci.slice/job.scope/cpu.max", "200000 100000\n")
      .put("sys/fs/cgroup/ci.slice/job.scope/cpu.stat", "nr_throttled 0\nthrottled_usec 0\n")
      .put("sys/fs/cgroup/ci.slice/job.scope/cpuset.cpus.effective", "0-3,8\n");
  const cgroup_limits limits = read_cgroup_limits(root.path());
  EXPECT_EQ(limits.version, 2);
  ASSERT_TRUE(limits.quota);
  EXPECT_TRUE(limits.quota->limited);
  EXPECT_EQ(limits.quota->cores, 0.5);
  EXPECT_EQ(limits.cpuset, "0-3,8");
  EXPECT_EQ(limits.cpu_stat.size(), 3U);
}

TEST(cgroup, version_2_without_a_limit_is_known_to_have_none) {
  testing::scratch root;
  root.put("proc/self/cgroup", "0::/\n")
      .put("proc/self/mountinfo", mount_v2)
      .put("sys/fs/cgroup/cgroup.controllers", "cpuset cpu\n");
  const cgroup_limits limits = read_cgroup_limits(root.path());
  ASSERT_TRUE(limits.quota);
  EXPECT_FALSE(limits.quota->limited);
  EXPECT_FALSE(limits.cpuset);
}

TEST(cgroup, version_1_of_a_container_that_keeps_its_hosts_path) {
  testing::scratch root;
  root.put("proc/self/cgroup", "9:memory:/docker/abc\n4:cpuset:/docker/abc\n3:cpu,cpuacct:/docker/abc/sub\n0::/\n")
      .put("proc/self/mountinfo",
           "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
           "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
           "34 31 0:31 /docker/abc /sys/fs/cgroup/cpuset rw shared:5 master:2 - cgroup cgroup rw,cpuset\n"
           "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n")
      .put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n")
      .put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n")
      .put("sys/fs/cgroup/cpu,cpuacct/sub/cpu.cfs_quota_us", "-1\n")
      .put("sys/fs/cgroup/cpu,cpuacct/sub/cpu.cfs_period_us", "100000\n")
      .put("sys/fs/cgroup/cpuset/cpuset.effective_cpus", "2-3\n")
      .put("sys/fs/cgroup/unified/cgroup.controllers", "\n");
  const cgroup_limits limits = read_cgroup_limits(root.path());
  EXPECT_EQ(limits.version, 1);
  ASSERT_TRUE(limits.quota);
  EXPECT_EQ(limits.quota->cores, 1.5);
  EXPECT_EQ(limits.cpuset, "2-3");
}

TEST(cgroup, a_path_that_the_mount_does_not_show_still_reads_the_mount) {
  testing::scratch root;
  root.put("proc/self/cgroup", "0::/../outside\n")
      .put("proc/self/mountinfo", "30 25 0:26 /kube/pod /mnt/my\\040cgroup rw - cgroup2 cgroup2 rw\n")
      .put("mnt/my cgroup/cgroup.controllers", "cpu\n")
      .put("mnt/my cgroup/cpu.max", "50000 100000\n");
  ASSERT_TRUE(read_cgroup_limits(root.path()).quota);
  EXPECT_EQ(read_cgroup_limits(root.path()).quota->cores, 0.5);
}

TEST(cgroup, missing_files_are_unknown_and_not_unlimited) {
  const testing::scratch root;
  const cgroup_limits limits = read_cgroup_limits(root.path());
  EXPECT_FALSE(limits.version);
  EXPECT_FALSE(limits.quota);
  EXPECT_FALSE(limits.cpuset);
  EXPECT_TRUE(limits.cpu_stat.empty());
}

TEST(usable, is_the_smaller_of_processors_and_rounded_up_quota) {
  const topology machine = synthetic_topology("core:4 pu:1");
  cgroup_limits limits;
  EXPECT_EQ(usable_processors(machine, limits), 4U);
  limits.quota = cpu_quota{};
  EXPECT_EQ(usable_processors(machine, limits), 4U);
  limits.quota = cpu_quota{true, 0.5};
  EXPECT_EQ(usable_processors(machine, limits), 1U);
  limits.quota = cpu_quota{true, 2.5};
  EXPECT_EQ(usable_processors(machine, limits), 3U);
  limits.quota = cpu_quota{true, 64};
  EXPECT_EQ(usable_processors(machine, limits), 4U);
}

}  // namespace
}  // namespace contend::host
