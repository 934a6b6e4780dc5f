// SPDX-License-Identifier: MIT
// What the engine keeps in order or in groups to be quick does what the plain way of doing it does: who runs next,
// which stores are under way, who has seen what of a line.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <vector>

#include "perf/coherence/core_views.hpp"
#include "perf/coherence/ready_queue.hpp"
#include "perf/coherence/store_buffer.hpp"

namespace contend::coherence {
namespace {

constexpr std::uint64_t seed = 20261121;

TEST(ready_queue, takes_the_earliest_and_of_equals_the_lowest_number) {
  std::mt19937_64 draw(seed);
  for (const unsigned threads : {1U, 2U, 3U, 5U, 17U, 65U, slots}) {
    ready_queue queue(threads);
    std::set<std::pair<picoseconds, unsigned>> plain;
    const auto forget = [&](unsigned thread) {
      std::erase_if(plain, [&](const auto& e) { return e.second == thread; });
    };
    for (int i = 0; i < 20'000; ++i) {
      const auto thread = static_cast<unsigned>(draw() % threads);
      const picoseconds when = draw() % 50;  // many are equal
      switch (draw() % 4) {
        case 0:
        case 1:
          queue.put(thread, when);
          forget(thread);
          plain.insert({when, thread});
          break;
        case 2:
          queue.remove(thread);
          forget(thread);
          break;
        default:
          if (plain.empty()) break;
          const auto first = queue.take_first();
          ASSERT_EQ(std::pair(first.when, first.thread), *plain.begin());
          plain.erase(plain.begin());
      }
      ASSERT_EQ(queue.empty(), plain.empty());
      if (!plain.empty()) {
        ASSERT_EQ(std::pair(queue.top().when, queue.top().thread), *plain.begin());
      }
      ASSERT_EQ(queue.anyone_before(when, thread), !plain.empty() && *plain.begin() < std::pair(when, thread));
    }
  }
}

TEST(store_buffer, keeps_what_is_under_way_in_order) {
  std::mt19937_64 draw(seed);
  store_buffer buffer;
  std::multiset<picoseconds> plain;
  picoseconds now = 0;
  for (int i = 0; i < 50'000; ++i) {
    now += draw() % 10;
    if (draw() % 3 != 0) {
      const picoseconds done = now + 1 + draw() % 200;
      buffer.add(done);
      plain.insert(done);
    } else if (draw() % 50 == 0) {
      buffer.clear();
      plain.clear();
    } else {
      buffer.forget_until(now);
      plain.erase(plain.begin(), plain.upper_bound(now));
    }
    ASSERT_EQ(buffer.size(), plain.size());
    ASSERT_EQ(buffer.empty(), plain.empty());
    if (plain.empty()) continue;
    ASSERT_EQ(buffer.earliest(), *plain.begin());
    ASSERT_EQ(buffer.latest(), *plain.rbegin());
  }
}

/// What core_views says, kept for each core by itself.
struct plain_views {
  struct view {
    bool asked = false, has_copy = false, had_copy = false, vague = false;
    byte_mask bytes;  // used, or written by others
  };
  std::array<view, slots> of;
  explicit plain_views(unsigned first) { of[first] = {true, true, true, true, {}}; }
  void take(unsigned core, const byte_mask& bytes) {
    byte_mask used = bytes;
    if (of[core].has_copy) used |= of[core].bytes;
    for (auto& v : of)
      if (v.has_copy) v = {true, false, true, false, {}};
    of[core] = {true, true, true, false, used};
  }
};

TEST(core_views, say_what_views_of_each_core_say) {
  std::mt19937_64 draw(seed);
  for (const unsigned cores : {2U, 3U, 9U, slots}) {
    const auto first = static_cast<unsigned>(draw() % cores);
    core_views views(first);
    plain_views plain(first);
    for (int i = 0; i < 20'000; ++i) {
      const auto core = static_cast<unsigned>(draw() % cores);
      const auto bytes = byte_mask::of(static_cast<unsigned>(draw() % 128), 1U << draw() % 4);
      auto& mine = plain.of[core];
      switch (draw() % 8) {
        case 0:
          views.take(core, bytes);
          plain.take(core, bytes);
          break;
        case 1:
          views.tell_absent(bytes);
          for (auto& v : plain.of)
            if (v.asked && !v.has_copy) v.bytes |= bytes;
          break;
        case 2:
        case 3:
          if (mine.has_copy) break;
          views.ask(core);
          mine.asked = true;
          break;
        case 4:
        case 5:
          if (mine.has_copy) break;
          views.share(core, bytes);
          mine = {true, true, true, false, bytes};
          break;
        default:
          if (!mine.has_copy) break;
          views.use(core, bytes);
          mine.bytes |= bytes;
      }
      bool used_by_others = false, others_are_vague = false;
      for (unsigned k = 0; k < cores; ++k) {
        ASSERT_EQ(views.holders()[k], plain.of[k].has_copy);
        if (k == core || !plain.of[k].has_copy) continue;
        used_by_others = used_by_others || plain.of[k].bytes.meets(bytes);
        others_are_vague = others_are_vague || plain.of[k].vague;
      }
      ASSERT_EQ(views.used_by_others(core, bytes), used_by_others);
      ASSERT_EQ(views.others_are_vague(core), others_are_vague);
      ASSERT_EQ(views.has_had_copy(core), mine.had_copy);
      ASSERT_EQ(views.are_news(core, bytes), !mine.has_copy && mine.bytes.meets(bytes));
    }
  }
}

TEST(core_views, of_many_cores_take_the_memory_of_a_few) {
  core_views views(0);
  const auto word = byte_mask::of(0, 8);
  for (unsigned core = 1; core < slots; ++core) {
    views.ask(core);
    views.tell_absent(word);
    views.take(core, word);
  }
  EXPECT_LE(views.bytes_used(), 200U);
}

TEST(core_uses, say_what_each_core_did) {
  std::mt19937_64 draw(seed);
  core_uses uses;
  std::array<byte_use, slots> plain;
  for (int i = 0; i < 20'000; ++i) {
    const auto core = static_cast<unsigned>(draw() % slots);
    const auto bytes = byte_mask::of(static_cast<unsigned>(draw() % 16) * 8, 8);
    byte_use what;
    (draw() % 2 == 0 ? what.read : what.wrote) = bytes;
    uses.add(core, what);
    plain[core].read |= what.read;
    plain[core].wrote |= what.wrote;
    ASSERT_EQ(uses.of(core), plain[core]);
    if (draw() % 1'000 == 0) {
      uses = {};
      plain = {};
    }
    const auto other = static_cast<unsigned>(draw() % slots);
    ASSERT_EQ(uses.of(other), plain[other]);
  }
}

}  // namespace
}  // namespace contend::coherence
