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

/// Times each wait, and notes each owner, both without an access or a nanosecond in virtual time.
class simulated_probe {
 public:
  simulated_probe(simulated_watch& watch, unsigned thread) : watch_(watch), thread_(thread) {}
  template <class F>
  decltype(auto) wait(F&& f) {
    if (!waiting_) since_ = coherence::now();
    if constexpr (std::is_same_v<std::invoke_result_t<F>, bool>) {
      waiting_ = !std::forward<F>(f)();
      if (!waiting_) note();
      return !waiting_;
    } else {
      const at_end noting{*this};
      return std::forward<F>(f)();
    }
  }
  void owned(unsigned thread) noexcept {
    const coherence::outside here;
    if (!watch_.measuring) return;
    watch_.owners.same += watch_.owners.last == thread;
    ++watch_.owners.all;
    watch_.owners.last = thread;
  }

 private:
  struct at_end {
    simulated_probe& probe;
    ~at_end() { probe.note(); }
  };
  void note() {
    const coherence::outside here;
    auto& waits = watch_.threads[thread_].waits_ns;  // which never grows: memory stays as the workload lays it out
    if (watch_.measuring && waits.size() < waits.capacity()) waits.push_back((coherence::now() - since_ + 500) / 1000);
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
    if constexpr (requires { state_.enter(thread); }) state_.enter(thread);
    for (;;) {
      {
        const coherence::outside here;
        if (watch.over) break;
      }
      coherence::pass(step_overhead);
      const step_result result = state_.step(probe, thread);
      const coherence::outside here;
      watch.threads[thread].counts.done += result.done;
      watch.threads[thread].counts.failed += result.failed;
    }
    if constexpr (requires { state_.leave(thread); }) state_.leave(thread);
  }
  void stop() override { state_.stop(); }
  std::string check(std::span<const thread_counts> counts) override { return state_.check(counts); }

 private:
  State state_;
};

}  // namespace contend::bench
