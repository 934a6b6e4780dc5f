// SPDX-License-Identifier: MIT
// Litmus tests with outcome tables: which results of a few unordered instructions may be seen, and which never.
// A forbidden outcome that is not seen proves nothing; one that is seen proves a fault.
#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "primitives/catalogue.hpp"
#include "tests/support/catalogue_types.hpp"

namespace contend {
namespace {

enum class verdict { acceptable, interesting, forbidden };

struct outcome {
  const char* seen;  ///< the registers, in the order of the bodies
  verdict is;
  const char* why;
};

/// A place in memory on lines of its own.
struct alignas(128) place {
  std::atomic<int> value{0};
};

/// Results of one round: up to four registers.
using registers = std::array<int, 4>;

/// Gives thread number `number` a processor of its own while there are any: two threads on one never overlap.
void pin(unsigned number) {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  if (cpus.empty()) return;
  CPU_ZERO(&allowed);
  CPU_SET(cpus[number % cpus.size()], &allowed);
  ::sched_setaffinity(0, sizeof allowed, &allowed);
}

/// Runs `bodies` in lockstep rounds, each on a thread of its own: nobody starts round n + 1 before all ended round n.
/// Counts what the registers said, prints the table and returns how often a forbidden outcome was seen.
template <class... Body>
std::uint64_t run_litmus(const char* name, unsigned used, const std::vector<outcome>& table, Body... bodies) {
  constexpr unsigned threads = sizeof...(Body);
  constexpr int rounds = 4'000;
  struct round_state {
    place x, y;
    registers r{};
  };
  std::vector<round_state> all(rounds);
  std::atomic<int> arrived{0};
  const auto meet = [&](int round) {
    arrived.fetch_add(1);
    for (int spins = 0; arrived.load() < static_cast<int>(threads) * (round + 1); ++spins)
      if (spins > 2'000) std::this_thread::yield();  // also on one processor
  };
  std::vector<std::thread> team;
  (team.emplace_back([&, bodies, number = static_cast<unsigned>(team.size())] {
    pin(number);
    for (int round = 0; round < rounds; ++round) {
      meet(round);
      round_state& now = all[static_cast<std::size_t>(round)];
      bodies(now.x.value, now.y.value, now.r);
    }
  }),
   ...);
  for (auto& member : team) member.join();

  std::vector<std::uint64_t> counts(table.size());
  std::uint64_t unknown = 0;
  for (const auto& one : all) {
    std::string seen;
    for (unsigned i = 0; i < used; ++i) seen += static_cast<char>('0' + one.r[i]);
    bool found = false;
    for (std::size_t i = 0; i < table.size(); ++i)
      if (seen == table[i].seen) {
        ++counts[i];
        found = true;
      }
    unknown += !found;
  }
  std::uint64_t forbidden = unknown;
  for (std::size_t i = 0; i < table.size(); ++i) {
    constexpr const char* names[] = {"acceptable", "interesting", "forbidden"};
    std::printf("  %-30s %s %8llu %-11s %s\n", name, table[i].seen, static_cast<unsigned long long>(counts[i]),
                names[static_cast<int>(table[i].is)], table[i].why);
    if (table[i].is == verdict::forbidden) forbidden += counts[i];
  }
  EXPECT_EQ(unknown, 0U) << name << ": an outcome that is not in the table";
  return forbidden;
}

using word = std::atomic<int>;
// Orders are template arguments: an order that the compiler does not know while it compiles is seq_cst to g++.
using order = std::memory_order;
constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto seq_cst = std::memory_order_seq_cst;

// SB, store buffering: each thread stores to its own word and then loads the other's.
template <order Store, order Load, class First, class Second>
std::uint64_t store_buffering(const std::string& name, bool ordered, First first, Second second) {
  return run_litmus(
      name.c_str(), 2,
      {{"11", verdict::acceptable, "both stores came first"},
       {"01", verdict::acceptable, "the first thread was faster"},
       {"10", verdict::acceptable, "the second thread was faster"},
       {"00", ordered ? verdict::forbidden : verdict::interesting, "both loads overtook the stores before them"}},
      [first](word& x, word& y, registers& r) {
        x.store(1, Store);
        first();
        r[0] = y.load(Load);
      },
      [second](word& x, word& y, registers& r) {
        y.store(1, Store);
        second();
        r[1] = x.load(Load);
      });
}

template <class F>
class litmus_fence : public ::testing::Test {};
TYPED_TEST_SUITE(litmus_fence, testing::types_of<fences>, testing::name_by_facts);

TYPED_TEST(litmus_fence, orders_a_store_before_a_load_if_it_says_so) {
  if (!TypeParam::available()) GTEST_SKIP() << "this kernel has no private expedited membarrier";
  const std::string name = "SB, " + std::string(TypeParam::facts.name);
  const auto light = [] { TypeParam::light(); };
  const auto heavy = [] { TypeParam::heavy(); };
  constexpr bool ordered = TypeParam::orders_store_load;
  EXPECT_EQ((store_buffering<relaxed, relaxed>(name, ordered, light, heavy)), 0U);
  EXPECT_EQ((store_buffering<relaxed, relaxed>(name + ", heavy twice", ordered, heavy, heavy)), 0U);
}

TEST(litmus, store_buffering_by_order_of_the_accesses) {
  const auto nothing = [] {};
  EXPECT_EQ((store_buffering<release, acquire>("SB, release and acquire", false, nothing, nothing)), 0U);
  EXPECT_EQ((store_buffering<seq_cst, seq_cst>("SB, seq_cst", true, nothing, nothing)), 0U);
}

// MP, message passing: data, then a flag; the reader sees the flag and reads the data.
template <order Send, order Receive, class Barrier>
std::uint64_t message_passing(const char* name, bool ordered, Barrier barrier) {
  return run_litmus(
      name, 2,
      {{"11", verdict::acceptable, "flag and data seen"},
       {"00", verdict::acceptable, "the reader was first"},
       {"01", verdict::acceptable, "data seen, flag not yet"},
       {"10", ordered ? verdict::forbidden : verdict::interesting, "the flag seen, the data stale"}},
      [barrier](word& x, word& y, registers&) {
        x.store(1, relaxed);
        barrier();
        y.store(1, Send);
      },
      [barrier](word& x, word& y, registers& r) {
        r[0] = y.load(Receive);
        barrier();
        r[1] = x.load(relaxed);
      });
}
TEST(litmus, message_passing) {
  const auto nothing = [] {};
  EXPECT_EQ((message_passing<relaxed, relaxed>("MP, relaxed", false, nothing)), 0U);
  EXPECT_EQ((message_passing<release, acquire>("MP, release and acquire", true, nothing)), 0U);
  EXPECT_EQ((message_passing<relaxed, relaxed>("MP, fence_acq_rel", true, [] { fence_acq_rel::light(); })), 0U);
}

// LB, load buffering: each thread loads one word and then stores to the other.
template <order Load, order Store>
std::uint64_t load_buffering(const char* name, bool ordered) {
  return run_litmus(
      name, 2,
      {{"00", verdict::acceptable, "both loads came first"},
       {"01", verdict::acceptable, "the first thread was faster"},
       {"10", verdict::acceptable, "the second thread was faster"},
       {"11", ordered ? verdict::forbidden : verdict::interesting, "each load saw the store that follows the other"}},
      [](word& x, word& y, registers& r) {
        r[0] = x.load(Load);
        y.store(1, Store);
      },
      [](word& x, word& y, registers& r) {
        r[1] = y.load(Load);
        x.store(1, Store);
      });
}
TEST(litmus, load_buffering) {
  EXPECT_EQ((load_buffering<relaxed, relaxed>("LB, relaxed", false)), 0U);
  EXPECT_EQ((load_buffering<acquire, release>("LB, acquire and release", true)), 0U);
}

// IRIW: two independent writers, two readers that look in opposite orders.
template <order Load, order Store>
std::uint64_t independent_reads(const char* name, bool ordered) {
  std::vector<outcome> table;
  static const char* const all[] = {"0000", "0001", "0010", "0011", "0100", "0101", "0110", "0111",
                                    "1000", "1001", "1010", "1011", "1100", "1101", "1110", "1111"};
  for (const char* seen : all) {
    if (std::string(seen) == "1010")
      table.push_back(
          {seen, ordered ? verdict::forbidden : verdict::interesting, "the readers disagree on which was first"});
    else
      table.push_back({seen, verdict::acceptable, "one order of the two stores explains it"});
  }
  return run_litmus(
      name, 4, table, [](word& x, word&, registers&) { x.store(1, Store); },
      [](word&, word& y, registers&) { y.store(1, Store); },
      [](word& x, word& y, registers& r) {
        r[0] = x.load(Load);
        r[1] = y.load(Load);
      },
      [](word& x, word& y, registers& r) {
        r[2] = y.load(Load);
        r[3] = x.load(Load);
      });
}
TEST(litmus, independent_reads_of_independent_writes) {
  EXPECT_EQ((independent_reads<acquire, release>("IRIW, release and acquire", false)), 0U);
  EXPECT_EQ((independent_reads<seq_cst, seq_cst>("IRIW, seq_cst", true)), 0U);
}

}  // namespace
}  // namespace contend
