// SPDX-License-Identifier: MIT
// What the probe says of events that count, that stay 0, that starve and that cannot be opened.
#include "perf/counters/capability.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include "fake_pmu.hpp"

namespace {

using namespace contend::counters;
using contend::testing::fake_pmu;
using contend::testing::raw;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

event software(std::uint64_t config) {
  event made = raw(config);
  made.type = PERF_TYPE_SOFTWARE;
  return made;
}

event of_rusage(origin from) {
  event made;
  made.metric = made.name = "of_rusage";
  made.from = from;
  return made;
}

TEST(probe, tells_counted_from_always_zero) {
  fake_pmu pmu;
  const std::vector<event> events{raw(1), raw(0)};  // the PMU made for it counts config × time
  const capability found = probe(events, pmu.calls());
  ASSERT_EQ(found.events.size(), 2U);
  EXPECT_EQ(found.events[0].how, state::counted);
  EXPECT_THAT(found.events[0].why.caveat, IsEmpty());
  EXPECT_EQ(found.events[1].how, state::unsupported);
  EXPECT_EQ(found.events[1].why.caveat, "event_unsupported");
  EXPECT_THAT(found.events[1].why.reason, HasSubstr("stayed 0"));
  EXPECT_TRUE(found.hardware);
  EXPECT_TRUE(found.kernel_side);
  EXPECT_THAT(found.why.caveat, IsEmpty());
}

TEST(probe, tries_each_group_alone_so_that_none_starves_another) {
  fake_pmu pmu;
  pmu.counters = 2;
  pmu.share = 0.05;
  std::vector<event> events{raw(1), raw(2), raw(3), raw(4), raw(5)};
  const capability found = probe(events, pmu.calls());
  for (const auto& one : found.events) EXPECT_EQ(one.how, state::counted) << one.what.metric;
}

TEST(probe, says_starved_where_others_hold_every_counter) {
  fake_pmu pmu;
  pmu.held = pmu.counters;
  const std::vector<event> events{raw(1)};
  const capability found = probe(events, pmu.calls());
  EXPECT_EQ(found.events[0].how, state::starved);
  EXPECT_EQ(found.events[0].why.caveat, "multiplexed");
  EXPECT_FALSE(found.hardware);
  EXPECT_EQ(found.why.caveat, "multiplexed");
}

TEST(probe, gives_the_machines_reason_once_and_each_events_own) {
  fake_pmu pmu;
  pmu.refuses = [](const perf_event_attr&) { return ENOSYS; };
  const std::vector<event> events{raw(1), of_rusage(origin::page_faults)};
  const capability found = probe(events, pmu.calls());
  EXPECT_FALSE(found.hardware);
  EXPECT_FALSE(found.kernel_side);
  EXPECT_THAT(found.why.reason, HasSubstr("ENOSYS"));
  EXPECT_EQ(found.events[0].how, state::failed);
  EXPECT_THAT(found.events[0].why.reason, HasSubstr("ENOSYS"));
  EXPECT_EQ(found.events[1].how, state::counted);
}

TEST(probe, says_that_only_the_kernel_side_is_refused) {
  fake_pmu pmu;
  pmu.refuses = [](const perf_event_attr& attr) { return attr.exclude_kernel == 0 ? EPERM : 0; };
  const capability found = probe({}, pmu.calls());
  EXPECT_TRUE(found.hardware);
  EXPECT_FALSE(found.kernel_side);
  EXPECT_FALSE(found.why.caveat.empty());
  EXPECT_TRUE(found.events.empty());
}

TEST(probe, on_the_real_kernel_counts_what_its_load_causes_and_no_more) {
  const std::vector<event> events{software(PERF_COUNT_SW_TASK_CLOCK), software(PERF_COUNT_SW_PAGE_FAULTS),
                                  software(PERF_COUNT_SW_EMULATION_FAULTS), of_rusage(origin::page_faults),
                                  of_rusage(origin::voluntary_switches)};
  cpu_set_t before, after;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  const capability found = probe(events);
  ASSERT_EQ(::sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after)) << "the caller's processors are its own";
  EXPECT_EQ(found.events[3].how, state::counted);
  EXPECT_EQ(found.events[4].how, state::counted);
  if (found.events[0].how == state::failed) GTEST_SKIP() << "no software events here: " << found.events[0].why.reason;
  EXPECT_EQ(found.events[0].how, state::counted);
  EXPECT_EQ(found.events[1].how, state::counted);
  EXPECT_EQ(found.events[2].how, state::unsupported) << "this processor emulates no instruction";
}

}  // namespace
