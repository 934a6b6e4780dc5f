// SPDX-License-Identifier: MIT
// The coherence model by itself: bytes of a line, the legs of a transaction, who loses what.
#include <gtest/gtest.h>

#include <random>

#include "model_request.hpp"
#include "perf/coherence/model.hpp"
#include "perf/coherence/store_buffer.hpp"

namespace contend::coherence {
namespace {

machine small_machine(unsigned line_size = 64) {
  machine m;
  m.name = "small";
  m.line_size = line_size;
  m.cores = 8;
  m.cores_per_cluster = 2;
  m.clusters_per_socket = 2;
  m.near = {1'000, 2'000, 3'000, 4'000};
  m.far = {10'000, 20'000, 30'000, 40'000};
  m.remote = {100'000, 200'000, 300'000, 400'000};
  m.memory = 50'000;
  return m;
}

TEST(byte_mask, spans_both_halves_of_a_line_of_128) {
  const auto middle = byte_mask::of(60, 8);
  EXPECT_EQ(middle.low, 0xF000000000000000U);
  EXPECT_EQ(middle.high, 0xFU);
  EXPECT_EQ(byte_mask::of(0, 64).low, ~0ULL);
  EXPECT_EQ(byte_mask::of(0, 128).high, ~0ULL);
  EXPECT_EQ(byte_mask::of(120, 64).high, 0xFF00000000000000U) << "what is beyond the line is not its";
  EXPECT_TRUE(byte_mask::of(0, 4).meets(byte_mask::of(3, 4)));
  EXPECT_FALSE(byte_mask::of(0, 4).meets(byte_mask::of(4, 4)));
}

TEST(machine, tells_clusters_and_sockets_apart) {
  const machine m = small_machine();
  EXPECT_EQ(&m.between(0, 1), &m.near);
  EXPECT_EQ(&m.between(1, 2), &m.far);
  EXPECT_EQ(&m.between(0, 4), &m.remote);
}

/// A line that core 0 wrote and then core 1, both on byte 0; every transaction over.
struct handed_over {
  explicit handed_over(const machine& m) : model(m, 8), one(model.find(0x1000)) {
    EXPECT_FALSE(request(model, one, {0, access_kind::store, 0, 1}, 0).hit) << "cold";
    EXPECT_TRUE(request(model, one, {0, access_kind::store, 0, 1}, 60'000).hit);
    first = request(model, one, {1, access_kind::store, 0, 1}, 1'000'000);
    model.settle(one, first.done);
  }
  cache_model model;
  line& one;
  outcome first;
};

TEST(cache_model, a_hand_over_takes_its_legs_and_counts_once) {
  const machine m = small_machine();
  handed_over h(m);
  EXPECT_FALSE(h.first.hit);
  EXPECT_EQ(h.first.taken, 1'000'000U + 1'000 + 2'000);
  EXPECT_EQ(h.first.done, h.first.taken + 3'000);
  EXPECT_EQ(h.model.counts().line_transfers, 1U);
  EXPECT_EQ(h.model.counts().invalidations, 1U);
  EXPECT_EQ(h.model.counts().upgrades, 0U);
}

TEST(cache_model, the_directory_serves_one_at_a_time) {
  const machine m = small_machine();
  handed_over h(m);
  const auto second = request(h.model, h.one, {0, access_kind::store, 0, 1}, h.first.done);
  const auto third = request(h.model, h.one, {2, access_kind::store, 0, 1}, h.first.done);
  EXPECT_EQ(second.taken, h.first.done + 4'000 + 2'000) << "after the acknowledgement of the first";
  EXPECT_EQ(third.taken, second.done + 4'000 + 20'000) << "from core 0, which has it by then, in another cluster";
}

TEST(cache_model, until_the_probe_arrives_the_owner_goes_on) {
  const machine m = small_machine();
  handed_over h(m);
  const auto next = request(h.model, h.one, {0, access_kind::store, 0, 1}, h.first.done);
  h.model.settle(h.one, next.taken - 1);
  EXPECT_TRUE(request(h.model, h.one, {1, access_kind::store, 0, 1}, next.taken - 1).hit);
  h.model.settle(h.one, next.taken);
  EXPECT_FALSE(request(h.model, h.one, {1, access_kind::store, 0, 1}, next.taken).hit);
}

TEST(cache_model, a_copy_is_upgraded_without_data) {
  const machine m = small_machine();
  handed_over h(m);
  const auto read = request(h.model, h.one, {0, access_kind::load, 0, 1}, 2'000'000);
  h.model.settle(h.one, read.done);
  h.model.reset_counts();
  const auto upgrade = request(h.model, h.one, {0, access_kind::store, 0, 1}, 3'000'000);
  h.model.settle(h.one, upgrade.done);
  EXPECT_EQ(upgrade.done, upgrade.taken);
  EXPECT_EQ(h.model.counts().upgrades, 1U);
  EXPECT_EQ(h.model.counts().line_transfers, 0U);
  EXPECT_EQ(h.model.counts().invalidations, 1U);
}

TEST(cache_model, sharing_is_true_where_bytes_meet_and_false_elsewhere) {
  const machine m = small_machine();
  for (const unsigned offset : {0U, 8U}) {
    handed_over h(m);
    const auto back = request(h.model, h.one, {0, access_kind::store, 0, 1}, 2'000'000);
    h.model.settle(h.one, back.done);
    const auto again = request(h.model, h.one, {1, access_kind::store, offset, 1}, 3'000'000);
    h.model.settle(h.one, again.done);
    h.model.reset_counts();
    const auto last = request(h.model, h.one, {0, access_kind::load, 0, 1}, 4'000'000);
    h.model.settle(h.one, last.done);
    EXPECT_EQ(h.model.counts().true_sharing, offset == 0 ? 1U : 0U) << offset;
    EXPECT_EQ(h.model.counts().false_sharing, offset == 0 ? 0U : 1U) << offset;
  }
}

constexpr picoseconds ms = 1'000'000'000;

/// Makes a request at a time at which nothing else is under way, waits for it, and returns how long it took.
picoseconds alone(cache_model& model, line& l, unsigned core, access_kind kind, picoseconds now, unsigned offset = 0) {
  const auto out = request(model, l, {core, kind, offset, 1}, now);
  model.settle(l, out.done);
  return out.done - now;
}

TEST(cache_model, far_and_remote_transfers_take_the_legs_of_their_distance) {
  const machine m = small_machine();
  cache_model model(m, 8);
  line& l = model.find(0);
  alone(model, l, 0, access_kind::store, 0);
  EXPECT_EQ(alone(model, l, 1, access_kind::store, 1 * ms), 1'000U + 2'000 + 3'000) << "in one cluster";
  EXPECT_EQ(alone(model, l, 2, access_kind::store, 2 * ms), 10'000U + 20'000 + 30'000) << "another cluster";
  EXPECT_EQ(alone(model, l, 7, access_kind::store, 3 * ms), 100'000U + 200'000 + 300'000) << "the other socket";
  EXPECT_EQ(alone(model, l, 6, access_kind::load, 4 * ms), 1'000U + 2'000 + 3'000) << "within the other socket";
  EXPECT_EQ(alone(model, l, 3, access_kind::load, 5 * ms), 100'000U + 200'000 + 300'000) << "and back";
  EXPECT_EQ(alone(model, l, 2, access_kind::load, 6 * ms), 1'000U + 2'000 + 3'000) << "from the nearest copy";
  EXPECT_EQ(alone(model, l, 2, access_kind::store, 7 * ms), 100'000U + 200'000) << "an upgrade reaches the farthest";
  EXPECT_EQ(model.counts().line_transfers, 6U);
  EXPECT_EQ(model.counts().upgrades, 1U);
  EXPECT_EQ(model.counts().invalidations, 1U + 1 + 1 + 3);
}

TEST(cache_model, who_waits_for_a_remote_hand_over_waits_for_its_acknowledgement_too) {
  const machine m = small_machine();
  cache_model model(m, 8);
  line& l = model.find(0);
  alone(model, l, 0, access_kind::store, 0);
  const auto first = request(model, l, {4, access_kind::rmw, 0, 1}, ms);
  const auto second = request(model, l, {5, access_kind::rmw, 0, 1}, ms);
  EXPECT_EQ(first.done, ms + 600'000);
  EXPECT_EQ(second.taken, first.done + 400'000 + 2'000) << "near, but the directory is busy until then";
  EXPECT_EQ(second.done, second.taken + 3'000);
}

machine owned_machine() {
  machine m = small_machine();
  m.protocol = coherence_protocol::moesi;
  return m;
}

TEST(moesi, the_core_that_wrote_serves_every_reader_and_nothing_is_written_back) {
  for (const auto& m : {small_machine(), owned_machine()}) {
    const bool owned = m.protocol == coherence_protocol::moesi;
    cache_model model(m, 8);
    line& l = model.find(0);
    alone(model, l, 1, access_kind::store, 0);
    alone(model, l, 0, access_kind::store, 1 * ms);
    EXPECT_EQ(alone(model, l, 4, access_kind::load, 2 * ms), 600'000U) << "only core 0 has it";
    EXPECT_EQ(model.counts().write_backs, owned ? 0U : 1U);
    EXPECT_EQ(alone(model, l, 5, access_kind::load, 3 * ms), owned ? 600'000U : 6'000U)
        << "core 4 beside it has a copy, but with MOESI core 0 is the owner";
    EXPECT_EQ(alone(model, l, 1, access_kind::load, 4 * ms), 6'000U) << "beside the owner";
    EXPECT_EQ(model.counts().write_backs, owned ? 0U : 1U) << "once";
    EXPECT_EQ(model.state_of(*l.sharing).owned_by, owned ? 0U : line_state::nobody);
    EXPECT_EQ(model.state_of(*l.sharing).dirty, owned);
  }
}

TEST(moesi, a_store_ends_ownership_and_takes_what_it_takes_with_mesi) {
  for (const auto& m : {small_machine(), owned_machine()}) {
    cache_model model(m, 8);
    line& l = model.find(0);
    alone(model, l, 1, access_kind::store, 0);
    alone(model, l, 0, access_kind::store, 1 * ms);
    alone(model, l, 4, access_kind::load, 2 * ms);
    EXPECT_EQ(alone(model, l, 0, access_kind::store, 3 * ms), 300'000U) << "the owner takes the copies back: no data";
    EXPECT_EQ(model.state_of(*l.sharing).owner, 0U);
    EXPECT_EQ(model.state_of(*l.sharing).owned_by, line_state::nobody);
    alone(model, l, 4, access_kind::load, 4 * ms);
    EXPECT_EQ(alone(model, l, 4, access_kind::store, 5 * ms), 300'000U) << "a sharer takes it from the owner";
    EXPECT_EQ(model.counts().upgrades, 2U);
    EXPECT_EQ(alone(model, l, 5, access_kind::load, 6 * ms), 6'000U) << "from core 4, which wrote last";
    EXPECT_EQ(alone(model, l, 3, access_kind::store, 7 * ms), 600'000U);
  }
}

TEST(moesi, a_reader_that_queues_behind_a_store_is_served_by_it) {
  const machine m = owned_machine();
  cache_model model(m, 8);
  line& l = model.find(0);
  alone(model, l, 4, access_kind::store, 0);
  alone(model, l, 5, access_kind::store, 1 * ms);
  const auto store = request(model, l, {0, access_kind::store, 0, 1}, 2 * ms);
  const auto reader = request(model, l, {6, access_kind::load, 0, 1}, 2 * ms);
  const auto second = request(model, l, {1, access_kind::load, 0, 1}, 2 * ms);
  EXPECT_EQ(reader.done - store.done, 400'000U + 200'000 + 300'000) << "from core 0 in the other socket";
  EXPECT_EQ(second.done - reader.done, 400'000U + 2'000 + 3'000) << "from core 0 too, not from core 6";
}

TEST(moesi, what_was_only_read_is_served_by_the_nearest_copy) {
  const machine m = owned_machine();
  cache_model model(m, 8);
  line& l = model.find(0);
  alone(model, l, 0, access_kind::load, 0);
  alone(model, l, 1, access_kind::load, 1 * ms);
  line_state clean = model.state_of(*l.sharing);
  clean.dirty = false;  // the first user's accesses are not noted, so that it counts as one that wrote
  l.sharing->state = model.states().intern(clean).number;
  alone(model, l, 4, access_kind::load, 2 * ms);
  EXPECT_EQ(alone(model, l, 5, access_kind::load, 3 * ms), 6'000U);
}

TEST(moesi, sharing_is_told_apart_as_with_mesi) {
  const machine m = owned_machine();
  cache_model model(m, 8);
  line& l = model.find(0);
  alone(model, l, 0, access_kind::store, 0);
  alone(model, l, 1, access_kind::store, 1 * ms);
  alone(model, l, 0, access_kind::store, 2 * ms);
  model.reset_counts();
  alone(model, l, 1, access_kind::load, 3 * ms, 0);
  EXPECT_EQ(model.counts().true_sharing, 1U);
  alone(model, l, 0, access_kind::store, 4 * ms, 8);
  alone(model, l, 1, access_kind::load, 5 * ms, 0);
  EXPECT_EQ(model.counts().true_sharing, 1U);
  EXPECT_EQ(model.counts().false_sharing, 2U) << "the upgrade of byte 8, and the reader that wanted byte 0";
}

TEST(cache_model, lines_of_128_hold_what_two_of_64_do) {
  const machine m = small_machine(128);
  cache_model model(m, 8);
  EXPECT_EQ(&model.find(0x1000), &model.find(0x1040));
  EXPECT_NE(&model.find(0x1000), &model.find(0x1080));
  const machine usual = small_machine();
  cache_model other(usual, 8);
  EXPECT_NE(&other.find(0x1000), &other.find(0x1040));
}

TEST(cache_model, finds_many_lines_again) {
  const machine m = small_machine();
  cache_model model(m, 8);
  for (std::uint64_t i = 0; i < 100'000; ++i) model.find(i * 64);
  for (std::uint64_t i = 0; i < 100'000; ++i) ASSERT_EQ(model.find(i * 64).order, i);
  EXPECT_LE(model.bytes_used() / 100'000, 200U) << "bytes per touched line";
}

TEST(cache_model, what_is_said_to_hit_again_hits_and_leaves_everything_as_it_is) {
  std::mt19937_64 draw(20261121);
  std::size_t again = 0, collections = 0;
  for (const coherence_protocol protocol : {coherence_protocol::mesi, coherence_protocol::moesi}) {
    machine m = small_machine();
    m.protocol = protocol;
    cache_model model(m, slots);
    picoseconds now = 0;
    std::size_t states = 0;
    for (int i = 0; i < 60'000; ++i) {
      if (draw() % 1'000 == 0) {
        if (draw() % 2 == 0)
          model.stop_counting();
        else
          model.reset_counts();
      }
      line& l = model.find(64 * (draw() % 12));
      // Now and then many cores come, and so many states; otherwise a few, and the same accesses again and again.
      const auto core = static_cast<unsigned>(draw() % (i % 10'000 < 1'500 ? slots : 3));
      const auto kind = static_cast<access_kind>(draw() % 20 < 18 ? 0 : 1 + draw() % 2);
      const core_access what(core, kind, static_cast<unsigned>(draw() % 2) * 8, 8);
      now += draw() % 300'000;
      model.settle(l, now);
      if (cache_model::own(l, core) != nullptr) continue;
      const bool expected = model.hits_again(l, what, now);
      const std::uint32_t state = l.sharing ? l.sharing->state : 0;
      const std::uint32_t noted = l.sharing ? l.sharing->noted : 0;
      const bool hit = request(model, l, what, now).hit;
      collections += model.states().size() < states;
      states = model.states().size();
      if (!expected) continue;
      ++again;
      ASSERT_TRUE(hit);
      ASSERT_EQ(l.sharing ? l.sharing->state : 0, state);
      ASSERT_EQ(l.sharing ? l.sharing->noted : 0, noted);
    }
    line_counts sum;
    for (const line* one : model.lines()) {
      if (one->sharing == nullptr) continue;
      const line_counts part = one->sharing->counts.all();
      for (auto each : {&line_counts::line_transfers, &line_counts::invalidations, &line_counts::upgrades,
                        &line_counts::write_backs, &line_counts::true_sharing, &line_counts::false_sharing})
        sum.*each += part.*each;
    }
    const event_counts all = model.counts();
    EXPECT_EQ(sum, static_cast<line_counts>(all)) << "all lines together";
    EXPECT_GT(all.upgrades, 0U);
    EXPECT_EQ(all.write_backs != 0, protocol == coherence_protocol::mesi);
  }
  EXPECT_GT(again, 5'000U);
  EXPECT_GT(collections, 10U);
}

TEST(small_line_counts, stop_at_two_to_the_31_each_for_itself) {
  const line_change most(128U << 8 | 1U << 3);  // 128 copies lost, true sharing
  small_line_counts counts;
  for (unsigned i = 0; i < (1U << 24) + 10; ++i) counts.add(most);
  EXPECT_EQ(counts.all().invalidations, 1U << 31);
  EXPECT_EQ(counts.all().true_sharing, (1U << 24) + 10);
  EXPECT_EQ(counts.all().line_transfers, 0U);
  EXPECT_EQ(counts.all().false_sharing, 0U);
}

TEST(store_buffer, keeps_what_is_not_done_in_order_of_time) {
  std::mt19937_64 draw(20261121);
  store_buffer buffer;
  std::vector<picoseconds> expected;
  picoseconds now = 0;
  for (int i = 0; i < 20'000; ++i) {
    now += draw() % 100;
    buffer.forget_until(now);
    std::erase_if(expected, [&](picoseconds one) { return one <= now; });
    const picoseconds done = now + 1 + draw() % (i % 2'000 < 1'000 ? 100 : 10'000);
    buffer.add(done);
    expected.insert(std::upper_bound(expected.begin(), expected.end(), done), done);
    ASSERT_EQ(buffer.size(), expected.size());
    ASSERT_EQ(buffer.earliest(), expected.front());
    ASSERT_EQ(buffer.latest(), expected.back());
  }
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
}

TEST(legs_variation, none_leaves_legs_as_they_are_and_any_keeps_them_in_bounds) {
  for (const picoseconds leg : {0U, 1U, 4'945U, 30'000U}) {
    EXPECT_EQ(legs_variation{}.request(leg), leg);
    EXPECT_EQ(legs_variation{}.acknowledge(leg), leg);
    for (unsigned i = 0; i < 256; ++i) {
      const auto drawn = static_cast<std::uint8_t>(i);
      const legs_variation one{drawn, drawn};
      EXPECT_GE(one.request(leg), leg) << "others rely on it";
      EXPECT_LE(one.request(leg), leg + leg / 4);
      EXPECT_GE(one.acknowledge(leg), leg / 2);
      EXPECT_LE(one.acknowledge(leg), leg + leg / 2 + 1);
    }
  }
}

}  // namespace
}  // namespace contend::coherence
