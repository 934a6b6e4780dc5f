// SPDX-License-Identifier: MIT
// Lines of source are found for code of this program, inlined or not, and what there is to say without them.
#include "perf/coherence/source_lines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace contend::coherence {
namespace {

using ::testing::MatchesRegex;

[[gnu::noinline]] const void* who_called() { return __builtin_return_address(0); }

constexpr unsigned line_of_outer = __LINE__ + 1;
[[gnu::noinline]] const void* outer() { return who_called(); }

template <class T>
struct boxed {
  const void* somewhere(T) const {
    const void* const here = who_called();
    return here;
  }
};
constexpr unsigned line_in_box = __LINE__ - 4;

TEST(source_lines, a_call_is_found_with_its_file_line_and_function) {
  const source_place found = source_of(outer());
  EXPECT_EQ(found.file, "tests/perf/source_lines_test.cpp");
  EXPECT_EQ(found.line, line_of_outer);
  EXPECT_EQ(found.function, "contend::coherence::(anonymous namespace)::outer");
  EXPECT_EQ(place_of(outer()), "tests/perf/source_lines_test.cpp:" + std::to_string(line_of_outer) +
                                   " (contend::coherence::(anonymous namespace)::outer)");
}

TEST(source_lines, in_code_that_was_inlined_it_is_the_line_and_function_of_the_callee) {
  const source_place found = source_of(boxed<int>{}.somewhere(1));
  EXPECT_EQ(found.line, line_in_box);
  EXPECT_EQ(found.function, "contend::coherence::(anonymous namespace)::boxed<int>::somewhere");
}

TEST(source_lines, a_lambda_has_a_name) {
  const void* where = nullptr;
  const auto body = [&](int) { where = who_called(); };
  body(1);
  EXPECT_THAT(source_of(where).function, MatchesRegex("contend::coherence::.*::TestBody::\\(lambda\\)"));
}

TEST(source_lines, without_debugging_information_it_is_symbol_and_offset) {
  // Debian's libc comes without; where its debugging information is installed there is a line to tell.
  const char* const at = reinterpret_cast<const char*>(&std::qsort) + 2;
  EXPECT_THAT(place_of(at), ::testing::AnyOf(std::string("qsort+0x2"), MatchesRegex(".*:[0-9]+ \\(.*\\)")));
}

TEST(source_lines, what_is_no_code_is_its_address) {
  int local = 0;
  EXPECT_THAT(place_of(&local), MatchesRegex("0x[0-9a-f]+"));
  EXPECT_EQ(source_of(nullptr).line, 0U);
  EXPECT_EQ(source_of(&local).line, 0U);
}

}  // namespace
}  // namespace contend::coherence
