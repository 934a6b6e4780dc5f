// SPDX-License-Identifier: MIT
// What is exact without a PMU: page faults and switches per thread, and software events of the real kernel.
#include "perf/counters/thread_counters.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <latch>
#include <thread>
#include <vector>

#if defined(__SANITIZE_THREAD__)
#define CONTEND_THREAD_SANITIZER
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CONTEND_THREAD_SANITIZER
#endif
#endif

namespace {

using namespace contend::counters;

event software(const char* name, origin from) {
  event one;
  one.metric = one.name = name;
  one.from = from;
  return one;
}

/// Pages that are given back and touched again, each touch one fault: no huge page, no page of the file cache.
class pages {
 public:
  static constexpr std::size_t size = 64;
  pages() : page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
    void* at = ::mmap(nullptr, size * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    memory_ = static_cast<volatile char*>(at);
    ::madvise(at, size * page_, MADV_NOHUGEPAGE);  // fails where the kernel has no huge pages: none to keep off
  }
  pages(const pages&) = delete;
  pages& operator=(const pages&) = delete;
  ~pages() { ::munmap(const_cast<char*>(memory_), size * page_); }

  void fault(std::size_t count) {
    while (count > 0) {
      const std::size_t now = std::min(count, size);
      ::madvise(const_cast<char*>(memory_), size * page_, MADV_DONTNEED);
      for (std::size_t i = 0; i < now; ++i) memory_[i * page_] = 1;
      count -= now;
    }
  }

 private:
  std::size_t page_;
  volatile char* memory_;
};

class exact : public ::testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(threads, exact, ::testing::Values(1U, 2U, 4U, 8U));

TEST_P(exact, page_faults_of_each_thread) {
  const std::array events{software("page_faults", origin::page_faults)};
  std::vector<double> counted(GetParam(), -1);
  std::latch together(GetParam());
  std::vector<std::thread> team;
  for (unsigned t = 0; t < GetParam(); ++t)
    team.emplace_back([&, t] {
      pages mine;
      thread_counters counters(events);
      mine.fault(pages::size);  // the code and the stack below are in memory before it counts
      counters.begin();
      counters.end();
      together.arrive_and_wait();
      counters.begin();
      mine.fault(1000 + t);
      counters.end();
      counted[t] = counters.readings().at(0).value.value_or(-1);
    });
  for (auto& one : team) one.join();
  for (unsigned t = 0; t < GetParam(); ++t) EXPECT_EQ(counted[t], 1000 + t) << "thread " << t;
}

TEST_P(exact, voluntary_switches_of_each_thread) {
  const std::array events{software("voluntary_switches", origin::voluntary_switches),
                          software("involuntary_switches", origin::involuntary_switches),
                          software("context_switches", origin::context_switches)};
  std::vector<bool> all_counted(GetParam());
  // A thread that loses its processor on the way to sleep may find its timer over and not sleep: one switch too few.
  for (int attempt = 0; attempt < 100 && std::count(all_counted.begin(), all_counted.end(), false) > 0; ++attempt) {
    std::vector<std::array<double, 3>> counted(GetParam());
    std::latch together(GetParam());
    std::vector<std::thread> team;
    for (unsigned t = 0; t < GetParam(); ++t)
      team.emplace_back([&, t] {
        thread_counters counters(events);
        together.arrive_and_wait();
        counters.begin();
        for (unsigned i = 0; i < 50 + t; ++i) ::poll(nullptr, 0, 1);  // sleeps: one switch, and the thread's own will
        counters.end();
        const auto read = counters.readings();
        for (std::size_t i = 0; i < 3; ++i) counted[t][i] = read.at(i).value.value_or(-1);
      });
    for (auto& one : team) one.join();
    for (unsigned t = 0; t < GetParam(); ++t) {
#if defined(CONTEND_THREAD_SANITIZER)  // its runtime makes threads wait for each other now and then
      if (counted[t][0] >= 50 + t) all_counted[t] = true;
#else
      if (counted[t][0] == 50 + t) all_counted[t] = true;
      EXPECT_LE(counted[t][0], 50 + t) << "thread " << t;
#endif
      EXPECT_GE(counted[t][0], 0);
      EXPECT_GE(counted[t][1], 0);
      EXPECT_EQ(counted[t][2], counted[t][0] + counted[t][1]);
    }
  }
  for (unsigned t = 0; t < GetParam(); ++t)
    EXPECT_TRUE(all_counted[t]) << "thread " << t << " slept " << 50 + t << " times";
}

}  // namespace
