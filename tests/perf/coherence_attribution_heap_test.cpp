// SPDX-License-Identifier: MIT
// Lines of the heap are named: by the type of what a program registers, by who points to a block, by who asked for it.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "coherence_attribution.hpp"
#include "perf/coherence/heap.hpp"

namespace contend::coherence {

/// A lock with a base class, as a workload would hold one in its state.
class numbered {
 protected:
  std::atomic<unsigned> next_{0};
};
template <class Number, unsigned Wide>
class ticket_like : numbered {
 public:
  void take() { next_.fetch_add(1, std::memory_order_relaxed); }
  void serve() { serving_.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::atomic<Number> serving_[Wide]{};
  std::atomic<Number> serving_one_{0};

 public:
  void serve_one() { serving_one_.fetch_add(1, std::memory_order_relaxed); }
};
struct node {
  unsigned long value;
  node* next;
};
struct question {
  template <class Lock>
  struct state {
    long before = 0;
    Lock lock_;
    struct guarded {
      char pad[8];
      volatile unsigned long count = 0;
    };
    std::unique_ptr<guarded[]> shared_;
    std::atomic<node*> head_{nullptr};
  };
};

namespace {

using state = question::state<ticket_like<unsigned long, 2U>>;

TEST(attribution, a_registered_object_is_named_by_its_type_through_members_and_bases) {
  alignas(64) static char memory[128];
  auto* const s = new (memory) state;
  note_object(s, sizeof *s, typeid(*s), "");
  const auto lines = lines_of(2, [&](unsigned i) {
    if (i == 0)
      s->lock_.take();
    else
      s->lock_.serve_one();
  });
  forget_object(s);
  s->~state();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].object, "question::state<ticket_like<unsigned long, 2u> >");
  EXPECT_EQ(lines[0].label, "lock_.next_, lock_.serving_one_");
  EXPECT_EQ(fields_in(lines[0]), (names{"lock_.next_@8+4", "lock_.serving_one_@32+8"}));
  ASSERT_EQ(lines[0].sites.size(), 2U);
  for (const auto& site : lines[0].sites)
    EXPECT_TRUE(site.function == "ticket_like<long unsigned int, 2>::take" ||
                site.function == "ticket_like<long unsigned int, 2>::serve_one" ||
                site.function == "ticket_like<unsigned long, 2U>::take" ||
                site.function == "ticket_like<unsigned long, 2U>::serve_one")
        << site.function;
}

TEST(attribution, a_mutex_is_one_field) {
  struct guarded {
    std::mutex lock;
    volatile unsigned long count = 0;
  };
  alignas(64) static guarded one;
  const auto lines = lines_of(2, [](unsigned) {
    const std::lock_guard<std::mutex> here(one.lock);
    one.count = one.count + 1;
  });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].label, "one.lock, one.count");
  EXPECT_EQ(fields_in(lines[0]), (names{"one.lock@0+40", "one.count@40+8"}));
}

/// An allocator that tells of its blocks.
[[gnu::noinline]] void* grab(std::size_t size) {
  void* const at = std::aligned_alloc(64, (size + 63) / 64 * 64);
  CONTEND_NOTE_ALLOCATION(at, size);
  return at;
}

constexpr unsigned line_of_block = __LINE__ + 1;
[[gnu::noinline]] unsigned long* new_block() { return new (grab(24)) unsigned long[3](); }

TEST(attribution, a_block_of_no_known_type_is_named_by_the_line_that_asked_for_it) {
  auto* const block = new_block();
  const auto lines = lines_of(2, [&](unsigned i) { static_cast<volatile unsigned long*>(block)[2 * i] = 1; });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].object, "24 bytes allocated at tests/perf/coherence_attribution_heap_test.cpp:" +
                                 std::to_string(line_of_block) + " (new_block)");
  EXPECT_EQ(lines[0].label, lines[0].object);
  EXPECT_EQ(fields_in(lines[0]), (names{"+0x0@0+8", "+0x10@16+8"}));
  std::free(block);
}

constexpr unsigned line_of_new = __LINE__ + 1;
[[gnu::noinline]] std::vector<unsigned long> new_vector() { return std::vector<unsigned long>(16); }

TEST(attribution, what_operator_new_gave_to_the_standard_library_is_told_by_who_called_it) {
  std::vector<line_report> lines;
  const std::string file = "tests/perf/coherence_attribution_heap_test.cpp:";
  at_fixed_addresses([&] {
    auto many = new_vector();
    lines = lines_of(2, [&](unsigned i) { static_cast<volatile unsigned long*>(many.data())[8 + i] = 1; });
  });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].object, "128 bytes allocated at " + file + std::to_string(line_of_new) + " (new_vector)");
  ASSERT_EQ(lines[0].fields.size(), 2U);
  EXPECT_EQ(lines[0].fields[0].name, "+0x40");
}

TEST(attribution, the_first_threads_stack_has_a_name_too) {
  std::vector<line_report> lines;
  at_fixed_addresses([&] {
    alignas(64) volatile unsigned long here[8] = {};
    lines = lines_of(2, [&](unsigned i) { here[i] = 1; });
  });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].label, "stack of the program's first thread");
  EXPECT_EQ(lines[0].bytes[1].wrote, (bytes{{8, 16}}));
}

TEST(attribution, a_block_that_a_registered_object_points_to_is_part_of_it) {
  alignas(64) static char memory[128];
  auto* const s = new (memory) state;
  auto* const shared = new (grab(4 * sizeof(state::guarded))) state::guarded[4];
  s->shared_.reset(shared);
  note_object(s, sizeof *s, typeid(*s), "");
  const auto lines = lines_of(4, [&](unsigned i) { s->shared_[i].count = 1; });
  forget_object(s);
  std::free(s->shared_.release());
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].object, "question::state<ticket_like<unsigned long, 2u> >");
  EXPECT_EQ(lines[0].label, "shared_[0–3].count");
  EXPECT_EQ(fields_in(lines[0])[1], "shared_[1].count@24+8");
}

constexpr unsigned line_of_node = __LINE__ + 1;
[[gnu::noinline]] node* new_node(node* next) { return new (grab(sizeof(node))) node{0, next}; }

TEST(attribution, one_of_many_nodes_is_named_by_the_type_of_those_from_the_same_place) {
  alignas(64) static char memory[128];
  auto* const s = new (memory) state;
  note_object(s, sizeof *s, typeid(*s), "");
  node* chain = nullptr;
  node* last = nullptr;
  for (int i = 0; i < 9; ++i) {
    chain = new_node(chain);
    if (i == 0) last = chain;
  }
  s->head_ = chain;
  const auto lines = lines_of(2, [&](unsigned i) {
    if (i == 0)
      *static_cast<volatile unsigned long*>(&last->value) = 1;
    else
      *static_cast<node* volatile*>(&last->next) = nullptr;
  });
  forget_object(s);
  s->~state();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].object, "node allocated at tests/perf/coherence_attribution_heap_test.cpp:" +
                                 std::to_string(line_of_node) + " (new_node)");
  EXPECT_EQ(lines[0].label, "value, next");
  EXPECT_EQ(fields_in(lines[0]), (names{"value@0+8", "next@8+8"}));
}

TEST(attribution, what_is_allocated_anew_is_no_longer_the_object_that_was_there) {
  void* const at = grab(64);
  note_object(at, 64, typeid(places), "");
  EXPECT_EQ(known_objects().size(), 1U);
  note_allocation(at, 64, nullptr, 0);
  EXPECT_TRUE(known_objects().empty());
  std::free(at);
}

}  // namespace
}  // namespace contend::coherence
