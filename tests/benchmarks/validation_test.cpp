// SPDX-License-Identifier: MIT
// Validation: what failed to be simulated is no prediction, and schedules are told by their median.
#include "benchmarks/validation.hpp"

#include <gmock/gmock.h>

#include "tests/support/known_costs.hpp"

namespace contend::bench {
namespace {

using nlohmann::ordered_json;
using ::testing::HasSubstr;
using testing::known_cell;

/// What the simulating program says of a schedule in which an operation took so long.
ordered_json answer(double ns) {
  ordered_json counts;
  for (const char* key : {"accesses", "line_transfers", "invalidations", "upgrades", "true_sharing", "false_sharing",
                          "failed_cas", "spins", "parks"})
    counts[key] = 0;
  return {{"done", {100}},    {"failed", {0}},    {"window_ps", ns * 1000 * 100},
          {"counts", counts}, {"waits", nullptr}, {"owners", nullptr}};
}
const ordered_json stopped{{"caveat", "timeout"}, {"why", "it did not end"}};

compared_cell compared(const cell& what, std::vector<double> measured, const std::vector<ordered_json>& answers) {
  coherence_results simulated(what);
  for (const auto& one : answers) simulated.add(one);
  compared_cell out{&what, std::move(measured)};
  take_simulated(out, simulated);
  return out;
}

TEST(validation, schedules_are_told_by_the_median_of_those_with_a_number) {
  const cell what = known_cell(1);
  EXPECT_DOUBLE_EQ(*compared(what, {10}, {answer(50), answer(20), answer(30)}).simulated_ns, 30);
  const compared_cell one = compared(what, {10}, {stopped, answer(20), stopped});
  EXPECT_DOUBLE_EQ(*one.simulated_ns, 20);
  EXPECT_EQ(one.why_not, "");
}

TEST(validation, what_failed_is_no_prediction_and_says_why) {
  const cell what = known_cell(1);
  const compared_cell failed = compared(what, {20}, {stopped, stopped});
  EXPECT_FALSE(failed.simulated_ns);
  EXPECT_THAT(failed.why_not, HasSubstr("it was not simulated: timeout: it did not end"));
  const compared_cell fast = compared(what, {10}, {answer(11)});
  const compared_cell slow = compared(what, {20}, {answer(24)});
  const fidelity found = fidelity_of({fast, failed, slow}, "");
  EXPECT_EQ(found.cells, 2U);
  EXPECT_EQ(found.pairs, 1U);
  EXPECT_EQ(found.distinct_pairs, 1U);
  EXPECT_NEAR(*found.median_ape, 0.15, 1e-12);
  EXPECT_DOUBLE_EQ(*found.kendall_tau, 1);
  EXPECT_DOUBLE_EQ(*found.kendall_tau_distinct, 1);
  EXPECT_EQ(fidelity_of({failed}, "").median_ape, std::nullopt);
}

}  // namespace
}  // namespace contend::bench
