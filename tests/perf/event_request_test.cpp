// SPDX-License-Identifier: MIT
// What is counted when nothing is asked for, and what --events makes of right and wrong names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/perf_event.h>

#include <algorithm>
#include <set>
#include <string>

#include "perf/counters/event_catalogue.hpp"

namespace {

using namespace contend::counters;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> keys(const event_choice& choice) {
  std::vector<std::string> all;
  for (const auto& one : choice.events) all.push_back(one.key());
  return all;
}

std::vector<std::string> refused(const event_choice& choice) {
  std::vector<std::string> all;
  for (const auto& [metric, why] : choice.refused) all.push_back(metric);
  return all;
}

/// The sentence with which the list is refused.
std::string complaint(std::string_view list, std::string_view cpu, const name_resolver& resolve = {}) {
  try {
    (void)parse_events(list, cpu, resolve);
  } catch (const bad_event& wrong) {
    return wrong.what();
  }
  return "none";
}

TEST(default_events, of_a_known_processor_are_counted_or_refused_with_a_reason) {
  const auto intel = default_events("icx");
  EXPECT_THAT(keys(intel),
              ElementsAre("cycles_per_op", "cycles_kernel_per_op", "instructions_per_op", "instructions_kernel_per_op",
                          "l1d_miss_per_op", "l2_miss_per_op", "llc_miss_per_op", "modified_line_hit_per_op",
                          "rfo_per_op", "remote_hit_per_op", "memory_order_clear_per_op", "lock_load_per_op",
                          "branch_miss_per_op", "context_switches_per_op", "page_faults_per_op"));
  EXPECT_TRUE(intel.refused.empty());
  const auto amd = default_events("zen4");
  EXPECT_THAT(refused(amd), ElementsAre("llc_miss", "modified_line_hit", "memory_order_clear", "lock_load"));
  for (const auto& [metric, why] : amd.refused) {
    EXPECT_EQ(why.caveat, "event_unsupported") << metric;
    EXPECT_THAT(why.reason, HasSubstr("this processor cannot count " + metric + ": AMD")) << metric;
  }
}

TEST(default_events, of_an_unknown_processor_are_the_kernels_own) {
  const auto choice = default_events("");
  EXPECT_THAT(keys(choice),
              ElementsAre("cycles_per_op", "cycles_kernel_per_op", "instructions_per_op", "instructions_kernel_per_op",
                          "branch_miss_per_op", "context_switches_per_op", "page_faults_per_op"));
  EXPECT_EQ(choice.events[0].type, static_cast<std::uint32_t>(PERF_TYPE_HARDWARE));
  EXPECT_EQ(choice.refused.size(), 8U);
}

TEST(parse_events, takes_metrics_on_both_sides_or_one) {
  const auto choice = parse_events(" cycles:u, rfo ,branch_miss:k,page_faults", "skx");
  EXPECT_THAT(keys(choice), ElementsAre("cycles_per_op", "rfo_per_op", "rfo_kernel_per_op", "branch_miss_kernel_per_op",
                                        "page_faults_per_op"));
  EXPECT_EQ(choice.events[1].config, 0xe224U);
  EXPECT_EQ(choice.events[4].from, origin::page_faults);
  EXPECT_TRUE(choice.refused.empty());
}

TEST(parse_events, takes_the_kernels_name_where_the_processor_has_no_row_of_its_own) {
  const auto choice = parse_events("l1d_read_miss:u", "zen4");
  EXPECT_EQ(choice.events.at(0).type, static_cast<std::uint32_t>(PERF_TYPE_HW_CACHE));
  EXPECT_EQ(choice.events[0].config, 0x10000U);
}

TEST(parse_events, takes_raw_codes) {
  const auto choice = parse_events("r01d1:u,rC0", "");
  EXPECT_EQ(choice.events.at(0).type, static_cast<std::uint32_t>(PERF_TYPE_RAW));
  EXPECT_EQ(choice.events[0].config, 0x1d1U);
  EXPECT_EQ(choice.events[0].key(), "r01d1_per_op");
  EXPECT_EQ(choice.events[1].config, 0xc0U);
  EXPECT_EQ(choice.events[2].where, side::kernel);
}

TEST(parse_events, asks_the_resolver_for_everything_else) {
  const name_resolver resolve = [](const std::string& name) -> std::optional<event> {
    if (name != "zen4::SOME:EVENT") return std::nullopt;
    event made;
    made.type = PERF_TYPE_RAW;
    made.config = 0x42;
    made.name = name;
    return made;
  };
  const auto choice = parse_events("zen4::SOME:EVENT:k", "zen4", resolve);
  EXPECT_THAT(keys(choice), ElementsAre("zen4_some_event_kernel_per_op"));
  EXPECT_EQ(choice.events[0].config, 0x42U);
  EXPECT_THAT(complaint("SOME:OTHER", "zen4", resolve), HasSubstr("'SOME:OTHER' is no event"));
}

TEST(parse_events, refuses_an_empty_list_and_empty_items) {
  EXPECT_THAT(complaint("", "skx"), HasSubstr("--events: the list is empty; expected"));
  EXPECT_THAT(complaint("  ", "skx"), HasSubstr("the list is empty"));
  EXPECT_THAT(complaint("cycles,,rfo", "skx"), HasSubstr("has an empty item"));
  EXPECT_THAT(complaint("cycles,:u", "skx"), HasSubstr("has an empty item"));
}

TEST(parse_events, names_what_is_near_to_an_unknown_name) {
  EXPECT_THAT(complaint("l1_miss", "skx"), AllOf(HasSubstr("'l1_miss' is no event"), HasSubstr("l1d_miss")));
  EXPECT_THAT(complaint("cycels", "skx"), HasSubstr("near it: cycles"));
  EXPECT_THAT(complaint("page_fault", "skx"), HasSubstr("page_faults"));
  EXPECT_THAT(complaint("llc_mis", "zen4"), ::testing::Not(HasSubstr("near it: llc_miss")))
      << "nothing is suggested that this processor cannot count";
  EXPECT_THAT(complaint("rfoo", "skx"), HasSubstr("(this build resolves no libpfm4 names)"));
  EXPECT_THAT(complaint("r", "skx"), HasSubstr("is no event"));
  EXPECT_THAT(complaint("rxyz", "skx"), HasSubstr("is no event"));
  EXPECT_THAT(complaint("r123456789abcdef01", "skx"), HasSubstr("is no event")) << "more than 64 bits";
}

TEST(parse_events, refuses_events_of_other_processors) {
  EXPECT_THAT(complaint("strex_fail", "skx"),
              AllOf(HasSubstr("'strex_fail' is an event of other processors (arm_n1"), HasSubstr("this one is skx")));
  EXPECT_THAT(complaint("strex_fail", ""), HasSubstr("this one is not in the catalogue"));
  EXPECT_THAT(complaint("skx::INST_RETIRED", "zen4"), HasSubstr("an event of another processor (skx)"));
}

TEST(parse_events, refuses_what_this_processor_cannot_count_with_the_reason) {
  EXPECT_THAT(complaint("cycles,modified_line_hit", "zen5"),
              HasSubstr("this processor cannot count modified_line_hit: AMD's cores tell where a line came from"));
  EXPECT_THAT(complaint("rfo:u", "arm_v2"), HasSubstr("cannot count rfo"));
}

TEST(parse_events, refuses_the_same_twice_and_a_side_for_what_has_none) {
  EXPECT_THAT(complaint("rfo:u,cycles,rfo", "skx"), HasSubstr("'rfo' is asked for twice"));
  EXPECT_EQ(complaint("rfo:u,rfo:k", "skx"), "none");
  EXPECT_THAT(complaint("page_faults:u", "skx"), HasSubstr("page_faults is one count; expected it without :u"));
}

TEST(parse_events, refuses_more_than_can_ever_be_counted) {
  std::string list = "r1:u";
  for (int i = 2; i <= 64; ++i) list += ",r" + std::to_string(i) + ":u";
  EXPECT_EQ(parse_events(list, "skx").events.size(), max_events);
  EXPECT_THAT(complaint(list + ",r65:u", "skx"), HasSubstr("more than 64 events"));
}

}  // namespace
