// SPDX-License-Identifier: MIT
// The arithmetic from a trial to a record's cell, and Google Benchmark's JSON mended.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "benchmarks/cell_results.hpp"
#include "benchmarks/google_json.hpp"

namespace contend::bench {
namespace {

cell two_threads() {
  cell c;
  c.name = "w/p/threads:2";
  c.workload = "w";
  c.family = "f";
  c.about = {.name = "p", .summary = "", .waits = waiting::spin};
  c.params = {{"inside_ns", std::int64_t{5}}, {"skew", std::string("zipf")}};
  c.threads = 2;
  return c;
}

// Two threads of 1 ms: 3000 (and 200 after the stop) and 1000 operations, one of them running half of the time.
trial_result one_trial() {
  trial_result t;
  t.window_ns = 1'000'000;
  t.threads = {{3200, 30, 0, 1'000'000, 1'000'000, 2, 0, 0, 200}, {1000, 10, 0, 1'000'000, 500'000, 0, 4, 1, 0}};
  return t;
}

double value(const cell_results& r, const char* metric) {
  const auto json = record::to_json(r.to_record(), 0.95);
  const auto& v = json.at("metrics").at(metric).at("value");
  return v.is_null() ? std::nan("") : v.get<double>();
}

TEST(cell_results, computes_every_number_of_a_trial) {
  const cell c = two_threads();
  cell_results r(c, "compact", 4);
  EXPECT_DOUBLE_EQ(*r.add_throughput(one_trial(), {0.25, 3.0}), 250);
  EXPECT_DOUBLE_EQ(value(r, "throughput"), 4e6);
  EXPECT_DOUBLE_EQ(value(r, "ns_per_op"), 250);
  EXPECT_DOUBLE_EQ(value(r, "ns_per_op_thread"), 500);
  EXPECT_DOUBLE_EQ(value(r, "cpu_ns_per_op"), 375);
  EXPECT_DOUBLE_EQ(value(r, "failed_per_op"), 0.01);
  EXPECT_DOUBLE_EQ(value(r, "overlap"), 0.5);
  EXPECT_DOUBLE_EQ(value(r, "jain_fairness"), 0.8);
  EXPECT_DOUBLE_EQ(value(r, "min_share"), 0.25);
  EXPECT_DOUBLE_EQ(value(r, "max_share"), 0.75);
  EXPECT_DOUBLE_EQ(value(r, "involuntary_switches"), 2000);
  EXPECT_DOUBLE_EQ(value(r, "voluntary_switches"), 4000);
  EXPECT_DOUBLE_EQ(value(r, "steal"), 0.25);
  EXPECT_DOUBLE_EQ(value(r, "throttled_ms"), 3);
  EXPECT_TRUE(std::isnan(value(r, "latency_p50"))) << "not measured is null, never zero";
  r.finish();
  for (const char* caveat : {"steal", "throttled", "low_overlap"})
    EXPECT_TRUE(r.to_record().caveats.contains(caveat)) << caveat;
}

TEST(cell_results, one_producer_that_feeds_two_consumers_is_fair) {
  cell c = two_threads();
  c.threads = 3;
  c.roles = {"producer", "consumer", "consumer"};
  trial_result t = one_trial();
  t.threads = {{2000, 0, 0, 1, 1, 0, 0, 0, 0}, {1000, 0, 0, 1, 1, 0, 0, 1, 0}, {1000, 0, 0, 1, 1, 0, 0, 2, 0}};
  cell_results fair(c, "compact", 4);
  fair.add_throughput(t, {});
  EXPECT_DOUBLE_EQ(value(fair, "jain_fairness"), 1);
  t.threads[1].done = 2000;
  t.threads[2].done = 0;
  cell_results unfair(c, "compact", 4);
  unfair.add_throughput(t, {});
  EXPECT_DOUBLE_EQ(value(unfair, "jain_fairness"), 9.0 / (3 * 5)) << "shares 1, 2, 0 of their roles' means";
}

TEST(cell_results, latency_and_handoff_belong_to_the_open_repetition) {
  const cell c = two_threads();
  cell_results r(c, "compact", 4);
  r.add_throughput(one_trial(), {});
  r.add_throughput(one_trial(), {});
  trial_result waits;
  waits.waits = wait_summary{10, 1, 2, 3, 4};
  r.add_latency(waits);
  trial_result owners;
  owners.self_handoff = 0.5;
  r.add_handoff(owners);
  const auto json = record::to_json(r.to_record(), 0.95);
  EXPECT_EQ(json["metrics"]["latency_p99"]["samples"].dump(), "[null,2.0]");
  EXPECT_EQ(json["metrics"]["self_handoff"]["samples"].dump(), "[null,0.5]");
  EXPECT_EQ(json["params"].dump(), R"({"inside_ns":5,"skew":"zipf"})");
  EXPECT_EQ(json["per_thread"]["operations"].dump(), "[3000,1000]");
}

TEST(cell_results, a_failed_check_leaves_no_number) {
  const cell c = two_threads();
  cell_results r(c, "compact", 4);
  r.add_throughput(one_trial(), {});
  r.add_failure({"check_failed", "the sum is 5, expected 4"});
  EXPECT_TRUE(r.failed());
  const auto json = record::to_json(r.to_record(), 0.95);
  EXPECT_TRUE(json["metrics"]["throughput"]["value"].is_null());
  EXPECT_TRUE(json["per_thread"].is_null());
  EXPECT_EQ(json["caveats"].dump(), R"(["check_failed"])");
  EXPECT_EQ(json["details"]["check_failed"], "the sum is 5, expected 4");
}

TEST(cell_results, a_timeout_keeps_the_repetitions_before_it) {
  const cell c = two_threads();
  cell_results r(c, "compact", 1);
  r.add_throughput(one_trial(), {});
  r.add_failure({"timeout", "no end"});
  EXPECT_DOUBLE_EQ(value(r, "throughput"), 4e6);
  EXPECT_THAT(r.to_record().caveats, ::testing::Contains(::testing::Key("oversubscribed")));
  EXPECT_THAT(r.to_record().caveats, ::testing::Contains(::testing::Key("timeout")));
}

TEST(cell_results, no_operation_is_not_infinitely_many_nanoseconds) {
  const cell c = two_threads();
  cell_results r(c, "compact", 4);
  trial_result t = one_trial();
  for (auto& thread : t.threads) thread.done = thread.late = 0;
  EXPECT_FALSE(r.add_throughput(t, {}));
  EXPECT_TRUE(std::isnan(value(r, "throughput"))) << "nor a throughput of zero: it was too slow to be seen";
  EXPECT_TRUE(std::isnan(value(r, "ns_per_op")));
  EXPECT_TRUE(r.to_record().caveats.contains("not_counted"));
}

TEST(google_json, names_threads_and_numbers_are_mended) {
  benchmark::BenchmarkReporter::Run run;
  run.run_name.function_name = "w/p/threads:2";
  run.run_name.iterations = "iterations:1";
  run.run_name.repetitions = "repeats:6";
  run.run_name.time_type = "manual_time";
  run.counters["good"] = 1.5;
  run.counters["bad"] = std::numeric_limits<double>::quiet_NaN();
  run.counters["cpu_ns_per_op"] = 12;
  const auto mended = run_mender({{"w/p/threads:2", 2}})({run});
  ASSERT_EQ(mended.size(), 1U);
  EXPECT_EQ(mended[0].benchmark_name(), "w/p/threads:2");
  EXPECT_EQ(mended[0].threads, 2);
  EXPECT_TRUE(mended[0].counters.contains("good"));
  EXPECT_FALSE(mended[0].counters.contains("bad"));
  EXPECT_DOUBLE_EQ(mended[0].GetAdjustedCPUTime(), 12);
}

TEST(google_json, a_repetition_that_failed_is_not_one_of_no_time) {
  const auto json = nlohmann::json::parse(mended_context(
      R"({"context": {}, "benchmarks": [{"name": "a", "error_occurred": true, "real_time": 0.0}, {"name": "b"}]})"));
  ASSERT_EQ(json["benchmarks"].size(), 1U);
  EXPECT_EQ(json["benchmarks"][0]["name"], "b");
}

TEST(google_json, an_unfinished_file_is_closed) {
  const auto text =
      mended_context("{\n  \"context\": {\"cpu_scaling_enabled\": false},\n  \"benchmarks\": [\n    {\"name\": \"a\"}");
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["benchmarks"].size(), 1U);
}

}  // namespace
}  // namespace contend::bench
