// SPDX-License-Identifier: MIT
// A workload's state in virtual time: the same steps, counted and timed by watchers that cost nothing there.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <typeinfo>
#include <utility>
#include <vector>

#include "perf/coherence/attribution_objects.hpp"
#include "perf/coherence/simulation.hpp"
#include "workload.hpp"

namespace contend::bench {

/// What one simulated thread did so far, as its conductor reads it.
struct simulated_thread {
  thread_counts counts;
  std::vector<std::uint64_t> waits_ns;  ///< of the measured part
};

/// Who held what is guarded, of the measured part.
struct simulated_owners {
  unsigned last = ~0U;
  std::uint64_t same = 0;
  std::uint64_t all = 0;
};

/// The numbers of a trial that is simulated. Written and read outside of the simulation.
struct simulated_watch {
  std::vector<simulated_thread> threads;
  simulated_owners owners;
  bool measuring = false;
  bool over = false;
};

/// A function whose own accesses do not come to the simulation; those of what it calls do. Nothing of it may be moved
/// into its callers, as compilers would do with what is only read: gcc is told so, and clang does it to functions that
/// no other file can see (so none of these is a member of a template).
#if defined(__clang__)
#define CONTEND_UNSEEN __attribute__((noinline, no_sanitize("thread")))
#else
#define CONTEND_UNSEEN __attribute__((noipa, no_sanitize("thread")))
#endif

CONTEND_UNSEEN inline bool is_over(const simulated_watch& watch) noexcept { return watch.over; }
CONTEND_UNSEEN inline void count_step(thread_counts& all, step_result result) noexcept {
  all.done += result.done;
  all.failed += result.failed;
}

/// Times each wait, and notes each owner, both without an access or a nanosecond in virtual time.
class simulated_probe {
 public:
  simulated_probe(simulated_watch& watch, unsigned thread) : watch_(watch), thread_(thread) {}
  template <class F>
  decltype(auto) wait(F&& f) {
    begin();
    if constexpr (std::is_same_v<std::invoke_result_t<F>, bool>) {
      const bool done = std::forward<F>(f)();
      end(done);
      return done;
    } else {
      const at_end noting{*this};
      return std::forward<F>(f)();
    }
  }
  CONTEND_UNSEEN void owned(unsigned thread) noexcept {
    if (!watch_.measuring) return;
    watch_.owners.same += watch_.owners.last == thread;
    ++watch_.owners.all;
    watch_.owners.last = thread;
  }

 private:
  struct at_end {
    simulated_probe& probe;
    ~at_end() { probe.end(true); }
  };
  CONTEND_UNSEEN void begin() noexcept {
    if (!waiting_) since_ = coherence::now();
  }
  CONTEND_UNSEEN void end(bool done) {
    waiting_ = !done;
    if (!done || !watch_.measuring) return;
    const coherence::outside here;
    auto& waits = watch_.threads[thread_].waits_ns;  // which never grows: memory stays as the workload lays it out
    if (waits.size() < waits.capacity()) waits.push_back((coherence::now() - since_ + 500) / 1000);
  }
  simulated_watch& watch_;
  unsigned thread_;
  bool waiting_ = false;
  coherence::picoseconds since_ = 0;
};

/// As a runnable, with the types hidden at the border of a thread's life.
class simulated_runnable {
 public:
  virtual ~simulated_runnable() = default;
  virtual void run(unsigned thread, simulated_watch& watch) = 0;
  virtual void stop() = 0;
  virtual std::string check(std::span<const thread_counts> counts) = 0;
};

/// The loop around a step: a compare and a branch. Time goes on in a step that touches nothing, too.
inline constexpr coherence::picoseconds step_overhead = 100;

template <class State>
class simulated_trial final : public simulated_runnable {
 public:
  template <class Params>
  simulated_trial(const Params& params, unsigned threads) : state_(params, threads) {
    coherence::note_object(&state_, sizeof state_, typeid(State), "");
  }
  ~simulated_trial() override { coherence::forget_object(&state_); }

  void run(unsigned thread, simulated_watch& watch) override {
    simulated_probe probe(watch, thread);
    thread_counts& counts = counts_of(watch, thread);
    if constexpr (requires { state_.enter(thread); }) state_.enter(thread);
    while (!is_over(watch)) {
      coherence::pass(step_overhead);
      count_step(counts, state_.step(probe, thread));
    }
    if constexpr (requires { state_.leave(thread); }) state_.leave(thread);
  }
  void stop() override { state_.stop(); }
  std::string check(std::span<const thread_counts> counts) override { return state_.check(counts); }

 private:
  static thread_counts& counts_of(simulated_watch& watch, unsigned thread) {
    const coherence::outside here;
    return watch.threads[thread].counts;
  }
  State state_;
};

}  // namespace contend::bench
