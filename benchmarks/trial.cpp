// SPDX-License-Identifier: MIT
// The thread team: pin, start together, run for a time, stop, collect.
#include "trial.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "perf/counters/thread_counters.hpp"
#include "primitives/platform.hpp"

namespace contend::bench {
namespace {

std::int64_t read_clock(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void sleep_for(std::chrono::microseconds time) {
  timespec until{};
  ::clock_gettime(CLOCK_MONOTONIC, &until);
  const auto ns = until.tv_nsec + std::chrono::nanoseconds(time).count();
  until.tv_sec += static_cast<std::time_t>(ns / 1'000'000'000);
  until.tv_nsec = static_cast<long>(ns % 1'000'000'000);
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

/// A thread's counters as the meter of its steps.
class counters_meter final : public meter {
 public:
  explicit counters_meter(std::span<const counters::event> events) : counters_(events) {}
  void begin() noexcept override { counters_.begin(); }
  void end() noexcept override { counters_.end(); }
  const counters::thread_counters& inside() const { return counters_; }

 private:
  counters::thread_counters counters_;
};

}  // namespace

struct team::job {
  runnable& work;
  unsigned threads;
  trial_kind kind;
  std::span<const counters::event> events;
  stop_flag stop{};
  alignas(platform::cache_line) std::atomic<unsigned> arrived{0};
  alignas(platform::cache_line) std::atomic<bool> go{false};
  alignas(platform::cache_line) std::atomic<std::uint32_t> finished{0};
  std::vector<thread_report> reports{};
  std::vector<std::exception_ptr> thrown{};
  std::vector<std::vector<counters::obstacle>> obstacles{};
};

struct team::member {
  // | value | meaning                | who changes it                     |
  // |-------|------------------------|------------------------------------|
  // | 0     | nothing to do          | the member, when its job is done   |
  // | 1     | `work` holds a job     | the team, when the member is idle  |
  // | 2     | leave                  | the team's destructor              |
  alignas(platform::cache_line) std::atomic<std::uint32_t> order{0};
  job* work = nullptr;
  unsigned number = 0;
  int cpu = -1;
  std::thread thread{};

  void loop() {
    if (cpu >= 0) {
      cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(cpu) + 1);
      const std::size_t size = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpu) + 1);
      CPU_ZERO_S(size, set);
      CPU_SET_S(static_cast<std::size_t>(cpu), size, set);
      if (::pthread_setaffinity_np(::pthread_self(), size, set) != 0) cpu = -1;
      CPU_FREE(set);
    }
    for (;;) {
      std::uint32_t seen = 0;
      while ((seen = order.load(std::memory_order_acquire)) == 0) platform::park(order, 0);
      if (seen == 2) return;
      job& mine = *work;
      order.store(0, std::memory_order_relaxed);  // before finished: the next order comes only after that
      run(mine);
    }
  }

  void run(job& mine) {
    std::optional<counters_meter> around;
    if (mine.kind == trial_kind::counters) around.emplace(mine.events);  // opened outside the window
    mine.arrived.fetch_add(1, std::memory_order_acq_rel);
    for (unsigned spins = 0; !mine.go.load(std::memory_order_acquire); ++spins)
      if (spins < 4096)
        platform::relax();
      else
        platform::yield();
    thread_report report;
    rusage before{};
    rusage after{};
    ::getrusage(RUSAGE_THREAD, &before);
    const auto cpu_before = read_clock(CLOCK_THREAD_CPUTIME_ID);
    report.start_ns = read_clock(CLOCK_MONOTONIC);
    try {
      const thread_counts counts = mine.work.run(number, mine.stop, around ? &*around : nullptr);
      report.done = counts.done;
      report.late = counts.late;
      report.metered = counts.metered;
      report.failed = counts.failed;
    } catch (...) {
      mine.thrown[number] = std::current_exception();
    }
    report.stop_ns = read_clock(CLOCK_MONOTONIC);
    report.cpu_ns = read_clock(CLOCK_THREAD_CPUTIME_ID) - cpu_before;
    ::getrusage(RUSAGE_THREAD, &after);
    report.involuntary_switches = after.ru_nivcsw - before.ru_nivcsw;
    report.voluntary_switches = after.ru_nvcsw - before.ru_nvcsw;
    report.page_faults = after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt;
    report.cpu = cpu;
    if (around) {
      report.counts = around->inside().readings();
      mine.obstacles[number] = around->inside().obstacles();
      around.reset();
    }
    mine.reports[number] = std::move(report);
    // The job may be gone as soon as the last one is counted: no access to it after the wake-up.
    auto& finished = mine.finished;
    const auto all = mine.threads;
    if (finished.fetch_add(1, std::memory_order_acq_rel) + 1 == all) platform::wake_all(finished);
  }
};

team::team(std::vector<int> placement) : placement_(std::move(placement)) {}

team::~team() {
  for (auto& one : members_) {
    one->order.store(2, std::memory_order_release);
    platform::wake_all(one->order);
  }
  for (auto& one : members_) one->thread.join();
}

void team::grow(unsigned threads) {
  while (members_.size() < threads) {
    auto one = std::make_unique<member>();
    one->number = static_cast<unsigned>(members_.size());
    if (!placement_.empty()) one->cpu = placement_[members_.size() % placement_.size()];
    one->thread = std::thread([raw = one.get()] { raw->loop(); });
    members_.push_back(std::move(one));
  }
}

trial_result team::run(const cell& what, trial_kind kind, std::chrono::microseconds window,
                       std::span<const counters::event> events) {
  grow(what.threads);
  const auto state = what.make(kind);
  job now{*state, what.threads, kind, events};
  now.reports.resize(what.threads);
  now.obstacles.resize(what.threads);
  now.thrown.resize(what.threads);
  for (unsigned i = 0; i < what.threads; ++i) {
    members_[i]->work = &now;
    members_[i]->order.store(1, std::memory_order_release);
    platform::wake_all(members_[i]->order);
  }
  while (now.arrived.load(std::memory_order_acquire) != what.threads) platform::yield();
  const std::int64_t started = read_clock(CLOCK_MONOTONIC);
  now.go.store(true, std::memory_order_release);
  sleep_for(window);
  const std::int64_t stopped = read_clock(CLOCK_MONOTONIC);
  now.stop.raised_ns.store(stopped, std::memory_order_relaxed);
  state->stop();
  for (std::uint32_t seen = 0; (seen = now.finished.load(std::memory_order_acquire)) != what.threads;)
    platform::park(now.finished, seen);

  for (const auto& thrown : now.thrown)
    if (thrown) std::rethrow_exception(thrown);
  trial_result result;
  std::vector<thread_counts> counts;
  for (const auto& report : now.reports) counts.push_back({report.done, report.failed, report.late, report.metered});
  result.window_ns = std::max<std::int64_t>(1, stopped - started);
  result.threads = std::move(now.reports);
  result.wrong = state->check(counts);
  if (kind == trial_kind::throughput) result.extras = state->extras();
  if (kind == trial_kind::latency) {
    const auto waits = state->waits();
    if (waits.count() > 0)
      result.waits = wait_summary{waits.count(), *waits.quantile(0.5), *waits.quantile(0.99), *waits.quantile(0.999),
                                  static_cast<double>(*waits.max())};
  }
  if (kind == trial_kind::counters) {
    result.obstacles.resize(events.size());
    for (std::size_t i = 0; i < events.size(); ++i)
      for (const auto& of_thread : now.obstacles)
        if (i < of_thread.size() && result.obstacles[i].caveat.empty()) result.obstacles[i] = of_thread[i];
  }
  if (kind == trial_kind::handoff) {
    const auto [same, all] = state->handoffs();
    if (all > 1) result.self_handoff = static_cast<double>(same) / static_cast<double>(all - 1);
  }
  return result;
}

}  // namespace contend::bench
