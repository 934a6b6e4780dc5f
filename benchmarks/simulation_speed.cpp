// SPDX-License-Identifier: MIT
// How fast simulated threads are: processor time per simulated access, and bytes of the model's memory per cache line
// that was touched. The figures of perf/coherence/README.md are from here.
#include <benchmark/benchmark.h>
#include <time.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "matrix.hpp"
#include "perf/coherence/machine_file.hpp"
#include "perf/coherence/simulation.hpp"

namespace contend::bench {
namespace {

constexpr unsigned at_threads[] = {1, 4, 16, 64, 128};
constexpr std::uint64_t warm_up = 100'000;   // accesses before the clock is read
constexpr std::uint64_t measured = 500'000;  // and between its two readings, at least
constexpr coherence::picoseconds slice = 1'000'000;
constexpr unsigned most_idle = 100;  // slices
constexpr coherence::picoseconds give_up = 1'000'000'000'000;

/// A word on a line of its own.
struct alignas(128) lonely_word {
  std::atomic<std::uint64_t> value{0};
};

/// What every kind of access below is made of.
struct nothing_to_check {
  void stop() {}
  static std::string check(std::span<const thread_counts>) { return {}; }
};

/// Plain loads and stores of 16 lines that no other thread touches.
struct private_hits : nothing_to_check {
  private_hits(int, unsigned threads) : words(std::make_unique<lines_of_one[]>(threads)) {}
  step_result step(simulated_probe&, unsigned thread) {
    for (volatile std::uint64_t& word : words[thread].at) word = word + 1;
    return {1, 0};
  }
  struct alignas(128) lines_of_one {
    volatile std::uint64_t at[16 * 8];
  };
  std::unique_ptr<lines_of_one[]> words;
};

/// Loads of one word that nobody writes.
struct shared_reads : nothing_to_check {
  shared_reads(int, unsigned) {}
  step_result step(simulated_probe&, unsigned) {
    for (int i = 0; i < 16; ++i) benchmark::DoNotOptimize(word.value.load(std::memory_order_acquire));
    return {1, 0};
  }
  lonely_word word;
};

/// One word that everybody adds to.
struct contended_rmw : nothing_to_check {
  contended_rmw(int, unsigned) {}
  step_result step(simulated_probe&, unsigned) {
    for (int i = 0; i < 16; ++i) word.value.fetch_add(1, std::memory_order_relaxed);
    return {1, 0};
  }
  lonely_word word;
};

/// Plain loads and stores of a word of one's own, on lines that it shares with seven others'.
struct false_sharing : nothing_to_check {
  false_sharing(int, unsigned threads) : words(threads) {}
  step_result step(simulated_probe&, unsigned thread) {
    volatile std::uint64_t& word = words[thread];
    for (int i = 0; i < 16; ++i) word = word + 1;
    return {1, 0};
  }
  std::vector<std::uint64_t> words;
};

constexpr unsigned many_lines = 4096;

/// Lines that are touched once each; `shared`: by every thread, each adding to the same word of them.
struct many_touched : nothing_to_check {
  many_touched(bool each_by_all, unsigned n) : shared(each_by_all), threads(n), words(many_lines), next(n) {}
  step_result step(simulated_probe&, unsigned thread) {
    unsigned i = 0;
    {
      const coherence::outside here;
      i = next[thread];
      if (i == 0) i = shared ? 0 : thread;
      if (i >= many_lines) return {0, 0};
      next[thread] = i + (shared ? 1 : threads);
    }
    words[i].value.fetch_add(1, std::memory_order_relaxed);
    return {1, 0};
  }
  bool shared;
  unsigned threads;
  std::vector<lonely_word> words;
  std::vector<unsigned> next;
};

/// Of this process, so that others on the machine do not count.
double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct seen {
  double seconds = 0;
  std::uint64_t accesses = 0;
  std::uint64_t pauses = 0;
  std::size_t bytes = 0;
  std::size_t lines = 0;
};

using maker = std::function<std::unique_ptr<simulated_runnable>(unsigned threads)>;

/// A simulation as of a cell: so many accesses before the clock starts, so many until it stops.
seen simulate(const maker& make, unsigned threads, std::uint64_t before, std::uint64_t until) {
  seen out;
  const coherence::machine machine = coherence::load_machine("zen4", {});
  coherence::schedule_options varied;
  varied.kind = coherence::schedule_kind::varied;
  const auto state = make(threads);
  simulated_watch watch;
  watch.threads.resize(threads);
  coherence::simulation all(machine, threads, varied);
  const auto made = [&] { return all.model().counts().accesses; };
  const auto wait_for = [&](std::uint64_t enough) {  // or until nobody makes any more
    const std::uint64_t start = made();
    for (unsigned idle = 0; made() - start < enough && idle < most_idle;) {
      const std::uint64_t before_slice = made();
      coherence::sleep_until(coherence::now() + slice);
      idle = made() == before_slice ? idle + 1 : 0;
    }
    return made() - start;
  };
  all.run([&](unsigned i) { state->run(i, watch); },
          [&] {
            {
              const coherence::outside here;
              wait_for(before);
              const std::uint64_t pauses = all.model().counts().spins;
              const double start = processor_seconds();
              out.accesses = wait_for(until);
              out.seconds = processor_seconds() - start;
              out.pauses = all.model().counts().spins - pauses;
              watch.over = true;
            }
            state->stop();
          },
          give_up);
  out.bytes = all.model().bytes_used();
  out.lines = all.model().lines().size();
  return out;
}

void report_of(benchmark::State& state, const seen& sum) {
  state.counters["ns_per_access_or_pause"] = sum.seconds * 1e9 / static_cast<double>(sum.accesses + sum.pauses);
  state.counters["ns_per_access"] = sum.seconds * 1e9 / static_cast<double>(sum.accesses);
}

void ns_per_access(benchmark::State& state, const maker& make, unsigned threads) {
  seen sum;
  for (auto _ : state) {
    const seen one = simulate(make, threads, warm_up, measured);
    state.SetIterationTime(one.seconds);
    sum.seconds += one.seconds;
    sum.accesses += one.accesses;
    sum.pauses += one.pauses;
  }
  report_of(state, sum);
}

/// All of contend's own cells of the quick profile at so many threads, one after another.
void ns_per_access_of_all(benchmark::State& state, const matrix& all, unsigned threads) {
  seen sum;
  for (auto _ : state) {
    const double before = sum.seconds;
    for (const cell& one : all.cells()) {
      const bool fits = one.threads == threads && one.make && one.not_applicable.empty();
      if (!fits || one.quick == quick_part::none || !one.about.origin.empty()) continue;
      if (one.workload == "empty") continue;  // its steps do not access anything
      const seen of_cell = simulate([&](unsigned) { return one.make(); }, threads, warm_up / 5, measured / 5);
      sum.seconds += of_cell.seconds;
      sum.accesses += of_cell.accesses;
      sum.pauses += of_cell.pauses;
    }
    state.SetIterationTime(sum.seconds - before);
  }
  report_of(state, sum);
}

void bytes_per_line(benchmark::State& state, const maker& make, unsigned threads) {
  seen last;
  for (auto _ : state) {
    last = simulate(make, threads, 0, ~std::uint64_t{0});
    state.SetIterationTime(last.seconds);
  }
  state.counters["bytes_per_line"] = static_cast<double>(last.bytes) / static_cast<double>(last.lines);
  state.counters["lines"] = static_cast<double>(last.lines);
}

template <class Body>
maker of(int how = 0) {
  return [how](unsigned threads) -> std::unique_ptr<simulated_runnable> {
    return std::make_unique<simulated_trial<Body>>(how, threads);
  };
}

void add(const std::string& name, const maker& make) {
  for (const unsigned n : at_threads)
    benchmark::RegisterBenchmark((name + "/threads:" + std::to_string(n)).c_str(),
                                 [make, n](benchmark::State& s) { ns_per_access(s, make, n); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
}

/// The lens's own cells.
void add_cell(const std::string& name, const std::string& cell_name, const matrix& all) {
  const maker make = [&all, cell_name](unsigned threads) {
    return all.find(cell_name + "/threads:" + std::to_string(threads))->make();
  };
  add(name, make);
}

void add_memory(const std::string& name, bool shared) {
  for (const unsigned n : {1U, 4U, 128U}) {
    benchmark::RegisterBenchmark((name + "/threads:" + std::to_string(n)).c_str(),
                                 [=](benchmark::State& s) { bytes_per_line(s, of<many_touched>(shared ? 1 : 0), n); })
        ->UseManualTime()
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace
}  // namespace contend::bench

int main(int argc, char** argv) {
  using namespace contend::bench;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  matrix all({std::begin(at_threads), std::end(at_threads)});
  add_catalogue(all);
  add("private_hits", of<private_hits>());
  add("shared_reads", of<shared_reads>());
  add("contended_rmw", of<contended_rmw>());
  add("false_sharing", of<false_sharing>());
  add_cell("critical_section_mcs", "critical_section/mcs/inside_ns:100/outside_ns:200", all);
  add_cell("critical_section_ttas", "critical_section/ttas/inside_ns:100/outside_ns:200", all);
  add_cell("increment_one_atomic", "increment/one_atomic", all);
  add_cell("increment_padded", "increment/padded_64", all);
  for (const unsigned n : at_threads)
    benchmark::RegisterBenchmark(("all_own_cells/threads:" + std::to_string(n)).c_str(),
                                 [&all, n](benchmark::State& state) { ns_per_access_of_all(state, all, n); })
        ->UseManualTime()
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond);
  add_memory("memory_private_lines", false);
  add_memory("memory_shared_lines", true);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
