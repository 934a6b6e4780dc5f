// SPDX-License-Identifier: MIT
// What does it cost to read a configuration that is now and then replaced?
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "benchmarks/workload.hpp"
#include "primitives/platform.hpp"
#include "primitives/rcu/rcu.hpp"

namespace contend::bench {

struct published_config {
  static constexpr workload_facts facts{
      .name = "published_config",
      .family = "rcu",
      .question = "What does it cost to read a configuration that is now and then replaced?",
      .operation = "read all eight words of the newest version, or publish a new one, by a draw",
      .contends_on = "the pointer to the newest version, and whatever readers announce themselves in",
      .reference = "shared_mutex",
  };
  struct params {
    double read_percent;
    template <class V>
    void visit(V v) const {
      v("read_percent", read_percent);
    }
  };
  static std::vector<sample<params>> matrix(unsigned) { return {{{90}}, {{99}, quick_part::main}, {{99.9}}, {{100}}}; }

  static std::vector<claim> claims() {
    std::vector<claim> out;
    for (const char* better : {"epoch", "qsbr", "hazard_pointer"})
      out.push_back(
          {.id = std::string("rcu_reads_") + better,
           .statement = std::string("Reads under ") + better + " are at least as fast as under a shared mutex",
           .source = "McKenney 2004; Hart et al. 2007",
           .better = better,
           .worse = "shared_mutex",
           .params = {{"read_percent", "99"}}});
    out.push_back({.id = "qsbr_reads_are_free",
                   .statement = "QSBR's readers are at least as fast as those of epochs, which store at each read",
                   .source = "Hart et al. 2007",
                   .better = "qsbr",
                   .worse = "epoch",
                   .params = {{"read_percent", "99"}}});
    return out;
  }
  template <class>
  static constexpr std::string_view not_applicable{};

  template <class P>
  class state {
    struct config {
      std::array<std::uint64_t, 8> words{};
    };
    using value = typename P::template of<config>;
    using reader = decltype(std::declval<value&>().register_thread());

   public:
    state(const params& p, unsigned threads)
        : updates_per_million_(static_cast<std::uint32_t>((100 - p.read_percent) * 10'000 + 0.5)),
          threads_(threads),
          config_(config{}),
          locals_(std::make_unique<local[]>(threads)) {
      for (unsigned i = 0; i < threads; ++i) locals_[i].random = random_stream(i + 1);
    }

    void enter(unsigned thread) { locals_[thread].handle.emplace(config_.register_thread()); }
    void leave(unsigned thread) { locals_[thread].handle.reset(); }

    template <class Probe>
    step_result step(Probe& probe, unsigned thread) {
      local& mine = locals_[thread];
      reader& handle = *mine.handle;
      if (mine.random.below(1'000'000) < updates_per_million_) {
        probe.wait([&] {
          config_.update(handle, [](config& next) {
            for (auto& word : next.words) ++word;
          });
          return 0;
        });
        if (const auto waiting = config_.backlog(); waiting > mine.backlog) mine.backlog = waiting;
        ++mine.updates;
      } else {
        mine.torn += probe.wait([&] {
          return config_.read(handle, [](const config& now) {
            std::uint64_t differ = 0;
            for (const auto word : now.words) differ |= word ^ now.words[0];
            return static_cast<std::uint64_t>(differ != 0);
          });
        });
      }
      config_.quiescent(handle);
      return {1, 0};
    }

    void stop() {}

    std::string check(std::span<const thread_counts>) {
      std::uint64_t torn = 0, updates = 0;
      for (unsigned i = 0; i < threads_; ++i) {
        torn += locals_[i].torn;
        updates += locals_[i].updates;
      }
      if (torn != 0) return std::to_string(torn) + " reads saw a version that nobody published";
      auto last = config_.register_thread();
      return expect_equal("the newest version", config_.read(last, [](const config& now) { return now.words[0]; }),
                          updates);
    }

    std::vector<extra_metric> extras() {
      std::size_t most = 0;
      for (unsigned i = 0; i < threads_; ++i) most = std::max(most, locals_[i].backlog);
      return {{"reclaim_backlog", "versions", static_cast<double>(most)}};
    }

   private:
    struct alignas(2 * platform::cache_line) local {
      random_stream random{1};
      std::optional<reader> handle{};
      std::uint64_t updates = 0, torn = 0;
      std::size_t backlog = 0;
    };
    const std::uint32_t updates_per_million_;
    const unsigned threads_;
    alignas(2 * platform::cache_line) value config_;
    // After the value: a handle that a throwing step left behind goes before what it belongs to.
    alignas(2 * platform::cache_line) std::unique_ptr<local[]> locals_;
  };
};

}  // namespace contend::bench
