// SPDX-License-Identifier: MIT
// The contract of a workload: one question, asked in the same way of every primitive of a family.
//
// A workload is a struct that names itself and holds a template over the primitive:
//
// clang-format off
//   struct my_workload {
//     static constexpr workload_facts facts{…};
//     struct params {
//       std::uint32_t inside_ns;
//       template <class V> void visit(V v) const { v("inside_ns", inside_ns); }
//     };
//     static std::vector<sample<params>> matrix(unsigned threads);   // the parameter sets at this many threads
//     static std::vector<claim> claims();                            // what theory expects
//     template <class P> static constexpr std::string_view not_applicable = "";   // or the reason
//     template <class P> static constexpr quick_part quick_at_most = …;   // optional: less of it with this primitive
//     template <class P> static std::string_view unsuited(const params&, unsigned threads);   // optional: "" or the reason
//     static std::string_view role_of(const params&, unsigned threads, unsigned thread);      // only where threads differ
//     template <class P> class state {
//       state(const params&, unsigned threads);
//       template <class Probe> step_result step(Probe&, unsigned thread);   // one operation by thread number `thread`
//       void stop();                                  // called once: frees every thread that waits in step(), for good
//       std::string check(std::span<const thread_counts>);   // "" if the result is right, else what is wrong
//       void enter(unsigned thread);                  // optional: called by the thread before its steps
//       void leave(unsigned thread);                  // optional: and after them
//       std::vector<extra_metric> extras();           // optional: numbers of the workload's own, after check()
//     };
//   };
// clang-format on
//
// A state knows nothing of clocks, counters or thread creation. `probe.wait(f)` wraps the part of a step that acquires
// (it returns f's result) and `probe.owned(thread)` marks ownership while it is held; both are empty in throughput
// trials. An f that returns false did not get it: the wait goes on until a later one returns true.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace contend::bench {

/// What one call of step() achieved. `failed` counts attempts that came to nothing: a full or empty queue, a lost race.
struct step_result {
  std::uint32_t done = 0;
  std::uint32_t failed = 0;
};

/// Totals of one thread over a trial, as check() sees them.
struct thread_counts {
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  std::uint64_t late = 0;     ///< of `done`, those after the stop flag was raised: the last batch, shared out by time
  std::uint64_t metered = 0;  ///< of `done`, those that the thread's meter was on for; 0 without one
};

/// A number that only this workload has, such as a reclaim backlog.
struct extra_metric {
  std::string name;
  std::string unit;
  double value;
};

struct workload_facts {
  std::string_view name;         ///< key in results for ever
  std::string_view family;       ///< family that it is asked of
  std::string_view question;     ///< one sentence
  std::string_view operation;    ///< what one operation is
  std::string_view contends_on;  ///< which memory the threads fight for
  std::string_view reference;    ///< primitive that ratios are drawn against
  bool exclusive = false;        ///< one owner at a time: self-handoff can be measured
  bool waits = true;             ///< step() has a probe.wait(): a latency trial has something to time
  /// Parameters (comma-separated) that follow from the thread count and so do not separate curves.
  std::string_view follows_threads{};
  /// The file in which these facts are written: it stands for the workload's source (fingerprint.hpp).
  std::string_view file = __builtin_FILE();
};

/// How much of a parameter set is in the quick profile, which has 400 cells to spend.
enum class quick_part {
  none,   ///< nothing: the full profile alone has it
  ends,   ///< a side question: at one thread and on all processors
  whole,  ///< at every thread count of the profile
  main,   ///< whole, and the set of its family in which other people's primitives (facts.origin) stand, up to all
          ///< processors
};

/// One parameter set.
template <class Params>
struct sample {
  Params params;
  quick_part quick = quick_part::none;
};

/// What theory or the literature expects of two primitives; see perf/record/schema.json, claims.
struct claim {
  std::string id;
  std::string statement;
  std::string source;
  std::string better;
  std::string worse;
  std::vector<std::pair<std::string, std::string>> params{};  ///< params that a cell must have; numbers as text
  unsigned min_threads = 2;
  double at_least = 1.0;
  std::string metric = "throughput";
  std::vector<std::pair<std::string, std::string>> better_params{};  ///< in place of params, for `better` alone
  std::vector<std::pair<std::string, std::string>> worse_params{};
};

/// The probe of throughput trials: nothing at all.
struct no_probe {
  template <class F>
  decltype(auto) wait(F&& f) {
    return std::forward<F>(f)();
  }
  void owned(unsigned) noexcept {}
};

template <class S>
concept workload_state = requires(S s, no_probe& probe, unsigned thread, std::span<const thread_counts> counts) {
  { s.step(probe, thread) } -> std::same_as<step_result>;
  s.stop();
  { s.check(counts) } -> std::same_as<std::string>;
};

/// Sum of done over all threads.
inline std::uint64_t total_done(std::span<const thread_counts> counts) {
  std::uint64_t total = 0;
  for (const auto& c : counts) total += c.done;
  return total;
}

/// "" if equal, else a sentence.
inline std::string expect_equal(std::string_view what, std::uint64_t found, std::uint64_t expected) {
  if (found == expected) return {};
  return std::string(what) + " is " + std::to_string(found) + ", expected " + std::to_string(expected);
}

/// A small, fast generator for keys and choices inside a step (Marsaglia 2003, xorshift64*). Seeded per thread.
class random_stream {
 public:
  explicit random_stream(std::uint64_t seed) noexcept : state_((seed + 1) * 0x9E3779B97F4A7C15U) {}
  std::uint64_t operator()() noexcept {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1DU;
  }
  /// Uniform below `bound` (bias below 2⁻³²); bound ≥ 1.
  std::uint32_t below(std::uint32_t bound) noexcept {
    return static_cast<std::uint32_t>(((operator()() >> 32) * bound) >> 32);
  }

 private:
  std::uint64_t state_;
};

}  // namespace contend::bench
