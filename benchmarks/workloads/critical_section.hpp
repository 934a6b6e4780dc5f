// SPDX-License-Identifier: MIT
// What does a lock cost around a short piece of shared work?
#pragma once

#include <cstdint>
#include <memory>

#include "benchmarks/workload.hpp"
#include "primitives/lock/lock.hpp"
#include "primitives/platform.hpp"

namespace contend::bench {

struct critical_section {
  static constexpr workload_facts facts{
      .name = "critical_section",
      .family = "lock",
      .question = "What does the lock cost around a short critical section?",
      .operation = "lock, add to a shared counter, work inside, unlock, work outside",
      .contends_on = "the lock's words, and the counter that it guards on the line after it",
      .reference = "std_mutex",
      .exclusive = true,
  };

  struct params {
    std::uint32_t inside_ns = 0;   ///< busy work while holding the lock, ns
    std::uint32_t outside_ns = 0;  ///< busy work between two acquisitions, ns; multiplied by the number of threads,
                                   ///< so that the demand on the lock is the same at every count
    template <class V>
    void visit(V v) const {
      v("inside_ns", inside_ns);
      v("outside_ns", outside_ns);
    }
  };

  static std::vector<sample<params>> matrix(unsigned) {
    return {{{0, 0}, quick_part::whole}, {{100, 200}, quick_part::main}, {{0, 100}}, {{1000, 0}}, {{100, 2000}}};
  }

  static std::vector<claim> claims() {
    return {{.id = "mutex_is_enough_when_short",
             .statement = "A parking mutex is at least half as fast as a queue lock when the critical section is short",
             .source = "S0, S1: the simplest that works",
             .better = "std_mutex",
             .worse = "mcs",
             .params = {{"inside_ns", "100"}, {"outside_ns", "200"}},
             .at_least = 0.5},
            {.id = "backoff_beats_naked_spinning",
             .statement = "Test-and-test-and-set with backoff is at least as fast as naked test-and-set",
             .source = "Anderson 1990",
             .better = "ttas",
             .worse = "tas",
             .params = {{"inside_ns", "0"}, {"outside_ns", "0"}}}};
  }

  template <class L>
  static constexpr std::string_view not_applicable = keyed_lock<L>
                                                         ? std::string_view("locks by key: see keyed_counters")
                                                         : std::string_view();

  template <class L>
  class state {
   public:
    state(const params& p, unsigned threads)
        : inside_ns_(p.inside_ns),
          outside_ns_(p.outside_ns * threads),
          sets_(excludes<L> ? 1 : threads),
          shared_(std::make_unique<guarded[]>(sets_)),
          nodes_(std::make_unique<thread_node[]>(threads)) {}

    template <class Probe>
    step_result step(Probe& probe, unsigned thread) {
      guarded& mine = shared_[excludes<L> ? 0 : thread];
      auto& node = nodes_[thread].node;
      probe.wait([&] { acquire(mine.lock, node); });
      if constexpr (excludes<L>) probe.owned(thread);
      mine.count = mine.count + 1;
      platform::work(inside_ns_);
      release(mine.lock, node);
      platform::work(outside_ns_);
      return {1, 0};
    }

    void stop() {}

    std::string check(std::span<const thread_counts> counts) {
      std::uint64_t sum = 0;
      for (unsigned i = 0; i < sets_; ++i) sum += shared_[i].count;
      return expect_equal("the counter under the lock", sum, total_done(counts));
    }

   private:
    struct alignas(2 * platform::cache_line) guarded {
      L lock{};
      alignas(platform::cache_line) volatile std::uint64_t count = 0;
    };
    struct alignas(2 * platform::cache_line) thread_node {
      [[no_unique_address]] node_t<L> node{};
    };
    const std::uint32_t inside_ns_;
    const std::uint32_t outside_ns_;
    const unsigned sets_;  // one, or one per thread where nobody is excluded
    std::unique_ptr<guarded[]> shared_;
    std::unique_ptr<thread_node[]> nodes_;
  };
};

}  // namespace contend::bench
