// SPDX-License-Identifier: MIT
// What does ordering a store before a load cost?
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

#include "benchmarks/workload.hpp"
#include "primitives/atomic/atomic.hpp"
#include "primitives/platform.hpp"

namespace contend::bench {

struct store_load {
  static constexpr workload_facts facts{
      .name = "store_load",
      .family = "fence",
      .question = "What does it cost to order a store before a load?",
      .operation = "store to a word of one's own, fence, load the next thread's word",
      .contends_on = "the store buffer; a line per thread, written by it and read by its neighbour",
      .reference = "no_fence",
  };
  struct params {
    std::uint32_t heavy_every;  ///< one operation in so many uses the heavy side of the fence; 0 = none does
    template <class V>
    void visit(V v) const {
      v("heavy_every", heavy_every);
    }
  };
  static std::vector<sample<params>> matrix(unsigned) { return {{{0}, quick_part::ends}, {{10'000}}, {{100}}}; }
  static std::vector<claim> claims() {
    return {{.id = "asymmetric_fence_is_cheap",
             .statement = "The light side of an asymmetric fence is at least as fast as a seq_cst fence",
             .source = "Linux membarrier(2); Desnoyers et al. 2012",
             .better = "asymmetric",
             .worse = "fence_seq_cst",
             .params = {{"heavy_every", "0"}},
             .min_threads = 1}};
  }
  template <class>
  static constexpr std::string_view not_applicable{};
  template <class F>
  static std::string_view unsuited(const params&, unsigned) {
    return F::available() ? std::string_view() : std::string_view("this kernel has no such fence");
  }

  template <class F>
  class state {
   public:
    state(const params& p, unsigned threads)
        : heavy_every_(p.heavy_every),
          threads_(threads),
          ring_(std::max(2U, threads)),
          lines_(std::make_unique<line[]>(ring_)) {}

    template <class Probe>
    step_result step(Probe& probe, unsigned thread) {
      line& mine = lines_[thread];
      const auto& next = lines_[thread + 1 == ring_ ? 0 : thread + 1].word;
      mine.count = mine.count + 1;
      const std::uint64_t seen = probe.wait([&] {
        mine.word.store(mine.count, std::memory_order_relaxed);
        if (heavy_every_ != 0 && mine.count % heavy_every_ == 0)
          F::heavy();
        else
          F::light();
        return next.load(std::memory_order_relaxed);
      });
      mine.backwards += seen < mine.last_seen;
      mine.last_seen = seen;
      return {1, 0};
    }

    void stop() {}

    std::string check(std::span<const thread_counts> counts) {
      for (unsigned i = 0; i < threads_; ++i) {
        if (lines_[i].backwards != 0) return "a word was seen to go backwards";
        if (auto wrong = expect_equal("a thread's word", lines_[i].word.load(), counts[i].done); !wrong.empty())
          return wrong;
      }
      return {};
    }

   private:
    struct alignas(2 * platform::cache_line) line {
      std::atomic<std::uint64_t> word{0};
      alignas(2 * platform::cache_line) std::uint64_t count = 0;
      std::uint64_t last_seen = 0;
      std::uint64_t backwards = 0;
    };
    const std::uint32_t heavy_every_;
    const unsigned threads_;
    const unsigned ring_;  // a single thread reads a line that nobody writes: its own store would be forwarded to it
    std::unique_ptr<line[]> lines_;
  };
};

}  // namespace contend::bench
