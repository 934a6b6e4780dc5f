// SPDX-License-Identifier: MIT
// A cell: one workload on one primitive with one parameter set at one thread count, with its types hidden.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "perf/record/histogram.hpp"
#include "primitives/facts.hpp"
#include "primitives/platform.hpp"
#include "workload.hpp"
#if defined(CONTEND_PLATFORM_VIRTUAL)
#include "simulated_trial.hpp"
#endif

namespace contend::bench {

/// What a trial measures. Each kind has trials of its own, because a probe changes what it watches.
enum class trial_kind { throughput, latency, handoff, counters };

/// What is switched on around a thread's steps, once they have settled, and off after the last: its event counters.
class meter {
 public:
  virtual void begin() noexcept = 0;
  virtual void end() noexcept = 0;

 protected:
  ~meter() = default;
};

/// Stop flag on a line of its own: read once per batch by every thread, written once.
struct alignas(platform::cache_line) stop_flag {
  /// When the flag was raised, steady clock, ns; 0 while it is not.
  std::atomic<std::int64_t> raised_ns{0};
  bool raised() const noexcept { return raised_ns.load(std::memory_order_relaxed) != 0; }
};

/// A workload's state under trial, its type erased at the border of a batch, never of a step.
class runnable {
 public:
  virtual ~runnable() = default;
  /// Runs steps as thread number `thread` until `stop` is raised; read once per batch (at most about 0.5 ms).
  /// Counter trials have a meter, which is on from after the first steps to after the last one; in others it is null.
  virtual thread_counts run(unsigned thread, const stop_flag& stop, meter* around) = 0;
  virtual void stop() = 0;
  virtual std::string check(std::span<const thread_counts> counts) = 0;
  /// Latency trials: every thread's waiting times merged. Empty in other trials.
  virtual record::histogram waits() const = 0;
  /// Handoff trials: {owners that were also the last owner, all owners}.
  virtual std::pair<std::uint64_t, std::uint64_t> handoffs() const = 0;
  /// Numbers of the workload's own.
  virtual std::vector<extra_metric> extras() = 0;
};

/// A parameter's value: a number or a word.
using param_value = std::variant<std::int64_t, double, std::string>;
using param_list = std::vector<std::pair<std::string, param_value>>;

std::string to_text(const param_value& value);

struct cell {
  std::string name;  ///< workload/primitive/param:value/threads:n
  std::string workload;
  std::string family;
  facts about;  ///< of the primitive
  param_list params;
  unsigned threads = 1;
  quick_part quick = quick_part::none;
  bool exclusive = false;
  bool waits = true;
  std::vector<std::string> roles;  ///< of thread 0, 1 … where a workload has roles, else empty
  std::string not_applicable;      ///< reason, or empty
#if defined(CONTEND_PLATFORM_VIRTUAL)
  std::function<std::unique_ptr<simulated_runnable>()> make;
#else
  std::function<std::unique_ptr<runnable>(trial_kind)> make;
#endif
};

/// Facts of an erased workload, for `list` and the record.
struct workload_entry {
  workload_facts facts;
  std::vector<claim> claims;
  bool own = false;  ///< of contend's catalogue
};

struct catalogue_entry {
  std::string family;
  facts about;
  std::string group;  ///< what the primitive does, where not all of a family do the same job; only a group is compared
  std::vector<std::string> workloads;
};

namespace detail {

/// Measures each wait with two readings of the steady clock (about 20–50 ns together, which is part of the result).
/// An f that returns false has not got what it waits for: the wait goes on until one returns true, so that a queue that
/// is polled and one that parks its callers are asked the same.
class latency_probe {
 public:
  template <class F>
  decltype(auto) wait(F&& f) {
    if constexpr (std::is_same_v<std::invoke_result_t<F>, bool>) {
      if (!waiting_) since_ = std::chrono::steady_clock::now();
      waiting_ = !std::forward<F>(f)();
      if (!waiting_) record_since(since_);
      return !waiting_;
    } else {
      const timed span(*this);
      return std::forward<F>(f)();
    }
  }
  void owned(unsigned) noexcept {}
  record::histogram seen;

 private:
  struct timed {
    explicit timed(latency_probe& probe) : owner(probe), start(std::chrono::steady_clock::now()) {}
    ~timed() { owner.record_since(start); }
    timed(const timed&) = delete;
    timed& operator=(const timed&) = delete;
    latency_probe& owner;
    std::chrono::steady_clock::time_point start;
  };
  void record_since(std::chrono::steady_clock::time_point start) {
    const auto took = std::chrono::steady_clock::now() - start;
    seen.record(static_cast<std::uint64_t>(std::chrono::nanoseconds(took).count()));
  }
  bool waiting_ = false;
  std::chrono::steady_clock::time_point since_{};
};

/// Remembers the last owner in plain memory that the lock under test protects.
struct alignas(platform::cache_line) ownership {
  unsigned last = ~0U;
  std::uint64_t same = 0;
  std::uint64_t all = 0;
};
class handoff_probe {
 public:
  explicit handoff_probe(ownership& shared) : shared_(shared) {}
  template <class F>
  decltype(auto) wait(F&& f) {
    return std::forward<F>(f)();
  }
  void owned(unsigned thread) noexcept {
    shared_.same += shared_.last == thread;
    ++shared_.all;
    shared_.last = thread;
  }

 private:
  ownership& shared_;
};

/// How many of the `done` operations of a batch that took `whole` came in its last part, `after`.
inline std::uint64_t late_share(std::uint64_t done, std::chrono::nanoseconds after, std::chrono::nanoseconds whole) {
  if (after.count() <= 0) return 0;
  if (after >= whole) return done;
  return static_cast<std::uint64_t>(static_cast<double>(done) * static_cast<double>(after.count()) /
                                    static_cast<double>(whole.count()));
}

/// The steps that come before a meter is switched on: they touch every page and fill the caches.
inline constexpr unsigned settling_steps = 16;

/// Steps in batches that grow until one takes 50 µs, so that neither the flag nor the clock shows in the result.
template <class State, class Probe>
thread_counts run_batches(State& state, Probe& probe, unsigned thread, const stop_flag& stop, meter* around) {
  using clock = std::chrono::steady_clock;
  constexpr auto long_enough = std::chrono::microseconds(50);
  constexpr auto too_long = std::chrono::microseconds(500);
  thread_counts counts;
  unsigned batch = 1;
  if constexpr (requires { state.enter(thread); }) state.enter(thread);
  std::uint64_t settled = 0;
  if (around != nullptr) {
    for (unsigned i = 0; i < settling_steps && !stop.raised(); ++i) {
      const step_result result = state.step(probe, thread);
      counts.done += result.done;
      counts.failed += result.failed;
    }
    settled = counts.done;
    around->begin();
  }
  auto before = clock::now();
  while (!stop.raised()) {
    const std::uint64_t done_before = counts.done;
    for (unsigned i = 0; i < batch; ++i) {
      const step_result result = state.step(probe, thread);
      counts.done += result.done;
      counts.failed += result.failed;
    }
    const auto now = clock::now();
    if (stop.raised()) {
      const auto since_stop = now.time_since_epoch() - std::chrono::nanoseconds(stop.raised_ns);
      counts.late = late_share(counts.done - done_before, since_stop, now - before);
      break;
    }
    if (now - before < long_enough && batch < (1U << 24))
      batch *= 2;
    else if (now - before > too_long && batch > 1)
      batch /= 2;
    before = now;
  }
  if (around != nullptr) {
    around->end();
    counts.metered = counts.done - settled;
  }
  if constexpr (requires { state.leave(thread); }) state.leave(thread);
  return counts;
}

template <class State, trial_kind kind>
class trial_of final : public runnable {
 public:
  template <class Params>
  trial_of(const Params& params, unsigned threads) : state_(params, threads) {
    if constexpr (kind == trial_kind::latency) probes_.resize(threads);
  }
  thread_counts run(unsigned thread, const stop_flag& stop, meter* around) override {
    if constexpr (kind == trial_kind::throughput) {
      no_probe probe;
      return run_batches(state_, probe, thread, stop, around);
    } else if constexpr (kind == trial_kind::latency) {
      // Built by the thread itself, on its own pages.
      probes_[thread] = std::make_unique<latency_probe>();
      return run_batches(state_, *probes_[thread], thread, stop, around);
    } else {
      handoff_probe probe(owner_);
      return run_batches(state_, probe, thread, stop, around);
    }
  }
  void stop() override { state_.stop(); }
  std::string check(std::span<const thread_counts> counts) override { return state_.check(counts); }
  record::histogram waits() const override {
    record::histogram all;
    for (const auto& probe : probes_)
      if (probe) all.merge(probe->seen);
    return all;
  }
  std::pair<std::uint64_t, std::uint64_t> handoffs() const override { return {owner_.same, owner_.all}; }
  std::vector<extra_metric> extras() override {
    if constexpr (requires { state_.extras(); })
      return state_.extras();
    else
      return {};
  }

 private:
  State state_;
  std::vector<std::unique_ptr<latency_probe>> probes_;
  ownership owner_;
};

}  // namespace detail

/// Makes the factory of a cell: the only place where workload, primitive and probe meet. A program of simulated threads
/// (CONTEND_PLATFORM=virtual) has cells of its own, of the same names.
/// Handoff trials exist only where one owner at a time is certain (`exclusive`); counter trials are throughput trials
/// with a meter, so that what is counted is what was timed.
template <class State, bool exclusive, class Params>
auto factory_of(const Params& params, unsigned threads) {
#if defined(CONTEND_PLATFORM_VIRTUAL)
  return [=]() -> std::unique_ptr<simulated_runnable> {
    return std::make_unique<simulated_trial<State>>(params, threads);
  };
#else
  return [=](trial_kind kind) -> std::unique_ptr<runnable> {
    if (kind == trial_kind::latency)
      return std::make_unique<detail::trial_of<State, trial_kind::latency>>(params, threads);
    if constexpr (exclusive)
      if (kind == trial_kind::handoff)
        return std::make_unique<detail::trial_of<State, trial_kind::handoff>>(params, threads);
    return std::make_unique<detail::trial_of<State, trial_kind::throughput>>(params, threads);
  };
#endif
}

}  // namespace contend::bench
