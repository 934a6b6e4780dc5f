// SPDX-License-Identifier: MIT
// Lines are named: variables, stacks and thread-locals on known bytes, touched by known threads from known lines.
#include "coherence_attribution.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "model_request.hpp"
#include "perf/coherence/attribution_names.hpp"
#include "perf/coherence/heap.hpp"
#include "perf/coherence/layout_index.hpp"

namespace contend::coherence {
namespace {

places words;

TEST(attribution, two_counters_of_one_struct_are_told_apart_by_field_and_thread) {
  constexpr unsigned here = __LINE__ + 3;
  const auto lines = lines_of(2, [](unsigned i) {
    if (i == 0)
      words.a = words.a + 1;
    else
      words.b = words.b + 1;
  });
  ASSERT_EQ(lines.size(), 1U);
  const line_report& l = lines[0];
  EXPECT_EQ(l.object, "words");
  EXPECT_EQ(l.label, "words.a, words.b");
  EXPECT_EQ(fields_in(l), (names{"words.a@0+8", "words.b@8+8"}));
  ASSERT_EQ(l.bytes.size(), 2U);
  EXPECT_EQ(l.bytes[0].thread, 0U);
  EXPECT_EQ(l.bytes[0].read, (bytes{{0, 8}}));
  EXPECT_EQ(l.bytes[0].wrote, (bytes{{0, 8}}));
  EXPECT_EQ(l.bytes[1].thread, 1U);
  EXPECT_EQ(l.bytes[1].read, (bytes{{8, 16}}));
  EXPECT_EQ(l.bytes[1].wrote, (bytes{{8, 16}}));
  EXPECT_EQ(l.counts.true_sharing, 0U);
  EXPECT_GT(l.counts.false_sharing, 0U);
  std::uint64_t at_sites = 0;
  for (const auto& s : l.sites) {
    EXPECT_TRUE(s.source == "tests/perf/coherence_attribution_test.cpp:" + std::to_string(here) ||
                s.source == "tests/perf/coherence_attribution_test.cpp:" + std::to_string(here + 2))
        << s.source;
    EXPECT_EQ(s.true_sharing, 0U);
    at_sites += s.false_sharing;
  }
  EXPECT_EQ(at_sites, l.counts.false_sharing) << "every miss has its place";
}

TEST(attribution, on_a_line_of_128_the_field_64_bytes_away_is_on_it_too) {
  const auto step = [](unsigned i) {
    if (i == 0)
      words.a = words.a + 1;
    else
      words.c = words.c + 1;
  };
  EXPECT_TRUE(lines_of(2, step).empty());
  const auto lines = lines_of(2, step, 128);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].size, 128U);
  EXPECT_EQ(fields_in(lines[0]), (names{"words.a@0+8", "words.c@64+8"}));
  ASSERT_EQ(lines[0].bytes.size(), 2U);
  EXPECT_EQ(lines[0].bytes[1].wrote, (bytes{{64, 72}}));
}

struct slot {
  std::atomic<unsigned> count{0};
  std::atomic<unsigned> other{0};
};
alignas(64) std::array<slot, 8> slots;

TEST(attribution, slots_of_an_array_are_told_by_index_and_folded_in_the_label) {
  const auto lines = lines_of(8, [](unsigned i) { slots[i].count.fetch_add(1, std::memory_order_relaxed); });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].object, "slots");
  EXPECT_EQ(lines[0].label, "slots[0–7].count");
  ASSERT_EQ(lines[0].fields.size(), 8U);
  EXPECT_EQ(fields_in(lines[0])[3], "slots[3].count@24+4");
  ASSERT_EQ(lines[0].bytes.size(), 8U);
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(lines[0].bytes[i].wrote, (bytes{{8 * i, 8 * i + 4}})) << i;
  EXPECT_EQ(lines[0].counts.true_sharing, 0U);
  ASSERT_EQ(lines[0].sites.size(), 1U);
  EXPECT_EQ(lines[0].sites[0].kind, access_kind::rmw);
  EXPECT_EQ(lines[0].sites[0].false_sharing, lines[0].counts.false_sharing);
}

TEST(attribution, threads_beyond_eight_are_counted) {
  [[maybe_unused]] alignas(64) static volatile unsigned char cells[64];
  const auto lines = lines_of(20, [](unsigned i) { cells[i] = static_cast<unsigned char>(cells[i] + 1); });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].label, "cells[0–19]");
  EXPECT_EQ(lines[0].bytes.size(), 8U);
  EXPECT_EQ(lines[0].threads_not_shown, 12U);
}

TEST(attribution, two_variables_that_happen_to_share_a_line_are_both_told) {
  struct alignas(64) pair_of_blocks {
    char memory[64];
  };
  static pair_of_blocks place;
  struct first_kind {
    unsigned long hits = 0;
  };
  struct second_kind {
    unsigned long misses = 0;
  };
  auto* const one = new (place.memory) first_kind;
  auto* const two = new (place.memory + 8) second_kind;
  note_object(one, sizeof *one, typeid(*one), "");
  note_object(two, sizeof *two, typeid(*two), "right");
  const auto lines = lines_of(2, [&](unsigned i) {
    auto* const mine = i == 0 ? &one->hits : &two->misses;
    *static_cast<volatile unsigned long*>(mine) = 1;
  });
  forget_object(one);
  forget_object(two);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].object.find("first_kind, "), std::string::npos) << lines[0].object;
  EXPECT_NE(lines[0].object.find("second_kind"), std::string::npos) << lines[0].object;
}

TEST(attribution, a_threads_stack_is_told_by_its_number) {
  static unsigned long* volatile place = nullptr;
  place = nullptr;
  const auto lines = lines_of(2, [&](unsigned i) {
    alignas(64) static thread_local unsigned long* published = nullptr;
    if (i == 1) {
      alignas(64) unsigned long mine[8] = {};
      if (published == nullptr) place = published = mine;
      static_cast<volatile unsigned long*>(published)[1] = 1;
    } else if (place != nullptr) {
      static_cast<volatile unsigned long*>(place)[0] = 1;
    }
  });
  ASSERT_GE(lines.size(), 1U);
  EXPECT_EQ(lines[0].object, "stack of thread 1");
  EXPECT_EQ(lines[0].label, "stack of thread 1");
  EXPECT_TRUE(lines[0].fields.empty());
  ASSERT_EQ(lines[0].bytes.size(), 2U);
  EXPECT_EQ(lines[0].bytes[0].thread, 0U);
  EXPECT_EQ(lines[0].bytes[0].wrote, (bytes{{0, 8}}));
}

struct alignas(64) per_thread {
  volatile unsigned long mine = 0, theirs = 0;
};
thread_local per_thread local;

TEST(attribution, a_thread_local_is_named_with_its_thread) {
  static per_thread* volatile place = nullptr;
  place = nullptr;
  const auto lines = lines_of(2, [&](unsigned i) {
    if (i == 1) {
      place = &local;
      local.mine = 1;
    } else if (place != nullptr) {
      place->theirs = 1;
    }
  });
  ASSERT_GE(lines.size(), 1U);
  const auto& l = lines[0].object.starts_with("local") ? lines[0] : lines.back();
  EXPECT_EQ(l.object, "local of thread 1");
  EXPECT_EQ(l.label, "local.mine, local.theirs (of thread 1)");
  EXPECT_EQ(fields_in(l), (names{"local.mine@0+8", "local.theirs@8+8"}));
}

TEST(attribution, the_worst_line_comes_first_and_among_equals_the_first_that_was_touched) {
  [[maybe_unused]] alignas(64) static volatile unsigned long grid[3][8];
  const auto lines = lines_of(2, [](unsigned i) {
    static thread_local int turn = 0;
    grid[1][i] = 1;
    if (turn++ % 4 == 0) grid[0][i] = 1;
  });
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].label, "grid[1][0], grid[1][1]");
  EXPECT_EQ(lines[1].label, "grid[0][0], grid[0][1]");
}

TEST(attribution, after_stop_counting_a_line_keeps_what_was_noted) {
  const machine m = test_machine();
  cache_model model(m, 2);
  line& l = model.find(0x1000);
  picoseconds now = 0;
  const auto ask = [&](unsigned core, unsigned offset, const void* site) {
    const auto out = request(model, l, {core, access_kind::store, offset, 8}, now += 1'000'000, 0, site);
    model.settle(l, out.done);
  };
  const auto hand_over = [&](const void* site) {
    ask(0, 0, site);
    ask(1, 8, site);
  };
  int first = 0, second = 0, third = 0;
  hand_over(&first);
  hand_over(&first);
  model.reset_counts();
  hand_over(&second);
  model.stop_counting();
  hand_over(&third);
  ASSERT_EQ(l.sharing->sites.size(), 1U);
  EXPECT_EQ(l.sharing->sites[0].from, &second);
  EXPECT_EQ(l.sharing->sites[0].false_sharing, 2U);
  EXPECT_EQ(l.sharing->counts.all().line_transfers, 2U);
  EXPECT_EQ(model.counts().line_transfers, 2U);
  EXPECT_EQ(ranges(model.noted_of(*l.sharing).of(1).wrote), (bytes{{8, 16}}));
  model.reset_counts();
  EXPECT_TRUE(ranges(model.noted_of(*l.sharing).of(1).wrote).empty());
  hand_over(&third);
  EXPECT_EQ(l.sharing->counts.all().false_sharing, 2U) << "and counts again";
}

TEST(attribution, what_was_used_while_nothing_was_counted_is_noted_when_counting_begins_again) {
  const machine m = test_machine();
  cache_model model(m, 2);
  line& l = model.find(0x1000);
  const core_access what(1, access_kind::store, 0, 8);
  model.stop_counting();
  request(model, l, {0, access_kind::store, 0, 8}, 0);
  const picoseconds now = request(model, l, what, 1'000'000).done;
  model.settle(l, now);
  EXPECT_TRUE(request(model, l, what, now).hit);
  EXPECT_TRUE(model.hits_again(l, what, now));
  model.reset_counts();
  EXPECT_FALSE(model.hits_again(l, what, now)) << "nobody has noted it";
  EXPECT_TRUE(request(model, l, what, now).hit);
  EXPECT_EQ(ranges(model.noted_of(*l.sharing).of(1).wrote), (bytes{{0, 8}}));
  EXPECT_TRUE(model.hits_again(l, what, now));
}

TEST(attribution, places_beyond_so_many_are_told_together) {
  const machine m = test_machine();
  cache_model model(m, 2);
  line& l = model.find(0x1000);
  static char places[2 * max_sites];
  picoseconds now = 0;
  for (unsigned i = 0; i < 2 * max_sites; ++i) {
    const auto out = request(model, l, {i % 2, access_kind::rmw, 0, 8}, now += 1'000'000, 0, &places[i]);
    model.settle(l, out.done);
  }
  ASSERT_EQ(l.sharing->sites.size(), max_sites + 1);
  EXPECT_EQ(l.sharing->sites.back().from, nullptr);
  std::uint64_t sum = 0;
  for (const auto& s : l.sharing->sites) sum += s.true_sharing + s.false_sharing;
  EXPECT_EQ(sum, l.sharing->counts.all().true_sharing + l.sharing->counts.all().false_sharing);
}

TEST(attribution, json_is_per_operation_and_the_same_every_time) {
  const auto step = [](unsigned i) {
    if (i == 0)
      words.a = words.a + 1;
    else
      words.b = words.b + 1;
  };
  const auto once = lines_json(lines_of(2, step), 100);
  EXPECT_EQ(once.dump(), lines_json(lines_of(2, step), 100).dump());
  ASSERT_EQ(once.size(), 1U);
  EXPECT_EQ(once[0]["fields"].dump(),
            R"([{"name":"words.a","offset":0,"size":8},{"name":"words.b","offset":8,"size":8}])");
  EXPECT_EQ(once[0]["bytes"].dump(),
            R"([{"thread":0,"read":[[0,8]],"wrote":[[0,8]]},{"thread":1,"read":[[8,16]],"wrote":[[8,16]]}])");
  EXPECT_EQ(once[0]["false_sharing_per_op"].get<double>() * 100,
            static_cast<double>(lines_of(2, step)[0].counts.false_sharing));
  EXPECT_THROW((void)lines_json({}, 0), std::invalid_argument);
}

TEST(attribution, of_many_places_the_record_has_the_first_and_numbers_have_six_digits) {
  line_report many;
  many.label = "x";
  many.counts.false_sharing = 1;
  for (unsigned i = 0; i < max_sites_shown + 3; ++i)
    many.sites.push_back({"f.cpp:" + std::to_string(i), "f", {}, 9, i});
  const auto told = lines_json({many}, 3);
  ASSERT_EQ(told[0]["sites"].size(), max_sites_shown);
  EXPECT_EQ(told[0]["sites"][5]["source"], "f.cpp:5");
  EXPECT_EQ(told[0]["sites_not_shown"], 3);
  EXPECT_EQ(told[0]["false_sharing_per_op"].dump(), "0.333333");
  many.sites.resize(max_sites_shown);
  EXPECT_FALSE(lines_json({many}, 3)[0].contains("sites_not_shown"));
}

TEST(attribution, places_in_the_c_library_are_told_by_the_call) {
  static std::mutex guarded;
  const auto lines = lines_of(4, [](unsigned) {
    for (int i = 0; i < 20; ++i) const std::scoped_lock held(guarded);
  });
  ASSERT_EQ(lines.size(), 1U);
  unsigned calls = 0;
  for (const auto& s : lines[0].sites) {
    EXPECT_EQ(s.source.find("posix"), std::string::npos) << s.source;
    EXPECT_EQ(s.function.find("posix"), std::string::npos) << s.function;
    if (s.source != "C library") continue;
    ++calls;
    EXPECT_TRUE(s.function == "pthread_mutex_lock" || s.function == "pthread_mutex_unlock") << s.function;
  }
  EXPECT_GE(calls, 1U);
  EXPECT_EQ(c_library_call("contend::coherence::posix::(anonymous namespace)::take(unsigned int&, int)"),
            "pthread_mutex_lock");
  EXPECT_EQ(c_library_call("contend::coherence::posix::{anonymous}::next_group"), "pthread_cond_signal");
  EXPECT_EQ(c_library_call("contend::coherence::posix::rwlock_unlock(pthread_rwlock_t&)"), "pthread_rwlock_unlock");
  EXPECT_EQ(c_library_call("contend::coherence::posix::semaphore_post"), "sem_post");
  EXPECT_EQ(c_library_call("contend::ticket_lock::lock()"), "");
}

TEST(attribution, long_names_lose_template_arguments_innermost_first) {
  EXPECT_EQ(abridged("a<b<c>, d>::e<f>", 1), "a<b<…>, d>::e<f>");
  EXPECT_EQ(abridged("a<b<c>, d>::e<f>", 0), "a<…>::e<…>");
  EXPECT_EQ(abridged("it<x<y> >::operator<<", 0), "it<…>::operator<<");
  EXPECT_EQ(abridged("p<x>::operator->", 0), "p<…>::operator->");
  EXPECT_EQ(abridged("plain", 0), "plain");
  EXPECT_EQ(shortened_name("contend::bench::critical_section::state<contend::mcs_lock>::step"),
            "critical_section::state<mcs_lock>::step");
  const std::string inner(longest_name, 'x');
  EXPECT_EQ(shortened_name("f<g<h<" + inner + "> > >::call"), "f<g<h<…> > >::call");
  EXPECT_EQ(shortened_name("f<" + inner + ">::call"), "f<…>::call");
}

TEST(attribution, a_function_object_is_named_by_what_it_calls) {
  EXPECT_EQ(shortened_name("std::_Function_handler<void (unsigned int, a<b, c>), f(d<e>)::{lambda(unsigned int)#1}>::"
                           "_M_invoke(std::_Any_data const&, unsigned int&&)"),
            "f(d<e>)::{lambda(unsigned int)#1}");
  EXPECT_EQ(shortened_name("std::_Function_handler<void ()>::x"), "std::_Function_handler<void ()>::x");
}

TEST(attribution, members_whose_names_are_all_reserved_keep_them) {
  const std::list<long> used(1, 7);
  ASSERT_EQ(used.front(), 7);
  const auto type = layout_index::of_program().type_named("std::__detail::_List_node_base");
  ASSERT_NE(type, 0U);
  const auto fields = fields_of(type, "", 0, 16);
  ASSERT_EQ(fields.size(), 2U);
  EXPECT_EQ(fields[0].name, "_M_next");
  EXPECT_EQ(fields[1].name, "_M_prev");
  EXPECT_EQ(fields_of(type, "jobs", 0, 16)[0].name, "jobs");
}

TEST(attribution, lists_fold_indices) {
  EXPECT_EQ(list_of({"a[0].x", "a[0].y", "a[1].x", "a[1].y", "a[2].x", "b"}), "a[0–2].x, a[0].y, a[1].y, b");
  EXPECT_EQ(list_of({"m[0][4]", "m[0][5]", "m[0][6]", "m[1][4]"}), "m[0][4–6], m[1][4]");
  EXPECT_EQ(list_of({"a", "b", "c", "d", "e", "f", "g", "h", "i"}), "a, b, c, d, e, f and 3 more");
  EXPECT_EQ(list_of({}), "");
}

}  // namespace
}  // namespace contend::coherence
