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
    machine m;
    m.protocol = GetParam();
    line_states known(m, cores);
    std::array<const known_state*, 40> lines;
    for (auto& one : lines) one = &known.of_second_user(static_cast<unsigned>(draw() % cores));
    std::size_t collections = 0;
    for (int i = 0; i < 20'000; ++i) {
      auto& state = lines[draw() % lines.size()];
      const auto core = static_cast<unsigned>(draw() % cores);
      const auto kind = static_cast<access_kind>(draw() % 3);
      const core_access what(core, kind, static_cast<unsigned>(draw() % 3) * 8, 8);
      line_states fresh(m, cores);
      const known_state& before = fresh.intern(*state);
      const bool holder = before.views.holders()[core];
      const auto same = [&](auto got, auto expected) {
        EXPECT_EQ(static_cast<line_state>(known.at(got.to())), static_cast<line_state>(fresh.at(expected.to())));
        EXPECT_EQ(got.word() & 0xffffffff, expected.word() & 0xffffffff) << "all else that is said of it";
        state = &known.at(got.to());
      };
      const line_use use = known.use(state->number, what);
      ASSERT_EQ(use.hit(), kind == access_kind::load ? holder : before.owner == core);
      ASSERT_EQ(use.has_copy(), holder);
      ASSERT_NO_FATAL_FAILURE(same(use, fresh.use(before.number, what)));
      if (!use.hit()) {
        const bool joined = draw() % 8 == 0;
        byte_mask bytes = what.bytes();
        if (joined) bytes |= byte_mask::of(120, 8);
        const core_access granted = joined ? what.in_parts() : what;
        const known_state& asked = fresh.intern(*state);
        same(known.granted(state->number, granted, bytes), fresh.granted(asked.number, granted, bytes));
      }
      ASSERT_FALSE(HasFailure());
      ASSERT_EQ(&known.intern(*state), state) << "one object for each state";
      if (!known.crowded()) continue;
      ++collections;
      known.clear_marks();
      for (const auto* one : lines) known.mark(one->number);
      known.forget_unmarked(0);
      ASSERT_LE(known.size(), lines.size());
    }
    EXPECT_GT(collections, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(protocols, line_states_of,
                         testing::Values(coherence_protocol::mesi, coherence_protocol::moesi));

TEST(line_states, that_nobody_is_in_any_more_are_forgotten) {
  const machine m;
  line_states all(m, slots);
  const known_state* state = &all.of_second_user(0);
  for (unsigned core = 1; core < slots; ++core) {
    const core_access what(core, access_kind::rmw, 0, 8);
    state = &all.at(all.use(state->number, what).to());
    state = &all.at(all.granted(state->number, what, {}).to());
  }
  const line_state kept = *state;
  EXPECT_GT(all.size(), 200U);
  all.clear_marks();
  all.mark(state->number);
  all.forget_unmarked(0);
  EXPECT_EQ(all.size(), 1U);
  EXPECT_EQ(static_cast<line_state>(*state), kept);
  EXPECT_EQ(&all.intern(kept), state);
}

}  // namespace
}  // namespace contend::coherence
