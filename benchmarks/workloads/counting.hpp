// SPDX-License-Identifier: MIT
// How should many threads count together, and how far apart must their counts lie?
#pragma once

#include <cstdint>
#include <memory>

#include "benchmarks/workload.hpp"
#include "primitives/counter/counter.hpp"
#include "primitives/platform.hpp"

namespace contend::bench {

/// The state of both workloads: every step adds one; every `sum_every`-th also sums (0 = none).
template <class C>
class counting_state {
 public:
  counting_state(std::uint32_t sum_every, unsigned threads)
      : sum_every_(sum_every), threads_(threads), locals_(std::make_unique<local[]>(threads)), counter_(threads) {}

  template <class Probe>
  step_result step(Probe& probe, unsigned thread) {
    probe.wait([&] { counter_.add(thread, 1); });
    if (sum_every_ != 0) {
      local& mine = locals_[thread];
      if (++mine.steps == sum_every_) {
        mine.steps = 0;
        const std::uint64_t seen = counter_.sum();
        mine.backwards += seen < mine.last;  // adds only grow it, and one thread's sums are ordered
        mine.last = seen;
      }
    }
    return {1, 0};
  }

  void stop() {}

  std::string check(std::span<const thread_counts> counts) {
    for (unsigned i = 0; i < threads_; ++i)
      if (locals_[i].backwards != 0) return "a sum was smaller than an earlier one";
    return expect_equal("the sum", counter_.sum(), total_done(counts));
  }

 private:
  struct alignas(2 * platform::cache_line) local {
    std::uint32_t steps = 0;
    std::uint64_t last = 0, backwards = 0;
  };
  const std::uint32_t sum_every_;
  const unsigned threads_;
  std::unique_ptr<local[]> locals_;
  alignas(2 * platform::cache_line) C counter_;
};

struct increment {
  static constexpr workload_facts facts{
      .name = "increment",
      .family = "counter",
      .question = "How should many threads count together, and how far apart must their counts lie?",
      .operation = "add one",
      .contends_on = "one word, or the line that neighbouring counts share: false sharing",
      .reference = "one_atomic",
  };
  struct params {
    template <class V>
    void visit(V) const {}
  };
  static std::vector<sample<params>> matrix(unsigned) { return {{{}, quick_part::main}}; }
  static std::vector<claim> claims() {
    return {{.id = "padding_pays",
             .statement = "Counts padded to 64 bytes are at least as fast as unpadded ones",
             .source = "S0, S1: padding pays",
             .better = "padded_64",
             .worse = "unpadded"},
            {.id = "64_bytes_suffice",
             .statement = "Padding to 64 bytes is no slower than padding to 128",
             .source = "S1: 56 bytes of padding suffice",
             .better = "padded_64",
             .worse = "padded_128",
             .at_least = 0.95},
            {.id = "128_bytes_suffice",
             .statement = "Padding to 128 bytes is no slower than padding to 256",
             .source = "S1",
             .better = "padded_128",
             .worse = "padded_256",
             .at_least = 0.95},
            {.id = "sharded_counter",
             .statement = "A count per thread is at least as fast as one atomic",
             .source = "S0: sharding reduces contention",
             .better = "per_thread",
             .worse = "one_atomic"}};
  }
  template <class>
  static constexpr std::string_view not_applicable{};
  template <class C>
  struct state : counting_state<C> {
    state(const params&, unsigned threads) : counting_state<C>(0, threads) {}
  };
};

struct increment_and_sum {
  static constexpr workload_facts facts{
      .name = "increment_and_sum",
      .family = "counter",
      .question = "What do sums cost that are taken while others count?",
      .operation = "add one; now and then also sum",
      .contends_on = "the counts' lines, which every sum pulls over",
      .reference = "one_atomic",
  };
  struct params {
    std::uint32_t sum_every;  ///< one operation in so many also sums
    template <class V>
    void visit(V v) const {
      v("sum_every", sum_every);
    }
  };
  static std::vector<sample<params>> matrix(unsigned) { return {{{1000}, quick_part::ends}, {{10}}, {{100'000}}}; }
  static std::vector<claim> claims() { return {}; }
  /// One of each kind: a word, a mutex, an array and stripes; the arrays differ by padding, which `increment` asks for.
  template <class C>
  static constexpr quick_part quick_at_most =
      C::facts.baseline || C::facts.name == "padded_64" || C::facts.name == "striped" ? quick_part::ends
                                                                                      : quick_part::none;
  template <class C>
  static constexpr std::string_view not_applicable = requires {
    C::sums_alone;
  }
  ? std::string_view("its sums may not overlap with additions") : std::string_view();
  template <class C>
  struct state : counting_state<C> {
    state(const params& p, unsigned threads) : counting_state<C>(p.sum_every, threads) {}
  };
};

}  // namespace contend::bench
