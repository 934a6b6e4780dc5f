// SPDX-License-Identifier: MIT
// The lens `counters`: what a trial counts is exact, what cannot be counted has its reason and no number.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "benchmarks/lens_counters.hpp"
#include "benchmarks/trial.hpp"
#include "perf/counters/thread_counters.hpp"
#include "tests/support/known_costs.hpp"

namespace contend::bench {
namespace {

using namespace std::chrono_literals;
using counters::event;
using counters::origin;
using counters::side;
using counters::state;
using testing::faults_per_step;
using testing::known_cell;

const std::vector<event> software = testing::software_events();

event hardware(std::string metric) {
  event e;
  e.metric = std::move(metric);
  return e;
}

#if defined(__SANITIZE_THREAD__)
constexpr bool exact = false;  // its runtime's shadow memory has page faults, and its locks switches, of their own
#elif defined(__has_feature)
constexpr bool exact = !__has_feature(thread_sanitizer);
#else
constexpr bool exact = true;
#endif

TEST(counter_trial, known_faults_and_switches_per_operation_are_read_exactly) {
  team threads({});
  for (const unsigned n : {1U, 2U, 4U, 8U}) {
    std::vector<bool> slept(n);
    for (int attempt = 0; attempt < 200 && std::count(slept.begin(), slept.end(), false) > 0; ++attempt) {
      const auto result = threads.run(known_cell(n), trial_kind::counters, 20ms, software);
      ASSERT_EQ(result.threads.size(), n);
      for (unsigned i = 0; i < n; ++i) {
        const auto& t = result.threads[i];
        ASSERT_EQ(t.counts.size(), software.size());
        const auto metered = static_cast<double>(t.metered);
        if (exact) {
          EXPECT_EQ(t.counts[0].value, faults_per_step * metered);
          EXPECT_LE(*t.counts[1].value, metered) << "a sleep is one at most";
        }
        EXPECT_GE(*t.counts[0].value, faults_per_step * metered);
        EXPECT_EQ(*t.counts[3].value, *t.counts[1].value + *t.counts[2].value);
        EXPECT_LE(t.metered, t.done);
        // Where a thread loses its processor on the way to sleep, its timer may be over before it gets there.
        if (t.metered > 0 && (*t.counts[1].value == metered || (!exact && *t.counts[1].value > metered)))
          slept[i] = true;
      }
    }
    EXPECT_EQ(std::count(slept.begin(), slept.end(), false), 0)
        << "in some trial every sleep of a thread is one voluntary switch, for each of " << n;
  }
}

TEST(counter_trial, an_event_that_nobody_has_costs_no_trial) {
  event nonsense = hardware("nonsense");
  nonsense.type = 0x7fffffff;  // no such PMU, on any machine
  team threads({});
  const auto result = threads.run(known_cell(2), trial_kind::counters, 5ms, std::vector{nonsense, software[0]});
  for (const auto& t : result.threads) {
    EXPECT_FALSE(t.counts[0].value);
    EXPECT_EQ(t.counts[0].what, state::failed);
    EXPECT_GE(*t.counts[1].value, static_cast<double>(faults_per_step * t.metered));
    if (exact) {
      EXPECT_EQ(t.counts[1].value, static_cast<double>(faults_per_step * t.metered));
    }
  }
  ASSERT_EQ(result.obstacles.size(), 2U);
  EXPECT_NE(result.obstacles[0].caveat, "");
  EXPECT_NE(result.obstacles[0].reason, "");
  EXPECT_EQ(result.obstacles[1].caveat, "");
}

counters::event_status status(event what, state how, double running, counters::obstacle why = {}) {
  return {std::move(what), how, running, std::move(why)};
}

event_plan plan_of(std::vector<counters::event_status> events, bool pmu, bool by_name = false) {
  counters::event_choice choice;
  counters::capability can;
  can.hardware = pmu;
  if (!pmu) can.why = {"no_pmu", "there is no PMU.", "Buy one."};
  for (const auto& one : events) choice.events.push_back(one.what);
  can.events = std::move(events);
  choice.refused.emplace_back("rfo", counters::obstacle{"event_unsupported", "this CPU has no such event.", ""});
  return {std::move(choice), std::move(can), "zen4", 2, by_name};
}

TEST(event_plan, counts_only_what_the_machine_has_and_names_the_rest) {
  const auto plan =
      plan_of({status(hardware("cycles"), state::counted, 1),
               status(hardware("ghost"), state::unsupported, 1, {"event_unsupported", "it reads 0.", ""})},
              true);
  ASSERT_EQ(plan.events().size(), 1U);
  EXPECT_EQ(plan.events()[0].metric, "cycles");
  EXPECT_THAT(plan.keys(), ::testing::ElementsAre("cycles_per_op", "ghost_per_op", "rfo_per_op"));
  EXPECT_THAT(plan.caveats().at("event_unsupported"), ::testing::HasSubstr("ghost, rfo"));
  const auto json = plan.to_json();
  EXPECT_EQ(json["available"], true);
  EXPECT_EQ(json["events"].size(), 3U);
  EXPECT_EQ(json["events"][1]["state"], "unsupported");
  EXPECT_TRUE(json["events"][1]["running"].is_null());
  EXPECT_EQ(json["events"][2]["reason"], "this CPU has no such event.");
}

TEST(event_plan, without_a_pmu_there_are_no_counter_trials_unless_software_events_were_asked_for) {
  const std::vector<counters::event_status> events{
      status(hardware("cycles"), state::failed, 0, {"no_pmu", "there is no PMU.", "Buy one."}),
      status(software[0], state::counted, 1)};
  const auto plan = plan_of(events, false);
  EXPECT_TRUE(plan.events().empty());
  EXPECT_EQ(plan.caveats().at("no_pmu"), "there is no PMU.");
  EXPECT_THAT(plan.notice(), ::testing::HasSubstr("there is no PMU."));
  EXPECT_EQ(plan_of(events, false, true).events().size(), 1U);
}

trial_result counted_trial(counters::reading one, counters::reading two) {
  trial_result t;
  t.threads.resize(2);
  t.threads[0].metered = 300;
  t.threads[1].metered = 100;
  t.threads[0].counts = {one};
  t.threads[1].counts = {two};
  t.obstacles.resize(1);
  return t;
}

nlohmann::ordered_json metrics_of(const counter_results& r) {
  return record::to_json(r.to_record(), 0.95).at("metrics");
}

TEST(counter_results, are_all_events_over_all_operations_that_they_cover) {
  const auto plan = plan_of({status(hardware("cycles"), state::counted, 1)}, true);
  const cell c = known_cell(2);
  counter_results r(c, "compact", 4, plan);
  r.add(counted_trial({1000, state::counted, 1}, {200, state::multiplexed, 0.5}));
  r.finish();
  const auto metrics = metrics_of(r);
  EXPECT_DOUBLE_EQ(metrics["cycles_per_op"]["value"].get<double>(), 3);
  EXPECT_DOUBLE_EQ(metrics["cycles_per_op"]["running"].get<double>(), 0.5);
  EXPECT_TRUE(metrics["rfo_per_op"]["value"].is_null());
  EXPECT_TRUE(r.to_record().caveats.contains("event_unsupported"));
  EXPECT_THAT(r.to_record().caveats.at("multiplexed"), ::testing::HasSubstr("cycles_per_op"));
  EXPECT_EQ(r.to_record().lens, "counters");
}

TEST(counter_results, an_event_without_a_number_on_one_thread_has_none_for_all) {
  const auto plan = plan_of({status(hardware("cycles"), state::counted, 1)}, true);
  const cell c = known_cell(2);
  counter_results starved(c, "compact", 4, plan);
  starved.add(counted_trial({1000, state::counted, 1}, {std::nullopt, state::starved, 0.01}));
  starved.finish();
  EXPECT_TRUE(metrics_of(starved)["cycles_per_op"]["value"].is_null());
  EXPECT_THAT(starved.to_record().caveats.at("multiplexed"), ::testing::HasSubstr("a tenth"));

  counter_results failed(c, "compact", 4, plan);
  auto trial = counted_trial({1000, state::counted, 1}, {std::nullopt, state::failed, 0});
  trial.obstacles[0] = {"not_counted", "too many open files.", "Raise the limit."};
  failed.add(trial);
  EXPECT_TRUE(metrics_of(failed)["cycles_per_op"]["value"].is_null());
  EXPECT_THAT(failed.to_record().caveats.at("not_counted"), ::testing::HasSubstr("too many open files."));
}

TEST(counter_results, a_repetition_without_a_number_says_why) {
  const auto plan = plan_of({status(hardware("cycles"), state::counted, 1)}, true);
  const cell c = known_cell(2);
  counter_results late(c, "compact", 4, plan);  // metered, but nothing of it within the window
  late.add(counted_trial({1000, state::counted, 1}, {200, state::counted, 1}));
  EXPECT_TRUE(metrics_of(late)["ns_per_op"]["value"].is_null());
  EXPECT_THAT(late.to_record().caveats.at("not_counted"), ::testing::HasSubstr("ns_per_op"));
  counter_results untried(c, "compact", 4, plan);
  untried.add_nothing("nobody ran");
  EXPECT_EQ(untried.repetitions(), 1U);
  EXPECT_EQ(metrics_of(untried)["cycles_per_op"]["samples"].size(), 1U);
  EXPECT_EQ(untried.to_record().caveats.at("not_counted"), "nobody ran");
}

TEST(counter_results, without_a_pmu_no_cell_holds_a_number_and_each_says_why) {
  const auto plan = plan_of({status(hardware("cycles"), state::failed, 0, {"no_pmu", "there is no PMU.", ""})}, false);
  const cell c = known_cell(2);
  const counter_results r(c, "compact", 4, plan);
  for (const auto& metric : metrics_of(r)) EXPECT_TRUE(metric["value"].is_null());
  EXPECT_EQ(r.to_record().caveats.at("no_pmu"), "there is no PMU.");
}

}  // namespace
}  // namespace contend::bench
