// SPDX-License-Identifier: MIT
// The heap of programs with simulated threads: glibc's layout, its caches by core, its cost, and two processes with
// randomised addresses that give the same numbers and addresses.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "perf/coherence/heap.hpp"
#include "tests/perf/simulated.hpp"

namespace contend::coherence {
namespace {

constexpr std::uintptr_t arena = 0x620000000000;

std::uintptr_t place(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

TEST(heap, lays_blocks_out_as_glibc_does) {
  static void* blocks[8];
  simulate(1, [](unsigned) {
    for (int i = 0; i < 4; ++i) blocks[i] = std::malloc(24);
    for (int i = 4; i < 8; ++i) blocks[i] = std::malloc(25);
  });
  for (int i = 1; i < 4; ++i) EXPECT_EQ(place(blocks[i]) - place(blocks[i - 1]), 32U);
  for (int i = 5; i < 8; ++i) EXPECT_EQ(place(blocks[i]) - place(blocks[i - 1]), 48U);
  EXPECT_EQ(malloc_usable_size(blocks[0]), 24U);
  EXPECT_EQ(malloc_usable_size(blocks[4]), 40U);
  for (void* const block : blocks) {
    EXPECT_EQ(place(block) % 16, 0U);
    EXPECT_GE(place(block), arena);
    std::free(block);
  }
}

TEST(heap, gives_each_core_blocks_of_its_own_lines) {
  static volatile long* neighbours[8];
  simulation all(round_machine(), 8);
  event_counts own;
  all.run(
      [&](unsigned i) {
        auto* const mine = static_cast<volatile long*>(std::malloc(8));
        if (i == 0)
          for (auto& one : neighbours) one = static_cast<volatile long*>(std::malloc(8));
        sleep_until(millisecond);
        if (i == 0) {
          const outside here;
          all.model().reset_counts();
        }
        sleep_until(millisecond + microsecond);
        for (int k = 0; k < 100; ++k) *mine = k;
        sleep_until(2 * millisecond);
        if (i == 0) {
          const outside here;
          own = all.model().counts();
          all.model().reset_counts();
        }
        sleep_until(3 * millisecond);
        for (int k = 0; k < 100; ++k) {
          *neighbours[i] = k;
          pass(microsecond);
        }
        std::free(const_cast<long*>(mine));
      },
      [] {}, 10'000 * millisecond);
  EXPECT_EQ(own.false_sharing, 0U) << "of what each thread allocated for itself";
  EXPECT_GT(all.model().counts().false_sharing, 100U) << "two blocks of 32 bytes lie on a line";
  EXPECT_EQ(all.model().counts().true_sharing, 0U);
}

TEST(heap, gives_back_what_was_freed_last) {
  static bool same, other_core_s;
  static void* passed[9];
  simulate(2, [](unsigned i) {
    if (i == 0) {
      void* volatile block = std::malloc(100);
      const std::uintptr_t first = place(block);
      std::free(block);
      block = std::malloc(100);
      same = first == place(block);
      for (void*& one : passed) one = std::malloc(200);
      sleep_until(2 * millisecond);
      // Seven stay with the core that freed them; the others came home, the last one first.
      other_core_s = std::malloc(200) == passed[8] && std::malloc(200) == passed[7];
    } else {
      sleep_until(millisecond);
      for (void* const one : passed) std::free(one);
      other_core_s = std::malloc(200) == passed[6];
      EXPECT_TRUE(other_core_s);
      other_core_s = false;
    }
  });
  EXPECT_TRUE(same);
  EXPECT_TRUE(other_core_s);
}

TEST(heap, costs_what_it_says) {
  picoseconds allocation = 0, release = 0, creation = 0;
  simulate(1, [&](unsigned) {
    void* volatile block = nullptr;
    const picoseconds a = cost_of([&] { block = std::malloc(64); });
    const picoseconds b = cost_of([&] { std::free(block); });
    const picoseconds c = cost_of([&] { block = ::operator new(64); });
    ::operator delete(block);
    const outside here;
    allocation = a, release = b, creation = c;
  });
  const picoseconds around = 10'000;  // reading and writing `block` in the test
  for (const picoseconds one : {allocation, release, creation}) {
    EXPECT_GE(one, heap::picoseconds_per_call);
    EXPECT_LT(one, heap::picoseconds_per_call + around);
  }
}

TEST(heap, does_all_that_the_c_library_s_does) {
  void* block = nullptr;
  EXPECT_EQ(posix_memalign(&block, 24, 8), EINVAL);
  EXPECT_EQ(posix_memalign(&block, 4096, 100), 0);
  EXPECT_EQ(place(block) % 4096, 0U);
  std::free(block);
  for (const std::size_t alignment : {16U, 64U, 128U, 4096U, 1U << 20})
    for (const std::size_t size : {1U, 100U, 5'000U, 200'000U}) {
      block = std::aligned_alloc(alignment, size);
      ASSERT_NE(block, nullptr);
      EXPECT_EQ(place(block) % alignment, 0U);
      EXPECT_GE(malloc_usable_size(block), size);
      std::memset(block, 1, malloc_usable_size(block));
      std::free(block);
    }
  for (const std::size_t size : {10U, 1'000U, 100'000U, 1'000'000U}) {  // also after others wrote there
    for (int again = 0; again < 3; ++again) {
      auto* const bytes = static_cast<unsigned char*>(std::calloc(size, 1));
      EXPECT_TRUE(std::all_of(bytes, bytes + size, [](unsigned char c) { return c == 0; })) << size;
      std::memset(bytes, 0xff, size);
      std::free(bytes);
    }
  }
  auto* text = static_cast<char*>(std::realloc(nullptr, 4));
  std::strcpy(text, "abc");
  for (std::size_t size = 8; size < 4'000'000; size *= 3) {
    text = static_cast<char*>(std::realloc(text, size));
    ASSERT_STREQ(text, "abc");
    text[size - 1] = 'z';
  }
  EXPECT_EQ(std::realloc(text, 0), nullptr);
  volatile std::size_t most = ~std::size_t{0};
  errno = 0;
  EXPECT_EQ(std::malloc(most / 2), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(std::calloc(most, most), nullptr);
  struct alignas(256) big {
    char c[256];
  };
  const auto aligned = std::make_unique<big>();
  EXPECT_EQ(place(aligned.get()) % 256, 0U);
  void* const two_gigabytes = std::malloc(std::size_t{2} << 30);
  EXPECT_NE(two_gigabytes, nullptr);
  std::free(two_gigabytes);
}

TEST(heap, aligned_blocks_that_come_and_go_do_not_eat_it) {
  std::uintptr_t highest = 0, first = 0;
  simulate(1, [&](unsigned) {
    for (int k = 0; k < 10'000; ++k) {
      void* const block = std::aligned_alloc(64, 96);
      if (k == 0) first = place(block);
      highest = std::max(highest, place(block));
      std::free(block);
    }
  });
  EXPECT_LT(highest - first, 10'000U);
}

/// Blocks of many sizes, each filled with what it must still hold when it is freed; they are handed on from one thread
/// to the next.
struct churn {
  struct block {
    unsigned char* bytes = nullptr;
    std::size_t size = 0;
    unsigned char fill = 0;
  };
  std::mutex lock;
  std::vector<block> handed;
  unsigned wrong = 0;

  void step(std::mt19937& random, std::vector<block>& mine) {
    block b;
    b.size = random() % 16 == 0 ? random() % 300'000 : random() % 600;
    b.fill = static_cast<unsigned char>(random());
    b.bytes = static_cast<unsigned char*>(random() % 4 == 0 ? std::aligned_alloc(64, b.size) : std::malloc(b.size));
    std::memset(b.bytes, b.fill, b.size);
    mine.push_back(b);
    if (mine.size() < 20) return;
    std::swap(mine[random() % mine.size()], mine.back());
    block old = mine.back();
    mine.pop_back();
    {
      const std::lock_guard hold(lock);
      handed.push_back(old);
      old = handed[random() % handed.size()];
      std::erase_if(handed, [&](const block& one) { return one.bytes == old.bytes; });
    }
    drop(old);
  }
  void drop(const block& old) {
    const bool whole = std::all_of(old.bytes, old.bytes + old.size, [&](unsigned char c) { return c == old.fill; });
    std::free(old.bytes);
    const std::lock_guard hold(lock);
    wrong += !whole;
  }
  void run(unsigned seed, int steps) {
    std::mt19937 random(seed);
    std::vector<block> mine;
    for (int k = 0; k < steps; ++k) step(random, mine);
    for (const block& one : mine) drop(one);
  }
  ~churn() {
    for (const block& one : handed) drop(one);
    EXPECT_EQ(wrong, 0U);
  }
};

TEST(heap, keeps_what_it_is_given_on_simulated_threads) {
  churn blocks;
  simulate(
      6, [&](unsigned i) { blocks.run(i, 200); }, 1'000'000 * millisecond);
}

TEST(heap, keeps_what_it_is_given_on_threads_of_the_system) {
  churn blocks;
  std::vector<std::thread> team;
  for (unsigned i = 0; i < 3; ++i) team.emplace_back([&blocks, i] { blocks.run(i, 3'000); });
  for (auto& one : team) one.join();
}

TEST(heap, survives_a_fork_in_the_midst_of_others_allocations) {
  std::atomic<bool> over{false};
  std::thread busy([&] {
    while (!over) std::free(std::malloc(50));
  });
  for (int k = 0; k < 50; ++k) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::alarm(20);
      for (int i = 0; i < 100; ++i) std::free(std::malloc(50));
      ::_exit(0);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << "the child hung or crashed";
  }
  over = true;
  busy.join();
}

TEST(heap_death, a_block_that_is_not_its_own_or_was_freed_before_ends_the_program) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  alignas(16) static char elsewhere[64];
  void* volatile foreign = elsewhere;
  EXPECT_DEATH(std::free(foreign), "heap: a block was freed that malloc\\(\\) has not given");
  EXPECT_DEATH(
      {
        void* volatile block = std::malloc(50);
        std::free(block);
        std::free(block);
      },
      "heap: a block was freed twice");
}

/// Maps, strings, a condition variable and blocks on the stack of who starts the simulation.
void print_digest() {
  std::mutex lock;
  std::condition_variable changed;
  std::map<int, std::string> all;
  std::array<std::uintptr_t, 6> allocated{};
  std::array<picoseconds, 6> ends{};
  simulation six(round_machine(), 6);
  six.run(
      [&](unsigned i) {
        for (int k = 0; k < 100; ++k) {
          auto text = std::make_unique<std::string>(20U + i, 'x');
          std::unique_lock hold(lock);
          changed.wait(hold, [&] { return all.size() % 6 == i; });
          all.emplace(static_cast<int>(all.size()), *text);
          changed.notify_all();
        }
        void* const last = std::malloc(40);
        const outside here;
        allocated[i] = place(last);
        ends[i] = now();
      },
      [] {}, 100'000 * millisecond);
  const event_counts& c = six.model().counts();
  std::printf("digest: %zu", all.size());
  for (unsigned i = 0; i < 6; ++i)
    std::printf(" %zx:%llu", static_cast<std::size_t>(allocated[i]), static_cast<unsigned long long>(ends[i]));
  for (const auto n : {c.accesses, c.line_transfers, c.invalidations, c.upgrades, c.true_sharing, c.false_sharing,
                       c.failed_cas, c.spins, c.parks})
    std::printf(" %llu", static_cast<unsigned long long>(n));
  for (const auto& [key, text] : all) std::printf(" %zx", static_cast<std::size_t>(place(text.data())));
  std::printf("\n");
}

TEST(digest, DISABLED_print) {  // what the test below runs
  int here = 0;
  std::printf("stack: %zx\n", static_cast<std::size_t>(place(&here)));
  at_fixed_addresses(&print_digest);
}

/// The two lines that a process of its own prints, started with more or less in its environment.
std::array<std::string, 2> digest_of_a_process(std::size_t environment) {
  const std::string command = "CONTEND_TEST_PADDING=" + std::string(environment, 'p') + " '" +
                              std::filesystem::read_symlink("/proc/self/exe").string() +
                              "' --gtest_also_run_disabled_tests --gtest_filter=digest.DISABLED_print";
  std::array<std::string, 2> found;
  std::FILE* const out = ::popen(command.c_str(), "r");
  char* line = nullptr;
  std::size_t room = 0;
  while (::getline(&line, &room, out) >= 0) {
    const std::string text(line);
    if (text.starts_with("stack: ")) found[0] = text;
    if (text.starts_with("digest: ")) found[1] = text;
  }
  std::free(line);
  EXPECT_EQ(::pclose(out), 0);
  return found;
}

TEST(digest, of_two_processes_with_randomised_addresses_is_the_same) {
  std::string randomise;
  std::getline(std::ifstream("/proc/sys/kernel/randomize_va_space") >> std::ws, randomise);
  const auto first = digest_of_a_process(1);
  ASSERT_NE(first[1], "") << "the process printed no digest";
  bool moved = false;
  for (const std::size_t environment : {1U, 10U, 1'000U, 5'000U}) {
    const auto again = digest_of_a_process(environment);
    EXPECT_EQ(again[1], first[1]);
    moved |= again[0] != first[0];
  }
  EXPECT_TRUE(moved) << "the stack was always at the same place: this has shown nothing (randomize_va_space is "
                     << randomise << ")";
}

}  // namespace
}  // namespace contend::coherence
