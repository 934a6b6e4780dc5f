// SPDX-License-Identifier: MIT
// A table of line states that has seen much says what one says that has seen nothing.
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "perf/coherence/line_states.hpp"

namespace contend::coherence {
namespace {

constexpr std::uint64_t seed = 20261121;

class line_states_of : public testing::TestWithParam<coherence_protocol> {};

TEST_P(line_states_of, many_lines_are_those_of_a_fresh_table_each_time) {
  std::mt19937_64 draw(seed);
  for (const unsigned cores : {2U, 5U, slots}) {
    line_states known(GetParam());
    std::array<const known_state*, 40> lines;
    for (auto& one : lines) one = &known.of_second_user(static_cast<unsigned>(draw() % cores));
    std::size_t collections = 0;
    for (int i = 0; i < 20'000; ++i) {
      auto& state = lines[draw() % lines.size()];
      const auto core = static_cast<unsigned>(draw() % cores);
      const auto kind = static_cast<access_kind>(draw() % 3);
      const auto part = line_part::of(static_cast<unsigned>(draw() % 3) * 8, 8);
      line_states fresh(GetParam());
      const known_state& before = fresh.intern(*state);
      const bool holder = before.views.holders()[core];
      if (kind == access_kind::load ? holder : before.owner == core) {
        state = &known.used(*state, core, kind, part);
        ASSERT_EQ(static_cast<line_state>(*state), fresh.used(before, core, kind, part));
      } else if (!holder && !before.views.has_asked(core)) {
        state = &known.asked(*state, core);
        ASSERT_EQ(static_cast<line_state>(*state), fresh.asked(before, core));
      } else {
        const bool joined = draw() % 8 == 0;
        byte_mask bytes = part.mask();
        if (joined) bytes |= byte_mask::of(120, 8);
        const line_change got = known.granted(*state, core, kind, joined ? line_part{} : part, bytes);
        const line_change expected = fresh.granted(before, core, kind, joined ? line_part{} : part, bytes);
        ASSERT_EQ(static_cast<line_state>(*got.to), *expected.to);
        ASSERT_EQ(got.invalidated, expected.invalidated);
        ASSERT_EQ(got.transferred, expected.transferred);
        ASSERT_EQ(got.upgraded, expected.upgraded);
        ASSERT_EQ(got.written_back, expected.written_back);
        ASSERT_EQ(got.because, expected.because);
        state = got.to;
      }
      ASSERT_EQ(&known.intern(*state), state) << "one object for each state";
      if (!known.crowded()) continue;
      ++collections;
      known.clear_marks();
      for (const auto* one : lines) known.mark(*one);
      known.forget_unmarked(0);
      ASSERT_LE(known.size(), lines.size());
    }
    EXPECT_GT(collections, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(protocols, line_states_of,
                         testing::Values(coherence_protocol::mesi, coherence_protocol::moesi));

TEST(line_states, that_nobody_is_in_any_more_are_forgotten) {
  line_states all(coherence_protocol::mesi);
  const auto word = line_part::of(0, 8);
  const known_state* state = &all.of_second_user(0);
  for (unsigned core = 1; core < slots; ++core) {
    state = &all.asked(*state, core);
    state = all.granted(*state, core, access_kind::rmw, word, word.mask()).to;
  }
  const line_state kept = *state;
  EXPECT_GT(all.size(), 200U);
  all.clear_marks();
  all.mark(*state);
  all.forget_unmarked(0);
  EXPECT_EQ(all.size(), 1U);
  EXPECT_EQ(static_cast<line_state>(*state), kept);
  EXPECT_EQ(&all.intern(kept), state);
}

}  // namespace
}  // namespace contend::coherence
