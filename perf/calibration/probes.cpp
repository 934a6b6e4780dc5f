// SPDX-License-Identifier: MIT
// See probes.hpp: everything but the kernel's part.
#include "perf/calibration/probes.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <new>
#include <numeric>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "perf/calibration/probe_bodies.hpp"

namespace contend::calibration {
namespace {

using steady = std::chrono::steady_clock;
constexpr std::chrono::milliseconds window{2};
constexpr std::chrono::milliseconds patience{500};
constexpr double enough_of_it = 0.9;  ///< share of the window that each thread has to run

alignas(256) volatile std::uint64_t own_words[8] = {};

double nanoseconds(steady::duration time) { return std::chrono::duration<double, std::nano>(time).count(); }

/// Processor time of the calling thread.
double own_cpu_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// ns per call of `operation`: the median of five bursts, after one that warms up.
template <class Operation>
double per_call(unsigned calls, Operation operation) {
  std::vector<double> bursts;
  for (unsigned burst = 0; burst < 6; ++burst) {
    const auto start = steady::now();
    for (unsigned k = 0; k < calls; next(k)) operation();
    if (burst > 0) bursts.push_back(nanoseconds(steady::now() - start) / calls);
  }
  std::nth_element(bursts.begin(), bursts.begin() + 2, bursts.end());
  return bursts[2];
}

struct team_result {
  double wall_ns = 0;
  std::vector<std::uint64_t> done;
};

/// Runs body(i) on cpus[i], all at once, for the window; the body ends when on.over is true.
team_result together(ground& on, std::span<const int> cpus, const std::function<std::uint64_t(unsigned)>& body) {
  team_result out;
  out.done.resize(cpus.size());
  std::atomic<unsigned> ready{0};
  std::atomic<bool> go{false}, failed{false};
  std::vector<double> ran_ns(cpus.size());
  std::vector<std::thread> threads;
  const auto member = [&](unsigned i) {
    try {
      const pinned here(cpus[i]);
      ready.fetch_add(1, std::memory_order_relaxed);
      // Relaxed: the results travel through join().
      while (!go.load(std::memory_order_relaxed)) std::this_thread::yield();
      if (failed.load(std::memory_order_relaxed)) return;
      const double before = own_cpu_ns();
      out.done[i] = body(i);
      ran_ns[i] = own_cpu_ns() - before;
    } catch (const no_sample&) {
      failed.store(true, std::memory_order_relaxed);
      ready.fetch_add(1, std::memory_order_relaxed);
    }
  };
  try {
    for (unsigned i = 0; i < cpus.size(); ++i) threads.emplace_back(member, i);
  } catch (const std::system_error&) {
    failed.store(true, std::memory_order_relaxed);
  }
  const auto give_up = steady::now() + patience;
  while (ready.load(std::memory_order_relaxed) < threads.size() && steady::now() < give_up) std::this_thread::yield();
  if (ready.load(std::memory_order_relaxed) < cpus.size()) failed.store(true, std::memory_order_relaxed);
  const auto start = steady::now();
  go.store(true, std::memory_order_relaxed);
  if (!failed.load(std::memory_order_relaxed)) std::this_thread::sleep_for(window);
  on.over.store(true, std::memory_order_relaxed);
  out.wall_ns = nanoseconds(steady::now() - start);
  for (auto& one : threads) one.join();
  if (failed) throw no_sample("the processors that it needs cannot be had at once");
  if (*std::min_element(ran_ns.begin(), ran_ns.end()) < enough_of_it * out.wall_ns)
    throw no_sample("other programs hold the processors that it needs");
  return out;
}

auto until_over(const ground& on) {
  return [&on] { return !on.over.load(std::memory_order_relaxed); };
}

double per_operation(double wall_ns, std::uint64_t done) {
  if (done == 0) throw no_sample("nothing was done in its time");
  return wall_ns / static_cast<double>(done);
}

}  // namespace

struct pinned::mask {
  cpu_set_t* set = nullptr;
  std::size_t bytes = 0;
  ~mask() { CPU_FREE(set); }
};

pinned::pinned(int cpu) : before_(std::make_unique<mask>()) {
  constexpr std::size_t most = 8192;
  before_->set = CPU_ALLOC(most);
  before_->bytes = CPU_ALLOC_SIZE(most);
  mask one;
  one.set = CPU_ALLOC(most);
  if (before_->set == nullptr || one.set == nullptr) throw no_sample("there is no memory left");
  CPU_ZERO_S(before_->bytes, one.set);
  CPU_SET_S(static_cast<std::size_t>(cpu), before_->bytes, one.set);
  if (::sched_getaffinity(0, before_->bytes, before_->set) != 0 || ::sched_setaffinity(0, before_->bytes, one.set) != 0)
    throw no_sample("processor " + std::to_string(cpu) + " cannot be used");
}

pinned::~pinned() { ::sched_setaffinity(0, before_->bytes, before_->set); }

namespace {

[[gnu::always_inline]] inline void load_eight(const volatile std::uint64_t (&from)[8]) {
  (void)from[0];
  (void)from[1];
  (void)from[2];
  (void)from[3];
  (void)from[4];
  (void)from[5];
  (void)from[6];
  (void)from[7];
}

[[gnu::always_inline]] inline void store_eight(volatile std::uint64_t (&to)[8], std::uint64_t value) {
  to[0] = value;
  to[1] = value;
  to[2] = value;
  to[3] = value;
  to[4] = value;
  to[5] = value;
  to[6] = value;
  to[7] = value;
}

std::uint64_t one_in_a_register() {
  std::uint64_t value = 1;
  asm volatile("" : "+r"(value));
  return value;
}

}  // namespace

double load_ns() {
  return per_call(25'000, [] { load_eight(own_words); }) / 8;
}

double store_ns() {
  return per_call(25'000, [value = one_in_a_register()] { store_eight(own_words, value); }) / 8;
}

double rmw_ns() {
  alignas(256) static std::atomic<std::uint32_t> word{0};
  return per_call(50'000, [] { word.fetch_add(1, std::memory_order_relaxed); });
}

double rmw_among_hits_ns() {
  alignas(256) static std::atomic<std::uint32_t> word{0};
  alignas(256) static volatile std::uint64_t stored[8];
  return per_call(25'000, [value = one_in_a_register()] {
    word.fetch_add(1, std::memory_order_relaxed);
    load_eight(own_words);
    store_eight(stored, value);
  });
}

double fence_ns() {
  return per_call(50'000, [] { std::atomic_thread_fence(std::memory_order_seq_cst); });
}

double pause_ns() {
  return per_call(10'000, [] {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory");
#else
    asm volatile("" ::: "memory");
#endif
  });
}

double mutex_ns() {
  alignas(256) static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  // The C library spares a process that has one thread the atomic operations.
  std::atomic<bool> over{false};
  std::thread other([&over] { over.wait(false); });
  const double out = per_call(25'000, [] {
    ::pthread_mutex_lock(&mutex);
    ::pthread_mutex_unlock(&mutex);
  });
  over = true;
  over.notify_one();
  other.join();
  return out;
}

double system_call_ns() {
  return per_call(2'000, [] { (void)::getppid(); });
}

namespace {
constexpr std::size_t chain_bytes = 128U << 20;
constexpr std::size_t line_words = 16;  // of 4 bytes
}  // namespace

void memory_chain::release::operator()(std::uint32_t* memory) const { ::munmap(memory, chain_bytes); }

memory_chain::memory_chain() try {
  void* memory = ::mmap(nullptr, chain_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  next_.reset(static_cast<std::uint32_t*>(memory));
  ::madvise(memory, chain_bytes, MADV_HUGEPAGE);  // where there are none, page walks are part of the figure
  std::vector<std::uint32_t> order(chain_bytes / (line_words * sizeof(std::uint32_t)));
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), std::minstd_rand(1));
  for (std::size_t k = 0; k < order.size(); ++k) next_.get()[order[k] * line_words] = order[(k + 1) % order.size()];
  at_ = order[0];
} catch (const std::bad_alloc&) {
  throw no_sample("there are no 128 MiB of memory for it");
}

double memory_chain::sample_ns() {
  constexpr unsigned steps = 20'000;
  std::uint32_t at = at_;
  const auto start = steady::now();
  for (unsigned k = 0; k < steps; ++k) at = next_.get()[at * line_words];
  const auto took = steady::now() - start;
  at_ = at;
  return nanoseconds(took) / steps;
}

double contended_add_ns(std::span<const int> cpus) {
  const auto on = std::make_unique<ground>();
  const auto r = together(*on, cpus, [&](unsigned) { return contended_add(*on, until_over(*on)); });
  return per_operation(r.wall_ns, std::accumulate(r.done.begin(), r.done.end(), std::uint64_t{0}));
}

double ping_pong_ns(int one, int other) {
  const auto on = std::make_unique<ground>();
  const int cpus[] = {one, other};
  const auto r = together(*on, cpus, [&](unsigned i) { return ping_pong(*on, i, until_over(*on)); });
  return per_operation(r.wall_ns, r.done[0] + r.done[1]);
}

double cas_hand_over_ns(int one, int other) {
  const auto on = std::make_unique<ground>();
  const int cpus[] = {one, other};
  const auto r = together(*on, cpus, [&](unsigned i) { return cas_hand_over(*on, i, until_over(*on)); });
  return per_operation(r.wall_ns, r.done[0] + r.done[1]);
}

double false_sharing_ns(int one, int other) {
  const auto on = std::make_unique<ground>();
  const int cpus[] = {one, other};
  const auto r = together(*on, cpus, [&](unsigned i) { return false_sharing(*on, i, until_over(*on)); });
  return 2 * per_operation(r.wall_ns, r.done[0] + r.done[1]);
}

writer_and_reader write_and_read_ns(int writer, int reader) {
  const auto on = std::make_unique<ground>();
  const int cpus[] = {writer, reader};
  const auto r = together(*on, cpus, [&](unsigned i) {
    return i == 0 ? write_to_reader(*on, until_over(*on)) : read_of_written(*on, until_over(*on));
  });
  return {per_operation(r.wall_ns, r.done[0]), per_operation(r.wall_ns, r.done[1])};
}

}  // namespace contend::calibration
