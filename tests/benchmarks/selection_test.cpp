// SPDX-License-Identifier: MIT
// Which cells a run has: thread counts by machine, profiles, the 400-cell rule, names that do not exist.
#include "benchmarks/selection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "perf/nearest.hpp"

namespace contend::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

options quick() {
  options asked;
  asked.repetitions = 6;
  asked.window = std::chrono::milliseconds(40);
  asked.latency_window = std::chrono::milliseconds(15);
  return asked;
}

matrix catalogue(unsigned processors) {
  matrix all(thread_counts(quick(), processors));
  add_catalogue(all);
  return all;
}

std::string complaint(const matrix& all, const options& asked) {
  try {
    (void)select(all, asked, 4);
  } catch (const usage_error& wrong) {
    return wrong.what();
  }
  return "nothing";
}

TEST(thread_counts, follow_the_processors_and_the_profile) {
  options full = quick();
  full.profile = "full";
  EXPECT_THAT(thread_counts(full, 1), ElementsAre(1, 2));
  EXPECT_THAT(thread_counts(full, 4), ElementsAre(1, 2, 4, 8));
  EXPECT_THAT(thread_counts(full, 6), ElementsAre(1, 2, 4, 6, 12));
  EXPECT_THAT(thread_counts(quick(), 1), ElementsAre(1, 2));
  EXPECT_THAT(thread_counts(quick(), 2), ElementsAre(1, 2, 4));
  EXPECT_THAT(thread_counts(quick(), 64), ElementsAre(1, 2, 64, 128));
  options own = quick();
  own.threads = {3, 5};
  EXPECT_THAT(thread_counts(own, 64), ElementsAre(3, 5));
}

TEST(selection, quick_profile_has_every_primitive_within_400_cells_and_five_minutes) {
  for (const unsigned processors : {1U, 2U, 4U, 8U, 16U, 64U, 128U}) {
    const matrix all = catalogue(processors);
    const selection chosen = select(all, quick(), processors);
    EXPECT_LE(chosen.measured(), 400U) << processors;
    EXPECT_LE(planned_time(chosen, quick(), true).count(), 290) << processors << " with counter trials";
    for (const auto& c : chosen.cells) EXPECT_THAT(c.skipped, ::testing::Not(HasSubstr("400"))) << c.what->name;
    for (const auto& entry : all.catalogue()) {
      bool found = false;
      for (const auto& c : chosen.cells)
        found =
            found || (c.what->family == entry.family && c.what->about.name == entry.about.name && c.skipped.empty());
      EXPECT_TRUE(found) << entry.family << ": " << entry.about.name << " at " << processors;
    }
  }
}

TEST(selection, every_family_has_a_baseline_at_every_thread_count) {
  const matrix all = catalogue(4);
  std::map<std::pair<std::string, unsigned>, bool> has;
  for (const auto& c : select(all, quick(), 4).cells) has[{c.what->family, c.what->threads}] |= c.what->about.baseline;
  for (const auto& [where, found] : has) EXPECT_TRUE(found) << where.first << " at " << where.second << " threads";
}

/// A workload with one parameter set of each kind.
struct four_sets {
  static constexpr workload_facts facts{.name = "sets",
                                        .family = "sets",
                                        .question = "?",
                                        .operation = "nothing",
                                        .contends_on = "nothing",
                                        .reference = "ours"};
  struct params {
    std::string_view kind;
    template <class V>
    void visit(V v) const {
      v("kind", kind);
    }
  };
  static std::vector<sample<params>> matrix(unsigned) {
    return {{{"main"}, quick_part::main},
            {{"whole"}, quick_part::whole},
            {{"ends"}, quick_part::ends},
            {{"none"}, quick_part::none}};
  }
  static std::vector<claim> claims() { return {}; }
  template <class>
  static constexpr std::string_view not_applicable{};
  template <class>
  struct state {
    state(const params&, unsigned) {}
    template <class Probe>
    step_result step(Probe&, unsigned) {
      return {1, 0};
    }
    void stop() {}
    std::string check(auto) { return {}; }
  };
};
struct ours {
  static constexpr contend::facts facts{.name = "ours", .summary = "of the catalogue"};
};
struct theirs {
  static constexpr contend::facts facts{.name = "theirs", .summary = "a peer", .origin = "somebody"};
};

/// The thread counts at which P is measured in the set, as "1,2,4".
template <class P>
std::string counts_of(const std::string& kind, const options& asked, unsigned processors) {
  matrix all(thread_counts(asked, processors));
  all.add<four_sets>(type_list<P>{});
  std::string counts;
  for (const auto& c : select(all, asked, processors).cells)
    if (c.skipped.empty() && c.what->name.find("kind:" + kind) != std::string::npos)
      counts += (counts.empty() ? "" : ",") + std::to_string(c.what->threads);
  return counts;
}

TEST(selection, quick_has_side_questions_at_the_ends_and_peers_in_the_main_set_up_to_all_processors) {
  EXPECT_EQ(counts_of<ours>("main", quick(), 4), "1,2,4,8");
  EXPECT_EQ(counts_of<ours>("whole", quick(), 4), "1,2,4,8");
  EXPECT_EQ(counts_of<ours>("ends", quick(), 4), "1,4");
  EXPECT_EQ(counts_of<ours>("none", quick(), 4), "");
  EXPECT_EQ(counts_of<theirs>("main", quick(), 4), "1,2,4");
  EXPECT_EQ(counts_of<theirs>("main", quick(), 64), "1,2,64");
  EXPECT_EQ(counts_of<theirs>("main", quick(), 1), "1,2") << "a queue's main set wants two threads";
  for (const char* kind : {"whole", "ends", "none"}) EXPECT_EQ(counts_of<theirs>(kind, quick(), 4), "") << kind;
  options asked = quick();
  asked.threads = {3, 8};  // counts that were asked for are taken as they are
  EXPECT_EQ(counts_of<ours>("ends", asked, 4), "3,8");
  EXPECT_EQ(counts_of<theirs>("main", asked, 4), "3,8");
  options full = quick();
  full.profile = "full";
  EXPECT_EQ(counts_of<theirs>("none", full, 4), "1,2,4,8");
}

TEST(selection, names_are_unique) {
  const matrix all = catalogue(4);
  EXPECT_NO_THROW(all.refuse_duplicates());
}

TEST(selection, fifo_spinners_are_skipped_beyond_the_processors_unless_asked_for) {
  const matrix all = catalogue(4);
  options asked = quick();
  asked.primitives = {"mcs"};
  for (const auto& c : select(all, asked, 4).cells)
    EXPECT_EQ(c.skipped.empty(), c.what->not_applicable.empty() && c.what->threads <= 4) << c.what->name;
  asked.oversubscribe_spinners = true;
  for (const auto& c : select(all, asked, 4).cells)
    EXPECT_EQ(c.skipped.empty(), c.what->not_applicable.empty()) << c.what->name;
}

TEST(selection, a_wrong_name_is_answered_with_the_nearest) {
  const matrix all = catalogue(4);
  options asked = quick();
  asked.primitives = {"std_mutx"};
  EXPECT_THAT(complaint(all, asked), HasSubstr("--primitive: 'std_mutx' does not exist; did you mean std_mutex"));
  asked = quick();
  asked.workloads = {"critical"};
  EXPECT_THAT(complaint(all, asked), HasSubstr("critical_section"));
  asked = quick();
  asked.families = {"zzz"};
  EXPECT_THAT(complaint(all, asked), HasSubstr("expected one of"));
  asked = quick();
  asked.filter = "no such cell";
  EXPECT_THAT(complaint(all, asked), HasSubstr("no cell"));
}

TEST(selection, a_filter_that_begins_with_a_dash_is_turned_round) {
  const matrix all = catalogue(2);
  options asked = quick();
  asked.filter = "mcs";
  const auto with = select(all, asked, 2).cells.size();
  asked.filter = "-mcs";
  const auto without = select(all, asked, 2).cells.size();
  EXPECT_GT(with, 0U);
  EXPECT_EQ(with + without, select(all, quick(), 2).cells.size());
}

TEST(nearest, ranks_by_edit_distance) {
  const std::vector<std::string> known{"ticket", "mcs", "ttas", "tas"};
  EXPECT_THAT(nearest("tickt", known), ElementsAre("ticket"));
  EXPECT_THAT(nearest("taz", known), ::testing::Contains("tas"));
  EXPECT_THAT(nearest("completely different", known), ElementsAre());
}

}  // namespace
}  // namespace contend::bench
