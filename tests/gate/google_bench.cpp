// SPDX-License-Identifier: MIT
// A benchmark program of somebody else: plain Google Benchmark, with benchmarks of every kind that the gate must read.
#include <benchmark/benchmark.h>

#include <csignal>

namespace {

void BM_quick(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(state.range(0));
}
BENCHMARK(BM_quick)->Arg(8);

void BM_manual(benchmark::State& state) {
  for (auto _ : state) state.SetIterationTime(4e-3);
}
BENCHMARK(BM_manual)->UseManualTime()->Unit(benchmark::kMillisecond);

void BM_refuses(benchmark::State& state) {
  state.SkipWithError("not on this machine");
  for (auto _ : state) {
  }
}
BENCHMARK(BM_refuses);

void BM_crowd(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(state.iterations());
}
BENCHMARK(BM_crowd)->Threads(2);

void BM_dies(benchmark::State&) { std::raise(SIGSEGV); }
BENCHMARK(BM_dies);

}  // namespace

BENCHMARK_MAIN();
