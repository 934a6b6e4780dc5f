// SPDX-License-Identifier: MIT
// Calibration from figures to file: what was not measured says so, what is missing is taken over, never made up.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <iostream>
#include <thread>

#include "perf/calibration/calibrate.hpp"
#include "perf/calibration/fit.hpp"
#include "perf/calibration/probes.hpp"
#include "perf/coherence/machine_file.hpp"

namespace contend::calibration {
namespace {

using coherence::machine;

figure of(double ns) { return {ns, ns * 0.9, ns * 1.1, 9, ""}; }
figure never(const char* why) { return {std::nullopt, 0, 0, 0, why}; }

machine zen4() { return coherence::load_machine("zen4"); }

bool says(const machine& one, const char* key, const char* what) {
  return one.sources.at(key).find(what) != std::string::npos;
}

TEST(fit, what_one_thread_costs_is_its_probe_with_its_spread) {
  const machine local = fit({{"rmw", of(4.5)}, {"pause", of(12)}}, {}, zen4());
  EXPECT_EQ(local.name, "local");
  EXPECT_EQ(local.rmw, 4'500U);
  EXPECT_EQ(local.sources.at("rmw"), "probe rmw: 4.50 ns, 4.05 to 4.95 in 9 rounds");
  EXPECT_EQ(local.pause, 12'000U);
}

TEST(fit, what_goes_on_beside_a_read_modify_write_is_what_it_spares) {
  const figures one{{"rmw", of(2)}, {"load", of(0.1)}, {"store", of(0.2)}};
  const auto overlap = [&](double among) {
    figures found = one;
    found["rmw_among_hits"] = of(among);
    return fit(found, {}, zen4()).rmw_overlap;
  };
  EXPECT_EQ(overlap(3.4), 1'000U) << "2 + 8 × 0.1 + 8 × 0.2 - 3.4";
  EXPECT_EQ(overlap(4.5), 0U) << "never less than nothing";
  EXPECT_EQ(overlap(0.1), 2'000U) << "nor longer than it takes";
  EXPECT_TRUE(says(fit(one, {}, zen4()), "rmw_overlap", "taken over from zen4"));
}

TEST(fit, a_libc_call_is_half_of_what_a_mutex_takes_besides_its_accesses) {
  figures found{{"rmw", of(2)}, {"load", of(0.1)}, {"store", of(0.2)}, {"rmw_among_hits", of(3.4)}, {"mutex", of(6.5)}};
  EXPECT_EQ(fit(found, {}, zen4()).libc_call, 1'200U) << "6.5 - 2 × 2 - (1.1 - 1)";
  found["mutex"] = of(3);
  EXPECT_EQ(fit(found, {}, zen4()).libc_call, 0U);
  EXPECT_TRUE(says(fit({}, {}, zen4()), "libc_call", "taken over from zen4"));
}

TEST(fit, without_a_second_core_legs_and_waking_are_taken_over_and_the_source_says_why) {
  const char* why = "this process may use one core only";
  figures found{{"rmw", of(4.5)}};
  for (const char* probe : {"ping_pong.near", "ping_pong.far", "ping_pong.remote", "wake_call", "wake_latency"})
    found[probe] = never(why);
  const machine local = fit(found, {}, zen4());
  EXPECT_EQ(local.near.data, zen4().near.data);
  EXPECT_EQ(local.remote.probe, zen4().remote.probe);
  EXPECT_EQ(local.wake, zen4().wake);
  for (const char* key : {"near", "wake", "wake_latency"}) {
    EXPECT_TRUE(says(local, key, "taken over from zen4")) << local.sources.at(key);
    EXPECT_TRUE(says(local, key, why)) << local.sources.at(key);
  }
  EXPECT_TRUE(says(local, "store_buffer", "no probe for it"));
}

TEST(fit, a_distance_that_the_machine_has_not_is_as_the_nearer_one) {
  figures found{{"rmw", of(2.2)}, {"ping_pong.near", of(40)}, {"cas_hand_over.near", of(25)}};
  found["ping_pong.far"] = never("no two cores of a socket have last-level caches of their own");
  found["ping_pong.remote"] = never("there is one socket");
  const machine local = fit(found, {}, zen4());
  EXPECT_EQ(local.far.data, local.near.data);
  EXPECT_EQ(local.remote.request, local.near.request);
  EXPECT_TRUE(says(local, "far", "as near: no two cores")) << local.sources.at("far");
  EXPECT_TRUE(says(local, "remote", "as far: there is one socket")) << local.sources.at("remote");
}

TEST(fit, every_distance_has_legs_of_its_own) {
  figures found{{"load", of(0.27)}, {"rmw", of(2.2)}};
  const auto add = [&](const std::string& reach, double leg, double data) {
    found["ping_pong." + reach] = of(4 * leg + data + 1.5 * 0.27);
    found["cas_hand_over." + reach] = of(2 * leg + data);
  };
  add("near", 5, 12);
  add("far", 30, 40);
  add("remote", 60, 80);
  const machine local = fit(found, {}, zen4());
  EXPECT_NEAR(static_cast<double>(local.near.probe), 5'000, 150);
  EXPECT_NEAR(static_cast<double>(local.far.probe), 30'000, 300);
  EXPECT_NEAR(static_cast<double>(local.far.data), 40'000, 300);
  EXPECT_NEAR(static_cast<double>(local.remote.acknowledge), 60'000, 600);
}

TEST(fit, depends_on_its_arguments_only) {
  const figures found{{"rmw", of(2.2)},
                      {"ping_pong.near", of(43.7)},
                      {"cas_hand_over.near", of(24.9)},
                      {"contended_add.near.2", of(8.1)},
                      {"contended_add.near.4", of(9.3)}};
  EXPECT_EQ(coherence::machine_json(fit(found, {}, zen4())), coherence::machine_json(fit(found, {}, zen4())));
}

TEST(fit, the_vendor_decides_the_protocol_and_the_topology_the_clusters) {
  host_facts host;
  host.amd = true;
  host.cores_per_cluster = 6;
  host.clusters_per_socket = 3;
  host.line_size = 128;
  const machine amd = fit({}, host, zen4());
  EXPECT_EQ(amd.protocol, coherence::coherence_protocol::moesi);
  EXPECT_EQ(amd.cores_per_cluster, 6U);
  EXPECT_EQ(amd.clusters_per_socket, 3U);
  EXPECT_EQ(amd.line_size, 128U);
  EXPECT_EQ(amd.cores, 128U);
  EXPECT_EQ(fit({}, {}, zen4()).protocol, coherence::coherence_protocol::mesi);
}

TEST(facts_of, counts_cores_not_their_threads) {
  const auto facts = facts_of(host::synthetic_topology("pack:2 l3:3 core:4 pu:2"));
  EXPECT_EQ(facts.processors, 48U);
  EXPECT_EQ(facts.cores_per_cluster, 4U);
  EXPECT_EQ(facts.clusters_per_socket, 3U);
}

TEST(calibration_json, has_figure_model_and_residual_or_the_reason) {
  figures found{{"rmw", of(2.2)}, {"cas_hand_over.near", of(20)}, {"memory", never("there is none")}};
  machine local = zen4();
  local.near = {5'000, 5'000, 11'000, 5'000};
  host_facts host;
  host.virtual_machine = true;
  const auto json = calibration_json(found, host, local);
  EXPECT_EQ(json["rounds"], 9);
  EXPECT_EQ(json["virtual_machine"], true);
  EXPECT_EQ(json["caveats"].size(), 1U);
  EXPECT_EQ(json["probes"]["rmw"]["ns"], 2.2);
  EXPECT_FALSE(json["probes"]["rmw"].contains("model_ns")) << "it is the machine's figure itself";
  EXPECT_NEAR(json["probes"]["cas_hand_over.near"]["model_ns"].get<double>(), 21, 1e-9);
  EXPECT_NEAR(json["probes"]["cas_hand_over.near"]["residual"].get<double>(), 0.05, 1e-9);
  EXPECT_TRUE(json["probes"]["memory"]["ns"].is_null());
  EXPECT_EQ(json["probes"]["memory"]["why"], "there is none");
  host.virtual_machine = std::nullopt;
  EXPECT_TRUE(calibration_json(found, host, local)["virtual_machine"].is_null());
  EXPECT_TRUE(calibration_json(found, host, local)["caveats"].empty());
}

TEST(calibration_json, cores_that_moved_meanwhile_are_a_caveat) {
  figures found{{"ping_pong.near", {100, 60, 140, 9, ""}}};
  EXPECT_TRUE(calibration_json(found, {}, zen4())["caveats"].empty());
  found["ping_pong.near"].low = 35;
  const auto caveats = calibration_json(found, {}, zen4())["caveats"];
  ASSERT_EQ(caveats.size(), 1U);
  EXPECT_EQ(caveats[0].get<std::string>().substr(0, 46), "Cores that are near were 35.0 to 140.0 ns apar");
}

TEST(calibration_json, in_a_machines_file_it_is_read_and_written_again) {
  machine local = fit({{"rmw", of(2.2)}}, {}, zen4());
  local.calibration = calibration_json({{"rmw", of(2.2)}}, {}, local).dump();
  const auto again = coherence::parse_machine(coherence::machine_json(local).dump(2), "local.json");
  EXPECT_EQ(again.calibration, local.calibration);
}

TEST(probes, a_processor_that_is_not_there_is_a_reason_and_not_a_crash) {
  constexpr int nowhere = 8'000;
  EXPECT_THROW(pinned{nowhere}, no_sample);
  EXPECT_THROW((void)ping_pong_ns(0, nowhere), no_sample);
  EXPECT_THROW((void)same_processor_hand_over_ns(nowhere), no_sample);
  EXPECT_THROW((void)wake_ns(nowhere, 0), no_sample);
  const int here = host::read_topology().available.front().cpu;
  EXPECT_THROW((void)wake_ns(here, nowhere), no_sample);
}

/// A probe's time; where other programs hold its processors, once more, for a while. Negative with the reason printed.
template <class Probe>
double time_of(Probe probe) {
  for (int tries = 0;; ++tries) try {
      return probe();
    } catch (const no_sample& busy) {
      if (tries == 20) {
        std::cout << "not probed: " << busy.what() << '\n';
        return -1;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

TEST(probes, give_times_above_zero) {
  const int here = host::read_topology().available.front().cpu;
  const int one[] = {here};
  bool all = true;
  for (const double ns :
       {time_of([] { return rmw_ns(); }), time_of([] { return system_call_ns(); }),
        time_of([&] { return same_processor_hand_over_ns(here); }), time_of([&] { return contended_add_ns(one); })}) {
    EXPECT_NE(ns, 0);
    all = all && ns > 0;
  }
  if (!all) GTEST_SKIP() << "other programs hold the processors";
}

}  // namespace
}  // namespace contend::calibration
