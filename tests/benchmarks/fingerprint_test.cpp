// SPDX-License-Identifier: MIT
// A workload's fingerprint: found by the file that defines it, or absent with a reason.
#include "benchmarks/fingerprint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "benchmarks/run_record.hpp"
#include "benchmarks/workloads/empty.hpp"

namespace contend::bench {
namespace {

using tables = std::array<std::span<const fingerprint_row>, 2>;
constexpr fingerprint_row one[] = {{"benchmarks/workloads/a.hpp", "aaaa"}, {"a.hpp", "short"}};
constexpr fingerprint_row two[] = {{"b.hpp", "bbbb"}, {"same.hpp", "1111"}};
constexpr fingerprint_row three[] = {{"same.hpp", "2222"}, {"b.hpp", "bbbb"}};

TEST(fingerprint, is_that_of_the_longest_path_that_the_file_ends_in) {
  const tables both{one, two};
  EXPECT_EQ(fingerprint_in(both, "/somewhere/benchmarks/workloads/a.hpp").digest, "aaaa");
  EXPECT_EQ(fingerprint_in(both, "benchmarks/workloads/a.hpp").digest, "aaaa");
  EXPECT_EQ(fingerprint_in(both, "../benchmarks/peers/../workloads/a.hpp").digest, "aaaa");
  EXPECT_EQ(fingerprint_in(both, "/elsewhere/a.hpp").digest, "short");
}

TEST(fingerprint, is_absent_where_the_file_is_not_known_and_says_so) {
  const auto found = fingerprint_in(tables{one, two}, "/mine/other_a.hpp");
  EXPECT_EQ(found.digest, "");
  EXPECT_EQ(found.reason, "the build was not told of /mine/other_a.hpp; contend_fingerprints() in CMake tells it");
}

TEST(fingerprint, is_absent_where_two_files_could_be_meant) {
  EXPECT_EQ(fingerprint_in(tables{two, three}, "/x/b.hpp").digest, "bbbb") << "the same file, told twice";
  const auto found = fingerprint_in(tables{two, three}, "/x/same.hpp");
  EXPECT_EQ(found.digest, "");
  EXPECT_EQ(found.reason, "two files of this program are called same.hpp");
}

TEST(fingerprint, of_every_workload_of_the_catalogue_is_known) {
  matrix all({1});
  add_catalogue(all);
  for (const auto& entry : workloads_json(all)) {
    ASSERT_TRUE(entry.contains("fingerprint")) << entry;
    EXPECT_THAT(entry["fingerprint"].get<std::string>(), ::testing::MatchesRegex("[0-9a-f]{16}")) << entry;
    EXPECT_FALSE(entry.contains("no_fingerprint"));
  }
}

/// One of another project, which did not tell.
struct untold : empty {
  static constexpr workload_facts facts{.name = "untold",
                                        .family = "apparatus",
                                        .question = "?",
                                        .operation = "nothing",
                                        .contends_on = "nothing",
                                        .reference = ""};
};

TEST(fingerprint, of_a_program_s_own_workload_is_absent_with_the_reason_if_nobody_told) {
  matrix all({1});
  add_catalogue(all);
  all.add<untold>(type_list<nothing>{});
  const auto entry = workloads_json(all).back();
  EXPECT_EQ(entry["workload"], "untold");
  EXPECT_FALSE(entry.contains("fingerprint"));
  EXPECT_THAT(entry["no_fingerprint"].get<std::string>(), ::testing::HasSubstr("fingerprint_test.cpp"));
}

}  // namespace
}  // namespace contend::bench
