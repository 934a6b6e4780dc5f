// SPDX-License-Identifier: MIT
// See probes.hpp: sleeping and waking through the futex.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "perf/calibration/probe_bodies.hpp"
#include "perf/calibration/probes.hpp"

namespace contend::calibration {
namespace {

using steady = std::chrono::steady_clock;
constexpr unsigned rounds = 24;

/// Nobody sleeps longer than this, so that a thread whose partner could not start gets up again.
constexpr timespec nap{0, 20'000'000};

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) {
  ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, &nap, nullptr, 0);
}
void futex_wake(std::atomic<std::uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

/// The real one, for the bodies of probe_bodies.hpp.
struct real_kernel {
  static double now() { return std::chrono::duration<double, std::nano>(steady::now().time_since_epoch()).count(); }
  static void park(std::atomic<std::uint32_t>& word, std::uint32_t expected) { futex_wait(word, expected); }
  static void wake(std::atomic<std::uint32_t>& word) { futex_wake(word); }
  static void rest(double ns) {
    for (const double end = now() + ns; now() < end;) {
    }
  }
};

double middle(std::vector<double>& all) {
  std::sort(all.begin(), all.end());
  return (all[(all.size() - 1) / 2] + all[all.size() / 2]) / 2;
}

}  // namespace

double futex_ns() {
  constexpr unsigned calls = 1'000;
  std::atomic<std::uint32_t> word{0};
  std::vector<double> bursts;
  for (unsigned burst = 0; burst < 5; ++burst) {
    const auto start = steady::now();
    for (unsigned k = 0; k < calls; ++k) {
      futex_wait(word, 1);
      futex_wake(word);
    }
    bursts.push_back(std::chrono::duration<double, std::nano>(steady::now() - start).count() / (2.0 * calls));
  }
  return middle(bursts);
}

waking wake_ns(int waker, int sleeper) {
  const auto in = std::make_unique<bedroom>();
  std::vector<double> calls, latencies;
  std::atomic<bool> placed{true};
  real_kernel kernel;
  const pinned here(waker);
  std::thread other;
  try {
    other = std::thread([&] {
      try {
        const pinned there(sleeper);
        sleep_and_get_up(*in, rounds, kernel);
      } catch (const no_sample&) {
        placed = false;
        sleep_and_get_up(*in, rounds, kernel);  // the waker waits for it; the figures are thrown away
      }
    });
  } catch (const std::system_error&) {
    throw no_sample("no second thread can be had");
  }
  wake_up(*in, rounds, kernel, [&](double call, double latency) {
    calls.push_back(call);
    latencies.push_back(latency);
  });
  other.join();
  if (!placed) throw no_sample("processor " + std::to_string(sleeper) + " cannot be used");
  return {middle(calls), middle(latencies)};
}

double same_processor_hand_over_ns(int cpu) {
  constexpr unsigned turns = 300;
  std::atomic<std::uint32_t> word{0};
  std::atomic<bool> placed{true};
  const auto side = [&](std::uint32_t me) {
    try {
      const pinned here(cpu);
      for (unsigned k = 0; k < turns; ++k) {
        for (std::uint32_t now = 0; ((now = word.load(std::memory_order_acquire)) & 1) != me;) futex_wait(word, now);
        word.fetch_add(1, std::memory_order_release);
        futex_wake(word);
      }
    } catch (const no_sample&) {
      placed = false;
    }
  };
  const pinned here(cpu);  // or fail before there are threads
  std::thread one, other;
  steady::time_point start;
  try {
    one = std::thread(side, 0U);
    start = steady::now();
    other = std::thread(side, 1U);
  } catch (const std::system_error&) {
    if (one.joinable()) side(1);
  }
  if (one.joinable()) one.join();
  if (other.joinable()) other.join();
  if (!placed) throw no_sample("processor " + std::to_string(cpu) + " cannot be used");
  return std::chrono::duration<double, std::nano>(steady::now() - start).count() / (2.0 * turns);
}

}  // namespace contend::calibration
