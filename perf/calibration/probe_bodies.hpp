// SPDX-License-Identifier: MIT
// What the threads of a probe do. The same code runs on the machine and, in a test, simulated on what was fitted to it.
#pragma once

#include <atomic>
#include <cstdint>

namespace contend::calibration {

/// What the threads of a probe share: each of its lines has its neighbours to itself.
struct ground {
  alignas(256) std::atomic<std::uint32_t> word{0};
  alignas(256) volatile std::uint64_t beside[8] = {};
  alignas(256) std::atomic<bool> over{false};
};

/// Operations between two looks at the end.
inline constexpr unsigned batch = 64;

/// The next turn of a loop that the compiler neither unrolls nor merges, so that every compiler's probes are alike.
inline void next(unsigned& turn) noexcept {
  asm volatile("" : "+r"(turn) : : "memory");
  ++turn;
}

/// Every body runs until go_on() is false and returns how many operations it has done.

template <class GoOn>
std::uint64_t contended_add(ground& on, GoOn go_on) {
  std::uint64_t done = 0;
  for (; go_on(); done += batch)
    for (unsigned k = 0; k < batch; next(k)) on.word.fetch_add(1, std::memory_order_relaxed);
  return done;
}

/// Thread 0 turns 0 into 1, thread 1 turns 1 into 0.
template <class GoOn>
std::uint64_t cas_hand_over(ground& on, unsigned thread, GoOn go_on) {
  std::uint64_t done = 0;
  while (go_on())
    for (unsigned k = 0; k < batch; next(k)) {
      std::uint32_t expected = thread;
      done += on.word.compare_exchange_strong(expected, 1 - thread, std::memory_order_relaxed);
    }
  return done;
}

/// Thread 0 answers even numbers, thread 1 odd ones, each with the next number.
template <class GoOn>
std::uint64_t ping_pong(ground& on, unsigned thread, GoOn go_on) {
  std::uint64_t done = 0;
  while (go_on())
    for (unsigned k = 0; k < batch; next(k)) {
      const std::uint32_t ball = on.word.load(std::memory_order_relaxed);
      if ((ball & 1) != thread) continue;
      on.word.store(ball + 1, std::memory_order_relaxed);
      ++done;
    }
  return done;
}

template <class GoOn>
std::uint64_t false_sharing(ground& on, unsigned thread, GoOn go_on) {
  std::uint64_t done = 0;
  for (; go_on(); done += batch)
    for (unsigned k = 0; k < batch; next(k)) on.beside[thread] = k;
  return done;
}

template <class GoOn>
std::uint64_t write_to_reader(ground& on, GoOn go_on) {
  std::uint64_t done = 0;
  for (; go_on(); done += batch)
    for (unsigned k = 0; k < batch; next(k)) on.word.store(k, std::memory_order_relaxed);
  return done;
}

template <class GoOn>
std::uint64_t read_of_written(ground& on, GoOn go_on) {
  std::uint64_t done = 0;
  for (; go_on(); done += batch)
    for (unsigned k = 0; k < batch; next(k)) (void)on.word.load(std::memory_order_relaxed);
  return done;
}

/// A thread sleeps, another one wakes it; `rounds` times.
struct bedroom {
  alignas(256) std::atomic<std::uint32_t> word{0};   ///< how often it was woken
  alignas(256) std::atomic<std::uint32_t> tired{0};  ///< how often it was about to sleep
  alignas(256) std::atomic<double> up{0};            ///< when it was last up, in ns
};

/// `Kernel` has now() in ns, park(word, expected), wake(word) and rest(ns).
template <class Kernel>
void sleep_and_get_up(bedroom& in, unsigned rounds, Kernel& kernel) {
  for (std::uint32_t k = 0; k < rounds; ++k) {
    in.tired.store(k + 1, std::memory_order_relaxed);
    while (in.word.load(std::memory_order_acquire) == k) kernel.park(in.word, k);
    in.up.store(kernel.now(), std::memory_order_release);
  }
}

/// Calls note(wake_call, wake_latency) for every round.
template <class Kernel, class Note>
void wake_up(bedroom& in, unsigned rounds, Kernel& kernel, Note note) {
  for (std::uint32_t k = 0; k < rounds; ++k) {
    while (in.tired.load(std::memory_order_relaxed) != k + 1) kernel.rest(100);
    kernel.rest(30'000);  // it is asleep by then
    const double before = kernel.now();
    in.word.store(k + 1, std::memory_order_release);
    kernel.wake(in.word);
    const double after = kernel.now();
    double up = 0;
    while ((up = in.up.load(std::memory_order_acquire)) < before) kernel.rest(100);
    note(after - before, up - after);
  }
}

}  // namespace contend::calibration
