// SPDX-License-Identifier: MIT
// The environment block from fixtures of machines that are not here, and from the one that is.
#include "perf/host/environment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "perf/host/cpu.hpp"
#include "perf/host/load.hpp"
#include "perf/host/system.hpp"
#include "perf/host/text.hpp"
#include "tests/perf/scratch.hpp"

namespace contend::host {
namespace {

using json = nlohmann::json;
using testing::scratch;

constexpr const char* intel_cpuinfo =
    "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n"
    "model name\t: Intel(R) Xeon(R) Platinum 8480+\nstepping\t: 8\nmicrocode\t: 0x2b000590\n"
    "flags\t\t: fpu vme tsc msr ht constant_tsc\n\n"
    "processor\t: 1\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n"
    "model name\t: Intel(R) Xeon(R) Platinum 8480+\nstepping\t: 8\nmicrocode\t: 0x2b000590\n"
    "flags\t\t: fpu vme tsc msr ht constant_tsc\n\n";

constexpr const char* amd_vm_cpuinfo =
    "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\n"
    "stepping\t: 1\nmicrocode\t: 0x1000065\nflags\t\t: fpu vme tsc hypervisor lahf_lm\n\n";

constexpr const char* big_little_cpuinfo =
    "processor\t: 0\nBogoMIPS\t: 48.00\nFeatures\t: fp asimd atomics\nCPU implementer\t: 0x41\n"
    "CPU architecture: 8\nCPU variant\t: 0x2\nCPU part\t: 0xd05\nCPU revision\t: 0\n\n"
    "processor\t: 4\nBogoMIPS\t: 48.00\nFeatures\t: fp asimd atomics\nCPU implementer\t: 0x41\n"
    "CPU architecture: 8\nCPU variant\t: 0x4\nCPU part\t: 0xd0b\nCPU revision\t: 0\n\n"
    "processor\t: 5\nBogoMIPS\t: 48.00\nFeatures\t: fp asimd atomics\nCPU implementer\t: 0x41\n"
    "CPU architecture: 8\nCPU variant\t: 0x4\nCPU part\t: 0xd0b\nCPU revision\t: 0\n\n";

TEST(text, a_missing_file_or_a_folder_is_nothing_and_an_empty_file_is_empty) {
  scratch root;
  root.put("empty", "").put("word", " x \n");
  EXPECT_EQ(read_text(root.path() / "nowhere"), std::nullopt);
  EXPECT_EQ(read_text(root.path()), std::nullopt);
  EXPECT_EQ(read_text(root.path() / "empty"), "");
  EXPECT_EQ(read_word(root.path() / "empty"), std::nullopt);
  EXPECT_EQ(read_word(root.path() / "word"), "x");
}

TEST(cpuinfo, of_an_intel_server) {
  const json cpu = parse_cpuinfo(intel_cpuinfo);
  EXPECT_EQ(cpu["vendor"], "GenuineIntel");
  EXPECT_EQ(cpu["model"], "Intel(R) Xeon(R) Platinum 8480+");
  EXPECT_EQ(cpu["family"], 6);
  EXPECT_EQ(cpu["model_number"], 143);
  EXPECT_EQ(cpu["stepping"], 8);
  EXPECT_EQ(cpu["microcode"], "0x2b000590");
}

TEST(cpuinfo, of_an_arm_chip_with_two_kinds_of_core) {
  const json cpu = parse_cpuinfo(big_little_cpuinfo);
  EXPECT_EQ(cpu["vendor"], "Arm");
  EXPECT_EQ(cpu["model"], "Cortex-A55 + Cortex-A76");
  EXPECT_EQ(cpu["model_number"], "0xd05 + 0xd0b");
  EXPECT_EQ(cpu["stepping"], "r2p0 + r4p0");
  EXPECT_TRUE(cpu["family"].is_null());
  EXPECT_TRUE(cpu["microcode"].is_null());
}

TEST(cpuinfo, an_unknown_arm_core_keeps_its_numbers) {
  const json cpu = parse_cpuinfo("processor\t: 0\nCPU implementer\t: 0x99\nCPU variant\t: 0x1\nCPU part\t: 0xabc\n");
  EXPECT_EQ(cpu["vendor"], "0x99");
  EXPECT_TRUE(cpu["model"].is_null());
  EXPECT_EQ(cpu["model_number"], "0xabc");
  EXPECT_TRUE(cpu["stepping"].is_null());
}

/// Keys of `group` whose value is not null.
std::string known(const json& group) {
  std::string keys;
  for (const auto& [key, value] : group.items())
    if (!value.is_null()) keys += key + " ";
  return keys;
}

TEST(environment, of_an_empty_machine_is_null_throughout) {
  const scratch root;
  EXPECT_EQ(known(describe_cpu(root.path())), "");
  EXPECT_EQ(known(describe_system({}, root.path())), "architecture ");
  const load_facts facts = read_load_facts(root.path());
  EXPECT_FALSE(facts.load_1min || facts.cpu_pressure_avg10 || facts.thermal_throttles);
  const load_sampler sampler(read_cgroup_limits(root.path()), root.path());
  const load_between none = between(sampler.sample(), sampler.sample());
  EXPECT_FALSE(none.steal || none.throttled_ms || none.waiting || none.others_busy);
}

TEST(environment, governor_and_boost) {
  scratch root;
  root.put("proc/cpuinfo", intel_cpuinfo)
      .put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n")
      .put("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n")
      .put("sys/devices/system/cpu/cpu1/cpufreq/cpuinfo_max_freq", "3800000\n")
      .put("sys/devices/system/cpu/intel_pstate/no_turbo", "0\n");
  json cpu = describe_cpu(root.path());
  EXPECT_EQ(cpu["governor"], "performance + powersave");
  EXPECT_EQ(cpu["boost"], true);
  EXPECT_EQ(cpu["max_mhz"], 3800);
  root.put("sys/devices/system/cpu/cpufreq/boost", "0\n");
  EXPECT_EQ(describe_cpu(root.path())["boost"], false);
}

TEST(environment, system_settings) {
  scratch root;
  root.put("proc/cpuinfo", intel_cpuinfo)
      .put("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n")
      .put("proc/sys/kernel/perf_event_paranoid", "-1\n")
      .put("proc/sys/kernel/randomize_va_space", "2\n")
      .put("etc/os-release", "NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n")
      .put("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n")
      .put("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n")
      .put("sys/devices/system/cpu/isolated", "\n")
      .put("sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected\n")
      .put("sys/devices/system/cpu/vulnerabilities/spectre_v2", "Mitigation: Retpolines\n");
  json system = describe_system({}, root.path());
  EXPECT_EQ(system["kernel"], "6.1.0-18-amd64");
  EXPECT_EQ(system["perf_event_paranoid"], -1);
  EXPECT_EQ(system["aslr"], "full");
  EXPECT_EQ(system["os"], "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(system["transparent_huge_pages"], "madvise");
  EXPECT_EQ(system["clock_source"], "hpet");
  EXPECT_EQ(system["isolated_cpus"], "none");
  EXPECT_EQ(system["mitigations"], "spectre_v2: Mitigation: Retpolines");
  EXPECT_EQ(system["virtual_machine"], false);
  EXPECT_TRUE(system["hypervisor"].is_null());
  root.put("proc/self/personality", "00040000\n");  // as setarch -R leaves it
  EXPECT_EQ(describe_system({}, root.path())["aslr"], "off for this process");
}

TEST(environment, an_unlimited_quota_is_told_from_an_unknown_one) {
  const scratch root;
  cgroup_limits limits;
  EXPECT_TRUE(describe_system(limits, root.path())["cpu_quota_cores"].is_null());
  limits.quota = cpu_quota{};
  EXPECT_EQ(describe_system(limits, root.path())["cpu_quota_cores"], "unlimited");
  limits.quota = cpu_quota{true, 0.5};
  EXPECT_EQ(describe_system(limits, root.path())["cpu_quota_cores"], 0.5);
}

TEST(hypervisor, is_known_by_flag_and_named_by_firmware) {
  scratch root;
  root.put("proc/cpuinfo", amd_vm_cpuinfo);
  EXPECT_EQ(describe_system({}, root.path())["virtual_machine"], true);
  EXPECT_TRUE(describe_system({}, root.path())["hypervisor"].is_null());
  root.put("sys/class/dmi/id/sys_vendor", "QEMU\n").put("sys/class/dmi/id/product_name", "Standard PC (Q35)\n");
  EXPECT_EQ(describe_system({}, root.path())["hypervisor"], "QEMU");
}

TEST(hypervisor, on_arm_absence_of_evidence_is_unknown) {
  scratch root;
  root.put("proc/cpuinfo", big_little_cpuinfo);
  EXPECT_TRUE(describe_system({}, root.path())["virtual_machine"].is_null());
  root.put("sys/class/dmi/id/sys_vendor", "Amazon EC2\n").put("sys/class/dmi/id/product_name", "m7g.metal\n");
  EXPECT_TRUE(describe_system({}, root.path())["virtual_machine"].is_null());
  root.put("sys/class/dmi/id/product_name", "m7g.large\n");
  EXPECT_EQ(describe_system({}, root.path())["virtual_machine"], true);
  EXPECT_EQ(describe_system({}, root.path())["hypervisor"], "Amazon Nitro");
}

TEST(load, proc_stat_by_hand) {
  const auto processors = parse_proc_stat(
      "cpu  300 0 100 9000 5 0 20 40 0 0\n"
      "cpu0 100 10 50 4500 5 1 9 30 7 0\n"
      "cpu12 200 0 50 4500 0 0 11 10 0 0\n"
      "cpu13 x 0 50 4500 0 0 11 10 0 0\n"
      "intr 5 6 7\nctxt 9\n",
      100);
  ASSERT_EQ(processors.size(), 2U);
  EXPECT_EQ(processors[0].cpu, 0);
  EXPECT_DOUBLE_EQ(processors[0].busy_s, 1.70);  // user + nice + system + irq + softirq; guest is within user
  EXPECT_DOUBLE_EQ(processors[0].steal_s, 0.30);
  EXPECT_EQ(processors[1].cpu, 12);
}

TEST(load, pressure_and_throttling_texts) {
  const char* text =
      "some avg10=7.02 avg60=1.32 avg300=0.63 total=11513844\nfull avg10=0.50 avg60=0 avg300=0 total=9\n";
  EXPECT_DOUBLE_EQ(parse_pressure(text, "some")->avg10, 7.02);
  EXPECT_DOUBLE_EQ(parse_pressure(text, "some")->total_s, 11.513844);
  EXPECT_DOUBLE_EQ(parse_pressure(text, "full")->avg10, 0.5);
  EXPECT_FALSE(parse_pressure("some avg10=x total=1\n", "some"));
  EXPECT_FALSE(parse_pressure("", "some"));
  EXPECT_DOUBLE_EQ(*parse_throttled("usage_usec 5\nnr_throttled 2\nthrottled_usec 1500000\n"), 1.5);
  EXPECT_DOUBLE_EQ(*parse_throttled("nr_throttled 2\nthrottled_time 1500000000\n"), 1.5);
  EXPECT_FALSE(parse_throttled("usage_usec 5\n"));
}

load_snapshot at_second(double second, std::vector<load_snapshot::processor_time> processors) {
  load_snapshot snapshot{};
  snapshot.at = std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(second)));
  snapshot.processors = std::move(processors);
  return snapshot;
}

TEST(load, between_two_snapshots_by_hand) {
  load_snapshot before = at_second(10, {{0, 100, 1}, {1, 200, 5}, {2, 300, 9}});
  load_snapshot after = at_second(12, {{0, 101, 1.5}, {1, 202, 5}, {3, 0, 0}});  // 2 went offline, 3 came
  before.own_s = 7;
  after.own_s = 8;
  before.throttled_s = 0.25;
  after.throttled_s = 0.5;
  before.waiting_s = 1;
  after.waiting_s = 1.5;
  const load_between all = between(before, after);
  EXPECT_DOUBLE_EQ(*all.steal, 0.125);    // half a second of 2 s on 2 processors
  EXPECT_DOUBLE_EQ(*all.others_busy, 1);  // 3 s busy, 1 s our own, over 2 s
  EXPECT_DOUBLE_EQ(*all.throttled_ms, 250);
  EXPECT_DOUBLE_EQ(*all.waiting, 0.25);
  const std::vector<int> first{0}, gone{2};
  EXPECT_DOUBLE_EQ(*between(before, after, first).steal, 0.25);
  EXPECT_FALSE(between(before, after, gone).steal) << "a processor that went offline is unknown";
  after.throttled_s.reset();
  EXPECT_FALSE(between(before, after).throttled_ms);
}

TEST(load, throttling_is_summed_over_the_groups_on_the_way_up) {
  scratch root;
  root.put("a/cpu.stat", "throttled_usec 1000000\n")
      .put("b/cpu.stat", "throttled_time 500000000\n")
      .put("c", "usage 1\n");
  cgroup_limits limits;
  limits.cpu_stat = {root.path() / "a/cpu.stat", root.path() / "b/cpu.stat", root.path() / "c", root.path() / "gone"};
  EXPECT_DOUBLE_EQ(*load_sampler(limits, root.path()).sample().throttled_s, 1.5);
}

json quiet_block(json virtual_machine = false, json quota = "unlimited") {
  return {{"topology", {{"available_cpus", {0, 1, 2, 3}}}},
          {"system", {{"virtual_machine", virtual_machine}, {"hypervisor", nullptr}, {"cpu_quota_cores", quota}}}};
}

load_between quiet() { return {0.25, 0.0, 0.0, 0.0, 0.1}; }

TEST(caveats, none_on_a_quiet_machine) {
  json block = quiet_block();
  add_load_at_start(block, {}, quiet());
  add_load_at_end(block, {}, {}, quiet());
  EXPECT_EQ(block["caveats"], json::array());
  EXPECT_EQ(block["details"], json::object());
}

TEST(caveats, unknown_raises_none_and_stays_null) {
  json block = quiet_block(nullptr, nullptr);
  add_load_at_start(block, {}, {});
  add_load_at_end(block, {}, {}, {});
  EXPECT_EQ(block["caveats"], json::array());
  EXPECT_EQ(known(block["load"]), "run_s start_watch_s ");
}

/// The caveats that a change to the quiet machine raises at the start.
template <class F>
json raised(F&& change) {
  json block = quiet_block();
  load_between watch = quiet();
  load_facts facts;
  change(block, facts, watch);
  add_load_at_start(block, facts, watch);
  for (const auto& caveat : block["caveats"]) {
    const std::string sentence = block["details"][caveat.get<std::string>()];
    EXPECT_TRUE(sentence.size() > 40 && sentence.back() == '.') << sentence;
  }
  return block["caveats"];
}

TEST(caveats, at_the_start) {
  EXPECT_EQ(raised([](json& b, auto&, auto&) { b["system"]["virtual_machine"] = true; }), json{"virtual_machine"});
  EXPECT_EQ(raised([](json& b, auto&, auto&) { b["system"]["cpu_quota_cores"] = 0.5; }), json{"throttled"});
  EXPECT_EQ(raised([](json& b, auto&, auto&) { b["system"]["cpu_quota_cores"] = 4; }), json::array());
  EXPECT_EQ(raised([](auto&, auto&, load_between& w) { w.steal = 0.06; }), json{"steal"});
  EXPECT_EQ(raised([](auto&, auto&, load_between& w) { w.others_busy = 0.3; }), json{"noisy"});
  EXPECT_EQ(raised([](auto&, auto&, load_between& w) { w.waiting = 0.06; }), json{"noisy"});
  // A high load average alone is what our own build left behind.
  EXPECT_EQ(raised([](auto&, load_facts& f, auto&) { f.load_1min = 9; }), json::array());
  EXPECT_EQ(raised([](auto&, load_facts& f, load_between& w) {
              f.load_1min = 9;
              w.others_busy.reset();
              w.waiting.reset();
            }),
            json{"noisy"});
}

TEST(caveats, at_the_end) {
  json block = quiet_block(false, 0.5);
  add_load_at_start(block, {}, quiet());
  load_facts start, end;
  start.thermal_throttles = 5;
  end.thermal_throttles = 8;
  load_between run = quiet();
  run.steal = 0.02;
  run.throttled_ms = 12.5;
  add_load_at_end(block, start, end, run);
  EXPECT_EQ(block["caveats"], (json{"throttled", "steal"}));  // each once
  EXPECT_EQ(block["load"]["run_throttled_ms"], 12.5);
  EXPECT_EQ(block["load"]["run_thermal_throttles"], 3);
  const std::string sentence = block["details"]["throttled"];
  for (const char* part : {"grants 0.5 of 4 processors", "stopped threads for 12.5 ms", "heat 3 times"})
    EXPECT_NE(sentence.find(part), std::string::npos) << sentence;
  EXPECT_NE(block["details"]["steal"].get<std::string>().find("2 %"), std::string::npos);
}

TEST(this_machine, has_a_block_with_all_groups) {
  const environment here(versions{{"benchmark", "1.7.1"}}, std::chrono::milliseconds(20));
  EXPECT_TRUE(here.block()["load"]["end_load_1min"].is_null());
  const json block = here.block_at_end();
  for (const char* group : {"cpu", "topology", "system", "load", "libraries", "details"})
    EXPECT_TRUE(block[group].is_object()) << group;
  EXPECT_FALSE(block["cpu"].empty());
  EXPECT_TRUE(block["system"]["kernel"].is_string());
  EXPECT_TRUE(block["load"]["end_load_1min"].is_number());
  EXPECT_EQ(block["libraries"]["benchmark"], "1.7.1");
  EXPECT_EQ(block["topology"]["available_cpus"].size(), here.machine().available.size());
  EXPECT_EQ(block["caveats"].size(), block["details"].size());
}

}  // namespace
}  // namespace contend::host
