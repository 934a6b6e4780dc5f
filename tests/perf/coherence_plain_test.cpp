// SPDX-License-Identifier: MIT
// A program without debugging information is told by symbols and offsets, and that it is. Compiled with -g0.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <typeinfo>

#include "perf/coherence/attribution.hpp"
#include "perf/coherence/simulation.hpp"

namespace plain {

struct pair_of_words {
  volatile unsigned long a = 0, b = 0;
};
alignas(64) pair_of_words words;

}  // namespace plain

namespace contend::coherence {
namespace {

using ::testing::StartsWith;

line_report worst_line_of(plain::pair_of_words& on) {
  machine m;
  m.name = "test";
  m.near = {4'000, 6'000, 6'000, 6'000};
  m.load = m.store = 400;
  simulation all(m, 2);
  all.run(
      [&](unsigned i) {
        for (int k = 0; k < 500; ++k) (i == 0 ? on.a : on.b) = 1;
      },
      [] {}, 1'000'000'000'000);
  const auto lines = top_lines(all.model(), 1);
  return lines.empty() ? line_report{} : lines[0];
}

TEST(without_debugging_information, a_variable_is_its_symbol_with_offsets) {
  const line_report l = worst_line_of(plain::words);
  EXPECT_EQ(l.object, "plain::words");
  EXPECT_THAT(l.label, StartsWith("plain::words+0x0, plain::words+0x8 ("));
  EXPECT_THAT(l.label, ::testing::HasSubstr("debug information"));
  ASSERT_EQ(l.fields.size(), 2U);
  EXPECT_EQ(l.fields[1].name, "plain::words+0x8");
  EXPECT_EQ(l.fields[1].offset, 8U);
  EXPECT_EQ(l.fields[1].size, 8U);
  ASSERT_FALSE(l.sites.empty());
  EXPECT_THAT(l.sites[0].source, ::testing::HasSubstr("worst_line_of")) << "its function's symbol";
}

TEST(without_debugging_information, a_registered_object_is_its_type_with_offsets) {
  alignas(64) static plain::pair_of_words one;
  note_object(&one, sizeof one, typeid(one), "");
  const line_report l = worst_line_of(one);
  forget_object(&one);
  EXPECT_EQ(l.object, "plain::pair_of_words");
  EXPECT_THAT(l.label, StartsWith("plain::pair_of_words"));
  ASSERT_EQ(l.fields.size(), 2U);
  EXPECT_EQ(l.fields[0].name, "+0x0");
  EXPECT_EQ(l.fields[1].name, "+0x8");
}

}  // namespace
}  // namespace contend::coherence
