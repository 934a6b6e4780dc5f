// SPDX-License-Identifier: MIT
// Where should a lock lie: on the line of the data that it guards, on its own, or behind a pointer?
#pragma once

#include <cstdint>
#include <memory>

#include "benchmarks/workload.hpp"
#include "primitives/lock/lock.hpp"
#include "primitives/platform.hpp"

namespace contend::bench {

struct lock_placement {
  static constexpr workload_facts facts{
      .name = "lock_placement",
      .family = "lock",
      .question = "Where should a lock lie relative to the data that it guards?",
      .operation = "lock, add to four words, unlock",
      .contends_on = "the lock and 32 bytes of data: on one line, on two, or with a pointer between them",
      .reference = "std_mutex",
      .exclusive = true,
  };

  enum class place { data_line, own_line, pointer };
  struct params {
    place placement;
    template <class V>
    void visit(V v) const {
      constexpr std::string_view names[] = {"data_line", "own_line", "pointer"};
      v("placement", names[static_cast<int>(placement)]);
    }
  };

  static std::vector<sample<params>> matrix(unsigned) {
    return {{{place::data_line}, quick_part::ends},
            {{place::own_line}, quick_part::ends},
            {{place::pointer}, quick_part::ends}};
  }

  static std::vector<claim> claims() {
    return {{.id = "lock_beside_its_data",
             .statement = "A mutex on the line of the data that it guards is at least as fast as behind a pointer",
             .source = "S0: one line fetched instead of two",
             .better = "std_mutex",
             .worse = "std_mutex",
             .better_params = {{"placement", "data_line"}},
             .worse_params = {{"placement", "pointer"}}}};
  }

  /// The mutex that most code has and a plain spin lock: the others differ by their own words, not by where they lie.
  template <class L>
  static constexpr quick_part quick_at_most =
      L::facts.name == "std_mutex" || L::facts.name == "ttas" ? quick_part::ends : quick_part::none;

  template <class L>
  static constexpr std::string_view not_applicable =
      keyed_lock<L> ? std::string_view("locks by key: see keyed_counters")
                    : (excludes<L> ? std::string_view() : std::string_view("places nothing: see critical_section"));

  template <class L>
  class state {
   public:
    state(const params& p, unsigned threads)
        : layout_(p.placement),
          nodes_(std::make_unique<thread_node[]>(threads)),
          elsewhere_(std::make_unique<alone>()) {
      words_.lock = &elsewhere_->lock;
    }

    template <class Probe>
    step_result step(Probe& probe, unsigned thread) {
      auto& node = nodes_[thread].node;
      switch (layout_) {
        case place::data_line:
          return once(probe, thread, node, together_.lock, together_.words);
        case place::own_line:
          return once(probe, thread, node, apart_.lock, apart_.words);
        case place::pointer:
          break;
      }
      return once(probe, thread, node, *words_.lock, words_.words);
    }

    void stop() {}

    std::string check(std::span<const thread_counts> counts) {
      for (int i = 0; i < 4; ++i)
        if (auto wrong = expect_equal("a word under the lock", together_.words[i] + apart_.words[i] + words_.words[i],
                                      total_done(counts));
            !wrong.empty())
          return wrong;
      return {};
    }

   private:
    template <class Probe>
    step_result once(Probe& probe, unsigned thread, node_t<L>& node, L& lock, volatile std::uint64_t* words) {
      probe.wait([&] { acquire(lock, node); });
      probe.owned(thread);
      for (int i = 0; i < 4; ++i) words[i] = words[i] + 1;
      release(lock, node);
      return {1, 0};
    }

    struct alignas(2 * platform::cache_line) on_one_line {
      L lock{};  // where a lock keeps a line to itself, the data are on the next one all the same
      volatile std::uint64_t words[4]{};
    };
    struct alignas(2 * platform::cache_line) on_two_lines {
      L lock{};
      alignas(2 * platform::cache_line) volatile std::uint64_t words[4]{};
    };
    struct alignas(2 * platform::cache_line) alone {
      L lock{};
    };
    struct alignas(2 * platform::cache_line) data_and_pointer {
      L* volatile lock = nullptr;  // as an object holds it: on the line of its data, looked up each time
      volatile std::uint64_t words[4]{};
    };
    struct alignas(2 * platform::cache_line) thread_node {
      [[no_unique_address]] node_t<L> node{};
    };
    const place layout_;
    std::unique_ptr<thread_node[]> nodes_;
    std::unique_ptr<alone> elsewhere_;
    on_one_line together_;
    on_two_lines apart_;
    data_and_pointer words_;
  };
};

}  // namespace contend::bench
