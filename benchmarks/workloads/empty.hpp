// SPDX-License-Identifier: MIT
// The cost of the apparatus itself: a step that does nothing.
#pragma once

#include <cstdint>

#include "benchmarks/workload.hpp"
#include "primitives/facts.hpp"

namespace contend::bench {

/// The primitive of the apparatus family: nothing.
struct nothing {
  static constexpr contend::facts facts{.name = "nothing",
                                        .summary = "no primitive at all: what the measuring loop costs",
                                        .guarantees = progress::wait_free,
                                        .step = rung::no_sharing,
                                        .baseline = true};
};

struct empty {
  static constexpr workload_facts facts{
      .name = "empty",
      .family = "apparatus",
      .question = "What does the measuring loop itself cost?",
      .operation = "nothing",
      .contends_on = "nothing: every other cell includes this much",
      .reference = "nothing",
  };
  struct params {
    template <class V>
    void visit(V) const {}
  };
  static std::vector<sample<params>> matrix(unsigned) { return {{{}, quick_part::whole}}; }
  static std::vector<claim> claims() { return {}; }
  template <class>
  static constexpr std::string_view not_applicable{};

  template <class>
  class state {
   public:
    state(const params&, unsigned) {}
    template <class Probe>
    step_result step(Probe& probe, unsigned) {
      probe.wait([] { asm volatile("" ::: "memory"); });
      return {1, 0};
    }
    void stop() {}
    std::string check(std::span<const thread_counts>) { return {}; }
  };
};

}  // namespace contend::bench
