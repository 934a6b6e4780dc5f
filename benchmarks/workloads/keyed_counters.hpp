// SPDX-License-Identifier: MIT
// Does sharding a lock by key pay?
#pragma once

#include <cstdint>
#include <memory>

#include "benchmarks/workload.hpp"
#include "benchmarks/workloads/keys.hpp"
#include "primitives/lock/lock.hpp"
#include "primitives/platform.hpp"

namespace contend::bench {

struct keyed_counters {
  static constexpr workload_facts facts{
      .name = "keyed_counters",
      .family = "lock",
      .question = "Does one lock per group of keys beat one lock for all?",
      .operation = "take the next key, lock it (or the one lock), add to its counter, unlock",
      .contends_on = "the lock or the lock's shards; each key's counter has a line of its own",
      .reference = "std_mutex",
  };

  struct params {
    std::uint32_t keys;  ///< number of keys
    key_skew skew;
    template <class V>
    void visit(V v) const {
      v("keys", keys);
      v("skew", to_string(skew));
    }
  };

  static std::vector<sample<params>> matrix(unsigned) {
    return {{{1024, key_skew::uniform}, quick_part::main}, {{1024, key_skew::zipf}}, {{16, key_skew::uniform}}};
  }

  static std::vector<claim> claims() {
    return {{.id = "sharding_reduces_contention",
             .statement = "A sharded mutex is at least as fast as one mutex for all keys",
             .source = "S0: sharding reduces contention",
             .better = "sharded_mutex",
             .worse = "std_mutex",
             .params = {{"keys", "1024"}, {"skew", "uniform"}}},
            {.id = "padded_shards",
             .statement = "Padding the shards pays",
             .source = "S0: padding pays",
             .better = "sharded_mutex",
             .worse = "sharded_mutex_unpadded",
             .params = {{"keys", "1024"}, {"skew", "uniform"}}}};
  }

  /// One lock for all keys is asked in critical_section already; here two of them stand for it.
  template <class L>
  static constexpr quick_part quick_at_most =
      keyed_lock<L>                                             ? quick_part::main
      : L::facts.name == "std_mutex" || L::facts.name == "ttas" ? quick_part::ends
                                                                : quick_part::none;

  template <class L>
  static constexpr std::string_view not_applicable =
      excludes<L> ? std::string_view() : std::string_view("keys are shared, and this excludes nobody");

  template <class L>
  class state {
   public:
    state(const params& p, unsigned threads)
        : keys_(p.keys),
          counters_(std::make_unique<counter[]>(p.keys)),
          streams_(key_streams(threads, p.skew, p.keys)),
          nodes_(std::make_unique<thread_node[]>(threads)) {}

    template <class Probe>
    step_result step(Probe& probe, unsigned thread) {
      const std::uint32_t index = streams_[thread].next();
      auto& count = counters_[index].value;
      if constexpr (keyed_lock<L>) {
        const std::uint64_t key = std::uint64_t{index} * 64;  // as regular as the addresses of aligned objects
        probe.wait([&] { lock_.lock(key); });
        count = count + 1;
        lock_.unlock(key);
      } else {
        auto& node = nodes_[thread].node;
        probe.wait([&] { acquire(lock_, node); });
        count = count + 1;
        release(lock_, node);
      }
      return {1, 0};
    }

    void stop() {}

    std::string check(std::span<const thread_counts> counts) {
      std::uint64_t sum = 0;
      for (std::uint32_t i = 0; i < keys_; ++i) sum += counters_[i].value;
      return expect_equal("the sum of the keys' counters", sum, total_done(counts));
    }

   private:
    struct alignas(platform::cache_line) counter {
      volatile std::uint64_t value = 0;
    };
    struct alignas(2 * platform::cache_line) thread_node {
      [[no_unique_address]] node_t<L> node{};
    };
    const std::uint32_t keys_;
    std::unique_ptr<counter[]> counters_;
    std::unique_ptr<key_stream[]> streams_;
    std::unique_ptr<thread_node[]> nodes_;
    alignas(2 * platform::cache_line) L lock_{};
  };
};

}  // namespace contend::bench
