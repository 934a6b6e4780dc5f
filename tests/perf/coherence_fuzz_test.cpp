// SPDX-License-Identifier: MIT
// Random programs without data races: going on before a turn changes no value, no time and no count.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <random>
#include <vector>

#include "tests/perf/simulated.hpp"

namespace contend::coherence {
namespace {

constexpr unsigned seed = 20261121;
constexpr unsigned most_threads = 6;

struct alignas(128) busy_line {
  std::array<std::atomic<unsigned long>, 3> words{};
  std::array<std::atomic<unsigned short>, 4> parts{};
  std::array<volatile unsigned long, most_threads> own{};  // falsely shared
};
std::array<busy_line, 5> lines;
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
volatile unsigned long guarded = 0;

struct seen {
  std::array<unsigned long, most_threads> values{};  ///< a hash of what each thread read, and when
  std::array<picoseconds, most_threads> ends{};
  line_counts of_lines;
  std::uint64_t accesses = 0, failed_cas = 0, spins = 0, parks = 0;
  bool operator==(const seen&) const = default;
};

unsigned long one_step(unsigned thread, std::uint64_t drawn) {
  busy_line& l = lines[drawn % lines.size()];
  auto& word = l.words[drawn / 16 % l.words.size()];
  unsigned long expected = drawn % 4;
  switch (drawn >> 16 & 15) {
    case 0:
    case 1:
      return word.fetch_add(1, std::memory_order_relaxed);
    case 2:
    case 3:
    case 4:
      return word.load(std::memory_order_acquire);
    case 5:
    case 6:
      word.store(drawn, std::memory_order_release);
      return 0;
    case 7:
      return word.exchange(drawn);
    case 8:
      word.compare_exchange_strong(expected, drawn);
      return expected;
    case 9:
      return l.parts[drawn % 4].fetch_or(1);
    case 10:
      l.own[thread] = l.own[thread] + 1;
      return l.own[thread];
    case 11:
      pass(drawn >> 20 & 0x3fff);
      return 0;
    case 12:
      relax();
      return now();
    case 13:
      fence();
      return 0;
    case 14:
      if ((drawn >> 24 & 7) == 0) sched_yield();
      return word.load(std::memory_order_relaxed);
    default: {
      pthread_mutex_lock(&mutex);
      guarded = guarded + 1;
      const unsigned long out = guarded;
      pthread_mutex_unlock(&mutex);
      return out;
    }
  }
}

seen run(const machine& m, unsigned threads, schedule_options options, std::uint64_t program) {
  for (auto& l : lines) {
    for (auto& one : l.words) one = 0;
    for (auto& one : l.parts) one = 0;
    for (auto& one : l.own) one = 0;
  }
  guarded = 0;
  mutex = PTHREAD_MUTEX_INITIALIZER;
  seen out;
  simulation all(m, threads, options);
  all.run(
      [&](unsigned thread) {
        std::uint64_t state = program * 1000 + thread;
        unsigned long hash = 0;
        for (int i = 0; i < 300; ++i) {
          state = state * 6364136223846793005U + 1442695040888963407U;
          const unsigned long value = one_step(thread, state >> 24);
          hash = (hash ^ value ^ now()) * 0x9E3779B97F4A7C15U;
        }
        const outside here;
        out.values[thread] = hash;
        out.ends[thread] = now();
      },
      [] {}, 1000 * millisecond);
  const event_counts c = all.model().counts();
  out.of_lines = c;
  out.accesses = c.accesses;
  out.failed_cas = c.failed_cas;
  out.spins = c.spins;
  out.parks = c.parks;
  return out;
}

TEST(fuzz, lookahead_changes_nothing_of_random_programs) {
  std::mt19937_64 draw(seed);
  std::uint64_t parks = 0;
  for (unsigned program = 0; program < 1'000; ++program) {
    machine m = round_machine();
    m.protocol = draw() % 2 == 0 ? coherence_protocol::mesi : coherence_protocol::moesi;
    m.cores_per_cluster = draw() % 2 == 0 ? 2 : 8;
    if (draw() % 2 == 0) m.near = {500, 500, 1'000, 300};
    if (draw() % 2 == 0) m.rmw = m.fence = 100'000;  // longer than a quick hand-over
    m.rmw_overlap = std::array<picoseconds, 3>{0, m.rmw / 2, m.rmw}[draw() % 3];
    m.store_buffer = draw() % 2 == 0 ? 2 : 56;
    m.libc_call = draw() % 2 * 1'000;
    schedule_options options;
    options.kind = draw() % 2 == 0 ? schedule_kind::varied : schedule_kind::none;
    options.seed = program;
    const auto threads = static_cast<unsigned>(2 + draw() % (most_threads - 1));
    const seen ahead = run(m, threads, options, program);
    options.lookahead = false;
    ASSERT_EQ(run(m, threads, options, program), ahead) << "program " << program << ", " << threads << " threads";
    parks += ahead.parks;
  }
  EXPECT_GT(parks, 0U);
}

}  // namespace
}  // namespace contend::coherence
