// SPDX-License-Identifier: MIT
// What does a consistent pair of metrics cost over two loose atomics?
#pragma once

#include <cstdint>
#include <memory>

#include "benchmarks/workload.hpp"
#include "primitives/atomic/atomic.hpp"
#include "primitives/platform.hpp"

namespace contend::bench {

struct request_metrics {
  static constexpr workload_facts facts{
      .name = "request_metrics",
      .family = "metrics",
      .question = "What does a consistent snapshot of two counts cost?",
      .operation = "count a request (one in eight an error), or take a snapshot",
      .contends_on = "the two counts, written by every thread",
      .reference = "mutex_metrics",
  };
  struct params {
    std::uint32_t snapshot_every;  ///< one operation in so many is a snapshot
    template <class V>
    void visit(V v) const {
      v("snapshot_every", snapshot_every);
    }
  };
  static std::vector<sample<params>> matrix(unsigned) { return {{{100}, quick_part::whole}, {{10}}, {{10'000}}}; }
  static std::vector<claim> claims() {
    return {{.id = "mutex_for_several_fields",
             .statement = "Two loose atomics are at least as fast as a mutex around both counts (and may tear)",
             .source = "S1: atomics for counters and flags, a mutex for several fields",
             .better = "two_atomics",
             .worse = "mutex_metrics",
             .params = {{"snapshot_every", "100"}}}};
  }
  template <class>
  static constexpr std::string_view not_applicable{};

  template <class M>
  class state {
   public:
    state(const params& p, unsigned threads)
        : snapshot_every_(p.snapshot_every), threads_(threads), locals_(std::make_unique<local[]>(threads)) {
      for (unsigned i = 0; i < threads; ++i) locals_[i].to_snapshot = snapshot_every_;
    }

    template <class Probe>
    step_result step(Probe& probe, unsigned thread) {
      local& mine = locals_[thread];
      if (--mine.to_snapshot == 0) {
        mine.to_snapshot = snapshot_every_;
        const metrics_snapshot seen = probe.wait([&] { return metrics_.snapshot(); });
        mine.torn += seen.errors > seen.requests;
      } else {
        const bool failed = mine.requests % 8 == 7;
        probe.wait([&] { metrics_.record(failed); });
        ++mine.requests;
        mine.errors += failed;
      }
      return {1, 0};
    }

    void stop() {}

    std::string check(std::span<const thread_counts>) {
      std::uint64_t requests = 0;
      std::uint64_t errors = 0;
      torn_ = 0;
      for (unsigned i = 0; i < threads_; ++i) {
        requests += locals_[i].requests;
        errors += locals_[i].errors;
        torn_ += locals_[i].torn;
      }
      const metrics_snapshot last = metrics_.snapshot();
      if (auto wrong = expect_equal("the count of requests", last.requests, requests); !wrong.empty()) return wrong;
      if (auto wrong = expect_equal("the count of errors", last.errors, errors); !wrong.empty()) return wrong;
      if (M::consistent && torn_ != 0) return std::to_string(torn_) + " snapshots had more errors than requests";
      return {};
    }

    std::vector<extra_metric> extras() { return {{"torn_snapshots", "1", static_cast<double>(torn_)}}; }

   private:
    struct alignas(2 * platform::cache_line) local {
      std::uint32_t to_snapshot = 0;
      std::uint64_t requests = 0, errors = 0, torn = 0;
    };
    const std::uint32_t snapshot_every_;
    const unsigned threads_;
    std::unique_ptr<local[]> locals_;
    std::uint64_t torn_ = 0;
    alignas(2 * platform::cache_line) M metrics_{};
  };
};

}  // namespace contend::bench
