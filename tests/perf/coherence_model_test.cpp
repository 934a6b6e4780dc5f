// SPDX-License-Identifier: MIT
// The coherence model by itself: bytes of a line, the legs of a transaction, who loses what.
#include <gtest/gtest.h>

#include "perf/coherence/model.hpp"

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
    EXPECT_FALSE(model.request(one, 0, access_kind::store, byte_mask::of(0, 1), 0).hit) << "cold";
    EXPECT_TRUE(model.request(one, 0, access_kind::store, byte_mask::of(0, 1), 60'000).hit);
    first = model.request(one, 1, access_kind::store, byte_mask::of(0, 1), 1'000'000);
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
  const auto second = h.model.request(h.one, 0, access_kind::store, byte_mask::of(0, 1), h.first.done);
  const auto third = h.model.request(h.one, 2, access_kind::store, byte_mask::of(0, 1), h.first.done);
  EXPECT_EQ(second.taken, h.first.done + 4'000 + 2'000) << "after the acknowledgement of the first";
  EXPECT_EQ(third.taken, second.done + 4'000 + 20'000) << "from core 0, which has it by then, in another cluster";
}

TEST(cache_model, until_the_probe_arrives_the_owner_goes_on) {
  const machine m = small_machine();
  handed_over h(m);
  const auto next = h.model.request(h.one, 0, access_kind::store, byte_mask::of(0, 1), h.first.done);
  h.model.settle(h.one, next.taken - 1);
  EXPECT_TRUE(h.model.request(h.one, 1, access_kind::store, byte_mask::of(0, 1), next.taken - 1).hit);
  h.model.settle(h.one, next.taken);
  EXPECT_FALSE(h.model.request(h.one, 1, access_kind::store, byte_mask::of(0, 1), next.taken).hit);
}

TEST(cache_model, a_copy_is_upgraded_without_data) {
  const machine m = small_machine();
  handed_over h(m);
  const auto read = h.model.request(h.one, 0, access_kind::load, byte_mask::of(0, 1), 2'000'000);
  h.model.settle(h.one, read.done);
  h.model.reset_counts();
  const auto upgrade = h.model.request(h.one, 0, access_kind::store, byte_mask::of(0, 1), 3'000'000);
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
    const auto back = h.model.request(h.one, 0, access_kind::store, byte_mask::of(0, 1), 2'000'000);
    h.model.settle(h.one, back.done);
    const auto again = h.model.request(h.one, 1, access_kind::store, byte_mask::of(offset, 1), 3'000'000);
    h.model.settle(h.one, again.done);
    h.model.reset_counts();
    const auto last = h.model.request(h.one, 0, access_kind::load, byte_mask::of(0, 1), 4'000'000);
    h.model.settle(h.one, last.done);
    EXPECT_EQ(h.model.counts().true_sharing, offset == 0 ? 1U : 0U) << offset;
    EXPECT_EQ(h.model.counts().false_sharing, offset == 0 ? 0U : 1U) << offset;
  }
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

}  // namespace
}  // namespace contend::coherence
