// SPDX-License-Identifier: MIT
// The probes themselves: each call is one short sample on the real machine, in ns; throws no_sample if there is none.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>

namespace contend::calibration {

/// Why a probe could not run; what() is a clause such as "processor 3 cannot be used".
class no_sample : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Keeps the calling thread on a processor while it lives, then gives it back the ones that it had. Throws no_sample.
class pinned {
 public:
  explicit pinned(int cpu);
  ~pinned();
  pinned(const pinned&) = delete;
  pinned& operator=(const pinned&) = delete;

 private:
  struct mask;
  std::unique_ptr<mask> before_;
};

/// One thread, on the processor where the caller is pinned. A few milliseconds each.
[[nodiscard]] double load_ns();
[[nodiscard]] double store_ns();
[[nodiscard]] double rmw_ns();
[[nodiscard]] double rmw_among_hits_ns();
[[nodiscard]] double mutex_ns();
[[nodiscard]] double fence_ns();
[[nodiscard]] double pause_ns();
[[nodiscard]] double system_call_ns();
[[nodiscard]] double futex_ns();

/// A chain of loads through 128 MiB in random order, so that no cache and no prefetcher knows the next line.
class memory_chain {
 public:
  /// Takes the memory and fills it, about 0.2 s. Throws no_sample if there is not enough.
  memory_chain();
  [[nodiscard]] double sample_ns();

 private:
  struct release {
    void operator()(std::uint32_t* memory) const;
  };
  std::unique_ptr<std::uint32_t, release> next_;
  std::uint32_t at_ = 0;
};

/// Threads pinned to `cpus` that all do the same for some milliseconds: ns of wall time per operation of all of them
/// together. Throws no_sample, also if one of them had its processor for less than nine tenths of the time.
[[nodiscard]] double contended_add_ns(std::span<const int> cpus);
/// Two threads, one way.
[[nodiscard]] double ping_pong_ns(int one, int other);
[[nodiscard]] double cas_hand_over_ns(int one, int other);
/// Two threads, per store of each.
[[nodiscard]] double false_sharing_ns(int one, int other);
/// A writer and a reader of one word, per operation of each.
struct writer_and_reader {
  double write_ns;
  double read_ns;
};
[[nodiscard]] writer_and_reader write_and_read_ns(int writer, int reader);

/// The futex, between two processors, and between two threads on one: there the hand-over, which is a wake, a block and
/// two system calls.
struct waking {
  double call_ns;
  double latency_ns;  ///< negative if the woken thread runs before the call returns
};
[[nodiscard]] waking wake_ns(int waker, int sleeper);
[[nodiscard]] double same_processor_hand_over_ns(int cpu);

}  // namespace contend::calibration
