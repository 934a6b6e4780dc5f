// SPDX-License-Identifier: MIT
// Work for two threads that causes every event which the catalogue has, as far as the processors allow.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

namespace contend::counters {

/// What the two threads of a probe share. Each calls work() once, at about the same time.
class probe_load {
 public:
  /// Pins the calling thread to a processor of its own and prepares its memory; nothing of that is counted.
  void prepare(unsigned thread);
  /// Does a little of everything, again and again, for `length` and at least three times.
  void work(unsigned thread, std::chrono::microseconds length);

  probe_load();
  probe_load(const probe_load&) = delete;
  probe_load& operator=(const probe_load&) = delete;
  ~probe_load();

 private:
  struct alignas(128) line {
    std::atomic<std::uint64_t> value{0};
  };
  struct own {
    std::vector<char> memory;  // more than a second-level cache
    char* pages = nullptr;     // given back and touched again
    std::uint64_t random = 88172645463325252U;
    std::size_t at = 0;
  };

  void branches(own& mine);
  void caches(own& mine);
  void lines(unsigned thread);
  void kernel(own& mine);

  std::array<own, 2> own_;
  std::array<line, 4> shared_;
  std::atomic<std::uint64_t> sink_{0};
  int near_ = -1, far_ = -1;  // processors for thread 1: beside thread 0's core, and beyond its last-level cache
  int first_ = -1;            // and for thread 0
};

}  // namespace contend::counters
