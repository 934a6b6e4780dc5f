// SPDX-License-Identifier: MIT
// Busy work: what is calibrated is the code that runs.
#include "primitives/platform.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace contend {
namespace {

TEST(busy_work, is_one_piece_of_code_at_the_start_of_a_line) {
  // Not inlined, so that it has one address; and how long a turn takes hangs on where the loop lies in its line.
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&platform::detail::spin_work) % 64, 0U);
}

TEST(busy_work, is_calibrated_to_what_this_machine_does_in_a_nanosecond) {
  const double per_ns = platform::calibrate_work();
  EXPECT_GT(per_ns, 0.01) << "100 ns for a turn";
  EXPECT_LT(per_ns, 100) << "no processor does 100 turns per ns";
  EXPECT_EQ(platform::detail::turns_per_1024_ns.load(), static_cast<std::uint64_t>(per_ns * 1024));
  platform::work(0);
  platform::work(100);
}

}  // namespace
}  // namespace contend
