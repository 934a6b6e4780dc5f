// SPDX-License-Identifier: MIT
// What does one atomic operation cost, on one word that all share and on several?
#pragma once

#include <cstdint>
#include <memory>

#include "benchmarks/workload.hpp"
#include "primitives/atomic/atomic.hpp"
#include "primitives/platform.hpp"

namespace contend::bench {

/// The state of both workloads: `words` words, each on a line of its own; a thread picks one by a draw.
template <class W>
class word_state {
 public:
  word_state(std::uint32_t words, unsigned threads) : count_(words), threads_(threads) {
    words_ = std::make_unique<padded[]>(words);
    locals_ = std::make_unique<local[]>(threads);
    for (unsigned i = 0; i < threads; ++i) {
      locals_[i].random = random_stream(i + 1);
      locals_[i].next = std::uint64_t{i + 1} << 48;
    }
  }

  template <class Probe>
  step_result step(Probe& probe, unsigned thread) {
    local& mine = locals_[thread];
    W& word = words_[count_ == 1 ? 0 : mine.random.below(count_)].word;
    const std::uint64_t argument = W::effect == word_effect::add ? 1 : ++mine.next;
    const std::uint64_t result = probe.wait([&] { return word.operate(argument); });
    if constexpr (W::effect == word_effect::swap) {
      mine.put += argument;
      mine.got += result;
    } else if constexpr (W::effect == word_effect::read) {
      mine.got |= result;
    } else {
      asm volatile("" ::"r"(result));
    }
    return {1, 0};
  }

  void stop() {}

  std::string check(std::span<const thread_counts> counts) {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < count_; ++i) sum += words_[i].word.value();
    std::uint64_t put = 0;
    std::uint64_t got = 0;
    for (unsigned i = 0; i < threads_; ++i) {
      put += locals_[i].put;
      got += locals_[i].got;
    }
    switch (W::effect) {
      case word_effect::add:
        return expect_equal("the words' sum", sum, total_done(counts));
      case word_effect::read:
        return expect_equal("a word that was only read", sum | got, 0);
      case word_effect::swap:
        return expect_equal("what was taken out and what is left", got + sum, put);
      case word_effect::write:
        break;
    }
    for (std::uint32_t i = 0; i < count_; ++i)  // each word holds what some thread wrote, or was never written
      if (const auto v = words_[i].word.value(); v != 0 && !written(v)) return "a word holds a value that nobody wrote";
    return {};
  }

 private:
  bool written(std::uint64_t value) const {
    const std::uint64_t thread = (value >> 48) - 1;
    return thread < threads_ && value <= locals_[thread].next;
  }
  struct alignas(2 * platform::cache_line) padded {
    W word{0};
  };
  struct alignas(2 * platform::cache_line) local {
    random_stream random{1};
    std::uint64_t next = 0;  // thread + 1 in the upper 16 bits, a count below
    std::uint64_t put = 0;
    std::uint64_t got = 0;
  };
  const std::uint32_t count_;
  const unsigned threads_;
  std::unique_ptr<padded[]> words_;
  std::unique_ptr<local[]> locals_;
};

struct single_word {
  static constexpr workload_facts facts{
      .name = "single_word",
      .family = "atomic",
      .question = "What does one operation on one word that all threads share cost?",
      .operation = "one load, store, exchange, addition or CAS loop",
      .contends_on = "one 8-byte word on a line of its own",
      .reference = "mutex_integer",
  };
  struct params {
    template <class V>
    void visit(V) const {}
  };
  static std::vector<sample<params>> matrix(unsigned) { return {{{}, quick_part::whole}}; }
  static std::vector<claim> claims() {
    return {
        {.id = "atomics_for_counters",
         .statement = "An atomic addition is at least as fast as a mutex-guarded integer",
         .source = "S1: atomics for counters and flags",
         .better = "fetch_add_relaxed",
         .worse = "mutex_integer",
         .min_threads = 1},
        {.id = "fetch_add_beats_cas_loop",
         .statement = "fetch_add is at least as fast as a CAS loop",
         .source = "S0, S1",
         .better = "fetch_add_seq_cst",
         .worse = "cas_seq_cst"},
        {.id = "cas_backoff",
         .statement = "A CAS loop with backoff is at least as fast as one without",
         .source = "S0: no backoff; S1: jitter prevents the herd",
         .better = "cas_backoff_seq_cst",
         .worse = "cas_seq_cst"},
        {.id = "order_of_rmw_is_free",
         .statement = "A relaxed addition is no faster than a sequentially consistent one (x86: the same instruction)",
         .source = "S1",
         .better = "fetch_add_seq_cst",
         .worse = "fetch_add_relaxed",
         .at_least = 0.9}};
  }
  /// The strongest order of each operation at every count; the weaker ones beside it at one thread and on all.
  template <class A>
  static constexpr quick_part quick_at_most = A::facts.baseline || A::facts.name.ends_with("_seq_cst")
                                                  ? quick_part::whole
                                                  : quick_part::ends;

  template <class>
  static constexpr std::string_view not_applicable{};
  template <class W>
  struct state : word_state<W> {
    state(const params&, unsigned threads) : word_state<W>(1, threads) {}
  };
};

struct n_words {
  static constexpr workload_facts facts{
      .name = "n_words",
      .family = "atomic",
      .question = "What does an operation cost when the threads spread over several words?",
      .operation = "one operation on a word picked by a draw",
      .contends_on = "n words, each on a line of its own",
      .reference = "mutex_integer",
  };
  struct params {
    std::uint32_t words;
    template <class V>
    void visit(V v) const {
      v("words", words);
    }
  };
  static std::vector<sample<params>> matrix(unsigned) { return {{{4}}, {{16}}, {{256}}}; }
  static std::vector<claim> claims() { return {}; }
  template <class>
  static constexpr std::string_view not_applicable{};
  template <class W>
  struct state : word_state<W> {
    state(const params& p, unsigned threads) : word_state<W>(p.words, threads) {}
  };
};

}  // namespace contend::bench
