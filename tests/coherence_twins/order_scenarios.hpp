// SPDX-License-Identifier: MIT
// What threads do where nothing but a memory order stands between right and wrong.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "primitives/platform.hpp"
#include "tests/primitives/rwlock_checks.hpp"

namespace contend::hunt {

/// One thread fills a plain word and publishes it, one waits for it and reads. Right: release.
template <std::memory_order Publish>
struct publishing_a_word {
  static constexpr unsigned threads = 2;
  std::uint64_t data = 0, got = 42;
  std::atomic<bool> ready{false};
  void run(unsigned thread) {
    if (thread == 0) {
      *const_cast<volatile std::uint64_t*>(&data) = 42;
      ready.store(true, Publish);
    } else {
      while (!ready.load(std::memory_order_acquire)) platform::relax();
      got = testing::look(data);
    }
  }
  std::string wrong() const { return got == 42 ? "" : "what was published was not complete"; }
};

/// The same with an atomic as what is published, so that it is no data race but an old value.
template <std::memory_order Publish>
struct publishing_an_atomic {
  static constexpr unsigned threads = 2;
  std::atomic<std::uint64_t> data{0};
  std::uint64_t got = 42;
  std::atomic<bool> ready{false};
  void run(unsigned thread) {
    if (thread == 0) {
      data.store(42, std::memory_order_relaxed);
      ready.store(true, Publish);
    } else {
      while (!ready.load(std::memory_order_acquire)) platform::relax();
      got = data.load(std::memory_order_relaxed);
    }
  }
  std::string wrong() const { return got == 42 ? "" : "what was published was not complete"; }
};

/// The last who drops a shared object destroys it. Right: acq_rel.
template <std::memory_order Drop>
struct dropping_references {
  static constexpr unsigned threads = 3;
  struct object {
    std::uint64_t used[threads] = {};
    std::atomic<unsigned> count{threads};
  } shared;
  std::uint64_t sum = 0;
  void run(unsigned thread) {
    *const_cast<volatile std::uint64_t*>(&shared.used[thread]) = 1;
    if (shared.count.fetch_sub(1, Drop) != 1) return;
    for (auto& one : shared.used) {  // a destructor reads and clears what the others wrote
      sum += testing::look(one);
      *const_cast<volatile std::uint64_t*>(&one) = 0;
    }
  }
  std::string wrong() const { return sum == threads ? "" : "destroyed before its last use"; }
};

}  // namespace contend::hunt
