// SPDX-License-Identifier: MIT
// A workload whose page faults and context switches per operation are known.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <ctime>
#include <span>
#include <string>
#include <vector>

#include "benchmarks/cell.hpp"
#include "perf/counters/event.hpp"

namespace contend::testing {

inline constexpr unsigned faults_per_step = 3;

/// Steps that cost what is known: three page faults and one voluntary context switch.
struct known_costs {
  struct params {};
  known_costs(const params&, unsigned threads) : page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
    size_ = page_ * faults_per_step * threads;
    memory_ = static_cast<char*>(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ::madvise(memory_, size_, MADV_NOHUGEPAGE);
  }
  ~known_costs() { ::munmap(memory_, size_); }
  known_costs(const known_costs&) = delete;

  template <class Probe>
  bench::step_result step(Probe&, unsigned thread) {
    char* mine = memory_ + thread * page_ * faults_per_step;
    ::madvise(mine, page_ * faults_per_step, MADV_DONTNEED);
    for (unsigned i = 0; i < faults_per_step; ++i) static_cast<volatile char*>(mine)[i * page_] = 1;
    const timespec moment{0, 300'000};
    ::nanosleep(&moment, nullptr);
    return {1, 0};
  }
  void stop() {}
  std::string check(std::span<const struct bench::thread_counts>) { return {}; }

 private:
  std::size_t page_;
  std::size_t size_ = 0;
  char* memory_ = nullptr;
};

inline bench::cell known_cell(unsigned threads) {
  bench::cell c;
  c.name = "known/costs/threads:" + std::to_string(threads);
  c.workload = "known";
  c.family = "f";
  c.about = {.name = "costs", .summary = ""};
  c.threads = threads;
  c.make = bench::factory_of<known_costs, false>(known_costs::params{}, threads);
  return c;
}

/// What getrusage() tells: page faults, voluntary, involuntary and all context switches.
inline std::vector<counters::event> software_events() {
  const auto usage = [](std::string metric, counters::origin from) {
    counters::event e;
    e.metric = std::move(metric);
    e.from = from;
    return e;
  };
  return {usage("page_faults", counters::origin::page_faults),
          usage("voluntary_switches", counters::origin::voluntary_switches),
          usage("involuntary_switches", counters::origin::involuntary_switches),
          usage("context_switches", counters::origin::context_switches)};
}

}  // namespace contend::testing
