// SPDX-License-Identifier: MIT
// The doctor's verdicts and remedies on machines that are not here.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "perf/doctor/page.hpp"
#include "perf/doctor/verdict.hpp"
#include "tests/perf/doctor_machines.hpp"

namespace contend::doctor {
namespace {

using namespace testing;

const verdict& on(const diagnosis& found, const std::string& what) {
  return *std::find_if(found.trust.begin(), found.trust.end(), [&](const auto& one) { return one.what == what; });
}

bool suggests(const diagnosis& found, const std::string& part) {
  return std::any_of(found.to_do.begin(), found.to_do.end(),
                     [&](const remedy& one) { return contains(one.text, part) || contains(one.command, part); });
}

// ---- timings

TEST(timings, an_idle_physical_machine_with_a_fixed_clock_can_be_trusted_and_has_nothing_to_do) {
  const diagnosis found = judge(given().made());
  EXPECT_EQ(on(found, "timings").trust, level::good);
  EXPECT_EQ(on(found, "timings").advice, "");
  ASSERT_EQ(found.to_do.size(), 1U);
  EXPECT_EQ(found.to_do[0].command, "contend bench");
}

TEST(timings, of_a_virtual_machine_are_ratios_and_the_governor_is_not_asked_for) {
  const diagnosis found = judge(virtual_machine().made());
  EXPECT_EQ(on(found, "timings").trust, level::limited);
  EXPECT_EQ(on(found, "timings").says, "trust ratios within one run, not absolute numbers");
  EXPECT_TRUE(contains(on(found, "timings").because, "virtual machine; steal 0 %"));
  EXPECT_FALSE(contains(on(found, "timings").because, "unknown"));
}

TEST(timings, powersave_and_turbo_bring_their_commands_in_this_order) {
  given here;
  here.cpu["governor"] = "powersave";
  here.cpu["frequency_driver"] = "intel_pstate";
  here.cpu["boost"] = true;
  const diagnosis found = judge(here.made());
  EXPECT_EQ(on(found, "timings").trust, level::limited);
  EXPECT_TRUE(contains(on(found, "timings").because, "governor powersave"));
  ASSERT_EQ(found.to_do.size(), 3U);
  EXPECT_EQ(found.to_do[0].command, "sudo cpupower frequency-set -g performance");
  EXPECT_TRUE(contains(found.to_do[1].command, "intel_pstate/no_turbo"));
  EXPECT_TRUE(contains(on(found, "timings").advice, "cpupower"));
}

TEST(timings, turbo_of_another_driver_has_another_switch) {
  given here;
  here.cpu["boost"] = true;
  EXPECT_TRUE(suggests(judge(here.made()), "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost"));
}

TEST(timings, other_load_steal_and_quota_are_named_with_their_amounts_and_come_first) {
  given here = virtual_machine();
  here.watch.others_busy = 1.2;
  here.watch.steal = 0.08;
  here.system["cpu_quota_cores"] = 1.5;
  const diagnosis found = judge(here.made());
  const verdict& timings = on(found, "timings");
  EXPECT_EQ(timings.trust, level::limited);
  EXPECT_TRUE(contains(timings.says, "only large differences"));
  EXPECT_TRUE(contains(timings.because, "other programs keep 1.2 of 4 processors busy")) << timings.because;
  EXPECT_TRUE(contains(timings.because, "the hypervisor steals 8 %"));
  EXPECT_TRUE(contains(timings.because, "grants 1.5 of 4 processors"));
  EXPECT_FALSE(contains(timings.because, "otherwise idle"));
  EXPECT_EQ(found.to_do[0].command, "top -o %CPU");
}

TEST(timings, a_clock_that_is_a_system_call_is_said) {
  given here;
  here.system["clock_source"] = "hpet";
  EXPECT_EQ(on(judge(here.made()), "timings").trust, level::limited);
  EXPECT_TRUE(suggests(judge(here.made()), "available_clocksource"));
}

TEST(timings, of_a_machine_that_does_not_say_whether_it_is_virtual_are_not_called_physical) {
  given here;
  here.system["virtual_machine"] = nullptr;
  const verdict timings = on(judge(here.made()), "timings");
  EXPECT_EQ(timings.trust, level::limited);
  EXPECT_TRUE(contains(timings.because, "physical or virtual: unknown"));
}

TEST(timings, with_an_unknown_governor_are_not_good) {
  given here;
  here.cpu["governor"] = nullptr;
  const verdict timings = on(judge(here.made()), "timings");
  EXPECT_EQ(timings.trust, level::limited);
  EXPECT_TRUE(contains(timings.because, "clock governor unknown"));
}

TEST(unknown, everything_says_unknown_and_never_that_something_is_absent_or_fine) {
  const facts known = unknown_everything().made();
  const diagnosis found = judge(known);
  for (const char* what : {"timings", "core_to_core", "hardware_counters", "software_events"})
    EXPECT_EQ(on(found, what).trust, level::unknown) << what;
  EXPECT_TRUE(contains(on(found, "timings").because, "steal, other load, clock governor unknown"));
  EXPECT_TRUE(contains(on(found, "threads").because, "quota unknown"));
  EXPECT_NE(on(found, "threads").trust, level::good);
  const std::string page = text_page(known, found, {});
  for (const char* claim : {"steal 0", "otherwise idle", "no quota", "turbo off", "load 0", "on the metal"})
    EXPECT_FALSE(contains(page, claim)) << claim << " in:\n" << page;
  EXPECT_TRUE(contains(page, "governor unknown"));
}

TEST(unknown, no_topology_and_no_environment_at_all_still_give_five_verdicts) {
  const diagnosis found = judge(facts{});
  ASSERT_EQ(found.trust.size(), 5U);
  for (const verdict& one : found.trust) EXPECT_EQ(one.trust, level::unknown) << one.what;
  EXPECT_FALSE(text_page(facts{}, found, {}).empty());
}

// ---- threads

TEST(threads, a_quota_limits_them_and_gives_the_counts_to_measure) {
  given here = virtual_machine();
  here.system["cpu_quota_cores"] = 2.5;
  const diagnosis found = judge(here.made());
  EXPECT_EQ(on(found, "threads").trust, level::limited);
  EXPECT_TRUE(contains(on(found, "threads").says, "up to 3;"));
  EXPECT_TRUE(suggests(found, "contend bench --threads 1,2,3"));
}

TEST(threads, siblings_are_said_and_one_processor_contends_with_nothing) {
  given here;
  here.layout = "pack:1 l3:1 core:4 pu:2";
  EXPECT_TRUE(contains(on(judge(here.made()), "threads").says, "up to 8; above 4 two share a core"));
  here.layout = "core:1 pu:1";
  EXPECT_EQ(on(judge(here.made()), "threads").trust, level::none);
  EXPECT_EQ(on(judge(here.made()), "core_to_core").trust, level::none);
}

// ---- core to core

TEST(core_to_core, distances_that_the_topology_explains_are_good) {
  facts known = given().made();
  known.first = alike(8, 30);
  for (std::size_t a = 0; a < 4; ++a)
    for (std::size_t b = 4; b < 8; ++b) set(known.first, a, b, 130);
  known.second = known.first;
  const verdict found = on(judge(known), "core_to_core");
  EXPECT_EQ(found.trust, level::good);
  EXPECT_TRUE(contains(found.says, "30–130 ns one way, 8 processors, like the topology")) << found.says;
}

TEST(core_to_core, unequal_pairs_of_one_l3_are_limited_and_blamed_on_the_hypervisor_only_where_there_is_one) {
  facts known = virtual_machine().made();
  known.first = alike(4, 22);
  set(known.first, 0, 3, 99);
  known.second = known.first;
  const verdict found = on(judge(known), "core_to_core");
  EXPECT_EQ(found.trust, level::limited);
  EXPECT_TRUE(contains(found.says, "22–99 ns")) << found.says;
  EXPECT_TRUE(contains(found.because, "4.5×: the hypervisor hides"));
  EXPECT_TRUE(contains(found.advice, "host pin the virtual processors"));
  known.environment["system"]["virtual_machine"] = false;
  EXPECT_FALSE(contains(on(judge(known), "core_to_core").because, "hypervisor"));
}

TEST(core_to_core, a_processor_that_moved_is_named) {
  facts known = virtual_machine().made();
  known.first = alike(4, 22);
  known.second = known.first;
  known.apart_s = 1;
  for (std::size_t b = 0; b < 3; ++b) set(*known.second, 3, b, 66);
  const verdict found = on(judge(known), "core_to_core");
  EXPECT_EQ(found.trust, level::limited);
  EXPECT_TRUE(contains(found.says, "changing while one looks"));
  EXPECT_TRUE(contains(on(judge(known), "timings").because, "latency to processor 3 changes"));
  EXPECT_TRUE(contains(found.because, "processor 3 changed by a factor of 3 in 1 s")) << found.because;
}

TEST(core_to_core, what_was_not_measured_is_unknown_or_counted) {
  facts known = virtual_machine().made();
  known.first = alike(4, 22);
  set(known.first, 0, 1, std::nullopt);
  known.first.absent_pairs = 1;
  EXPECT_EQ(on(judge(known), "core_to_core").trust, level::limited);
  EXPECT_TRUE(contains(on(judge(known), "core_to_core").because, "1 pair could not be measured"));
  EXPECT_TRUE(contains(on(judge(known), "core_to_core").because, "whether it is steady is unknown"));
  for (auto& row : known.first.ns) std::fill(row.begin(), row.end(), std::nullopt);
  EXPECT_EQ(on(judge(known), "core_to_core").trust, level::unknown);
}

TEST(by_distance, groups_pairs_by_what_they_share) {
  const host::topology machine = host::synthetic_topology("pack:2 l3:2 core:1 pu:2");
  host::latency_matrix matrix = alike(8, 200);
  set(matrix, 0, 1, 10);  // siblings
  set(matrix, 0, 2, 90);  // the same socket, another L3
  set(matrix, 2, 3, std::nullopt);
  const auto groups = host::by_distance(matrix, machine);
  ASSERT_EQ(groups.size(), 3U) << "no two cores share an L3 here";
  EXPECT_EQ(groups[0].how_far, host::distance::same_core);
  EXPECT_EQ(groups[0].pairs, 3U) << "four, one of which was not measured";
  EXPECT_EQ(groups[0].min, 10);
  EXPECT_EQ(groups[1].how_far, host::distance::same_socket);
  EXPECT_EQ(groups[1].pairs, 8U);
  EXPECT_EQ(groups[1].min, 90);
  EXPECT_EQ(groups[1].median, 200);
  EXPECT_EQ(groups[2].how_far, host::distance::other_socket);
  EXPECT_EQ(groups[2].pairs, 16U);
}

// ---- counting

TEST(counting, a_pmu_with_everything_open_is_good) {
  given here;
  here.counting = counts(state::counted, state::counted, {});
  const diagnosis found = judge(here.made());
  EXPECT_EQ(on(found, "hardware_counters").trust, level::good);
  EXPECT_TRUE(contains(on(found, "hardware_counters").says, "5 of 5 events"));
  EXPECT_EQ(on(found, "software_events").says, "trust page faults, context switches");
}

TEST(counting, paranoid_2_leaves_user_space_and_gives_the_command) {
  given here;
  counters::surroundings around;
  around.paranoid = 2;
  around.pmu = true;
  here.counting = counts(state::counted, state::failed, refusal(EACCES, side::kernel, around));
  const facts known = here.made();
  const diagnosis found = judge(known);
  const verdict& hardware = on(found, "hardware_counters");
  EXPECT_EQ(hardware.trust, level::limited);
  EXPECT_TRUE(contains(hardware.says, "trust 3 of 5 events, user space only")) << hardware.says;
  EXPECT_TRUE(contains(hardware.because, "kernel.perf_event_paranoid is 2"));
  EXPECT_TRUE(contains(hardware.advice, "sudo sysctl kernel.perf_event_paranoid=1"));
  EXPECT_EQ(found.to_do.size(), 2U);
  const auto groups = group_events(*known.counting);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[1].metrics, (std::vector<std::string>{"cycles (kernel)", "instructions (kernel)"}));
  EXPECT_TRUE(contains(text_page(known, found, {}), "not: cycles (kernel), instructions (kernel), see above"));
}

TEST(counting, a_virtual_machine_without_a_pmu_has_one_line_for_all_and_software_events_still) {
  given here = virtual_machine();
  counters::surroundings around;
  around.hypervisor = "KVM";
  here.counting = counts(state::failed, state::failed, refusal(ENOENT, side::user, around));
  const facts known = here.made();
  const diagnosis found = judge(known);
  EXPECT_EQ(on(found, "hardware_counters").trust, level::none);
  EXPECT_EQ(on(found, "hardware_counters").because, "KVM gives this virtual machine no PMU (ENOENT)");
  EXPECT_TRUE(suggests(found, "-cpu host,pmu=on"));
  EXPECT_EQ(on(found, "software_events").trust, level::good);
  const std::string page = text_page(known, found, {});
  EXPECT_EQ(page.find("no PMU ("), page.rfind("no PMU (")) << page;
}

TEST(counting, seccomp_is_told_with_its_own_cure) {
  given here;
  counters::surroundings around;
  around.seccomp = true;
  here.counting = counts(state::failed, state::failed, refusal(EPERM, side::user, around));
  const diagnosis found = judge(here.made());
  EXPECT_EQ(on(found, "hardware_counters").trust, level::none);
  EXPECT_TRUE(contains(on(found, "hardware_counters").because, "seccomp filter"));
  EXPECT_TRUE(contains(on(found, "hardware_counters").advice, "--security-opt seccomp="));
  for (const remedy& one : found.to_do) {
    EXPECT_TRUE(one.text.front() >= 'A' && one.text.front() <= 'Z') << one.text;
    EXPECT_EQ(one.text.back(), '.') << one.text;
  }
}

TEST(counting, events_that_take_turns_ask_for_the_watchdogs_counter) {
  given here;
  here.counting = counts(state::counted, state::counted, {});
  here.counting->found.events[4].how = state::multiplexed;
  EXPECT_EQ(on(judge(here.made()), "hardware_counters").trust, level::limited);
  EXPECT_TRUE(suggests(judge(here.made()), "sudo sysctl kernel.nmi_watchdog=0"));
  here.system["nmi_watchdog"] = false;
  EXPECT_FALSE(suggests(judge(here.made()), "nmi_watchdog"));
}

TEST(counting, what_the_cpu_has_no_event_for_is_said_and_spoils_nothing) {
  given here;
  here.counting = counts(state::counted, state::counted, {});
  here.counting->refused = {{"modified_line_hits", {"event_unsupported", "AMD cores have no such event", ""}}};
  const facts known = here.made();
  EXPECT_EQ(on(judge(known), "hardware_counters").trust, level::good);
  EXPECT_TRUE(contains(on(judge(known), "hardware_counters").because, "no event for 1 other metric"));
  EXPECT_TRUE(contains(text_page(known, judge(known), {}), "not: modified_line_hits: AMD cores have no such event"));
}

TEST(counting, an_unsupported_event_is_not_counted) {
  given here;
  here.counting = counts(state::counted, state::counted, {});
  here.counting->found.events[4].how = state::unsupported;
  here.counting->found.events[4].why = {"event_unsupported", "it reads 0 where it must count", ""};
  const facts known = here.made();
  EXPECT_EQ(on(judge(known), "hardware_counters").trust, level::limited);
  EXPECT_EQ(group_events(*known.counting)[1].metrics, std::vector<std::string>{"l1d_misses"});
  const auto events = json_page(known, judge(known))["counters"]["events"];
  EXPECT_EQ(events[4]["state"], "unsupported");
  EXPECT_EQ(events[4]["config"], "0x1d1");
}

}  // namespace
}  // namespace contend::doctor
