// SPDX-License-Identifier: MIT
// Groups that fit, that do not, that share, starve and fail, on a PMU made for it and on the kernel's software events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "fake_pmu.hpp"

namespace {

using namespace contend::counters;
using contend::testing::fake_pmu;
using contend::testing::raw;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<event> raws(std::uint64_t count) {
  std::vector<event> all;
  for (std::uint64_t i = 1; i <= count; ++i) all.push_back(raw(i));
  return all;
}

TEST(event_groups, are_opened_disabled_on_this_thread_each_event_on_its_side) {
  fake_pmu pmu;
  const std::vector<event> events{raw(1), raw(2, side::kernel)};
  const thread_counters counters(events, pmu.calls());
  ASSERT_EQ(pmu.opened.size(), 2U);
  EXPECT_EQ(pmu.opened[0].disabled, 1U);
  EXPECT_EQ(pmu.opened[1].disabled, 0U);
  EXPECT_EQ(pmu.opened[0].exclude_kernel, 1U);
  EXPECT_EQ(pmu.opened[0].exclude_user, 0U);
  EXPECT_EQ(pmu.opened[0].exclude_hv, 1U);
  EXPECT_EQ(pmu.opened[1].exclude_kernel, 0U);
  EXPECT_EQ(pmu.opened[1].exclude_user, 1U);
  EXPECT_EQ(pmu.opened[0].inherit, 0U);
  EXPECT_EQ(pmu.opened[0].read_format, static_cast<std::uint64_t>(PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED |
                                                                  PERF_FORMAT_TOTAL_TIME_RUNNING));
}

TEST(event_groups, of_one_that_fits_every_reading_is_counted) {
  fake_pmu pmu;
  const auto events = raws(3);
  thread_counters counters(events, pmu.calls());
  EXPECT_THAT(counters.groups(), ElementsAre(ElementsAre(0, 1, 2)));
  counters.begin();
  counters.end();
  const auto read = counters.readings();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(read[i].what, state::counted);
    EXPECT_EQ(read[i].value, 1000.0 * static_cast<double>(i + 1)) << "one step of 1 µs between two reads";
    EXPECT_EQ(read[i].running, 1);
    EXPECT_THAT(counters.obstacles()[i].caveat, IsEmpty());
  }
}

TEST(event_groups, that_are_too_large_are_split) {
  fake_pmu pmu;
  const auto events = raws(10);
  const thread_counters counters(events, pmu.calls());
  EXPECT_THAT(counters.groups(), ElementsAre(ElementsAre(0, 1, 2, 3), ElementsAre(4, 5, 6, 7), ElementsAre(8, 9)));
  for (const auto& why : counters.obstacles()) EXPECT_THAT(why.caveat, IsEmpty());
}

TEST(event_groups, that_fit_but_never_run_because_others_hold_a_counter_are_split) {
  fake_pmu pmu;
  pmu.held = 1;
  const auto events = raws(5);
  const thread_counters counters(events, pmu.calls());
  EXPECT_THAT(counters.groups(), ElementsAre(ElementsAre(0, 1, 2), ElementsAre(3, 4)));
}

TEST(event_groups, skip_an_event_that_fails_alone_and_do_not_split_for_ever) {
  fake_pmu pmu;
  pmu.refuses = [](const perf_event_attr& attr) { return attr.config == 2 || attr.config == 5 ? EINVAL : 0; };
  const auto events = raws(6);
  const thread_counters counters(events, pmu.calls());
  EXPECT_THAT(counters.groups(), ElementsAre(ElementsAre(0), ElementsAre(2, 3), ElementsAre(5)));
  EXPECT_EQ(counters.obstacles()[1].caveat, "event_unsupported");
  EXPECT_THAT(counters.obstacles()[1].reason, HasSubstr("EINVAL"));
  EXPECT_EQ(counters.obstacles()[4].caveat, "event_unsupported");
  EXPECT_THAT(counters.obstacles()[2].caveat, IsEmpty());
}

TEST(event_groups, that_share_the_counters_are_scaled) {
  fake_pmu pmu;
  pmu.share = 0.25;
  const auto events = raws(8);
  thread_counters counters(events, pmu.calls());
  counters.begin();
  counters.end();
  const auto read = counters.readings();
  EXPECT_EQ(read[0].what, state::multiplexed);
  EXPECT_EQ(read[0].running, 0.25);
  EXPECT_EQ(read[0].value, 1000.0) << "250 counted in a quarter of the time";
  EXPECT_THAT(why_not(read[0], events[0]).reason, HasSubstr("25 %"));
  EXPECT_EQ(why_not(read[0], events[0]).caveat, "multiplexed");
}

TEST(event_groups, that_run_a_tenth_give_a_number_and_less_than_that_none) {
  for (const auto& [share, expected] : {std::pair{0.1, state::multiplexed}, std::pair{0.099, state::starved}}) {
    fake_pmu pmu;
    pmu.share = share;
    const auto events = raws(8);
    thread_counters counters(events, pmu.calls());
    counters.begin();
    counters.end();
    const auto read = counters.readings();
    EXPECT_EQ(read[0].what, expected) << share;
    EXPECT_EQ(read[0].value.has_value(), expected == state::multiplexed) << share;
    EXPECT_EQ(read[0].running, share);
  }
}

TEST(event_groups, that_never_run_are_starved_and_not_zero) {
  fake_pmu pmu;
  pmu.held = 4;
  const auto events = raws(1);
  thread_counters counters(events, pmu.calls());
  counters.begin();
  counters.end();
  const auto read = counters.readings();
  EXPECT_EQ(read[0].what, state::starved);
  EXPECT_EQ(read[0].value, std::nullopt);
  const obstacle why = why_not(read[0], events[0]);
  EXPECT_EQ(why.caveat, "multiplexed");
  EXPECT_THAT(why.reason, HasSubstr("never on a counter"));
  EXPECT_THAT(why.cure, HasSubstr("nmi_watchdog"));
}

TEST(event_groups, whose_read_gives_nothing_are_failed_until_it_gives_something_again) {
  fake_pmu pmu;
  const auto events = raws(2);
  thread_counters counters(events, pmu.calls());
  counters.begin();
  pmu.read_result = [](ssize_t) { return ssize_t{0}; };  // a pinned group that the kernel has thrown out
  counters.end();
  EXPECT_EQ(counters.readings()[0].what, state::failed);
  EXPECT_EQ(counters.readings()[0].value, std::nullopt);
  EXPECT_EQ(counters.obstacles()[1].caveat, "not_counted");
  EXPECT_THAT(counters.obstacles()[1].reason, HasSubstr("no data"));
  pmu.read_result = [](ssize_t size) { return size; };
  counters.begin();
  counters.end();
  EXPECT_EQ(counters.readings()[0].what, state::counted);
  EXPECT_THAT(counters.obstacles()[1].caveat, IsEmpty());
}

TEST(event_groups, close_everything_that_they_opened) {
  fake_pmu pmu;
  {
    const auto events = raws(9);
    thread_counters first(events, pmu.calls());
    thread_counters second(std::move(first));
    EXPECT_EQ(pmu.groups.size(), 3U);
  }
  EXPECT_TRUE(pmu.groups.empty());
}

TEST(event_groups, give_no_reading_before_an_interval_has_ended) {
  fake_pmu pmu;
  const auto events = raws(1);
  thread_counters counters(events, pmu.calls());
  EXPECT_EQ(counters.readings()[0].what, state::failed);
  counters.begin();
  EXPECT_EQ(counters.readings()[0].value, std::nullopt);
}

TEST(event_groups, of_the_kernels_software_events_count_the_interval_only) {
  event clock = raw(PERF_COUNT_SW_TASK_CLOCK);
  clock.type = PERF_TYPE_SOFTWARE;
  const std::vector<event> events{clock, clock};
  thread_counters counters(events);
  if (!counters.obstacles()[0].caveat.empty())
    GTEST_SKIP() << "not even software events here: " << counters.obstacles()[0].reason;
  const auto burn = [](int calls) {
    for (int i = 0; i < calls; ++i) ::syscall(SYS_getppid);
  };
  burn(20000);
  counters.begin();
  counters.end();
  const double nothing = counters.readings()[0].value.value_or(-1);
  counters.begin();
  burn(20000);
  counters.end();
  const auto read = counters.readings();
  EXPECT_EQ(read[0].what, state::counted);
  EXPECT_GT(read[0].value.value_or(-1), nothing) << "ns of processor time: some, against none";
  EXPECT_GE(nothing, 0);
}

}  // namespace
