// SPDX-License-Identifier: MIT
// The payload of the rcu tests, and the checks that real primitives pass and broken twins do not.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>

#include "primitives/platform.hpp"
#include "primitives/rcu/domain/reclaim_limits.hpp"
#include "tests/support/stress.hpp"

namespace contend::testing {

/// Two fields that are always equal, a canary that the destructor poisons, and a count of living objects.
/// The fields are plain, so that ThreadSanitizer sees a missing order, and volatile, so that the poison is written.
class payload {
 public:
  explicit payload(std::uint64_t value = 0) : first_(value), second_(value) { ++living(); }
  payload(const payload& other) : first_(other.first_), second_(other.second_) { ++living(); }
  payload& operator=(const payload& other) {
    set(other.first_);
    return *this;
  }
  ~payload() {
    canary_ = dead;
    first_ = dead;
    --living();
  }

  void set(std::uint64_t value) {
    first_ = value;
    second_ = value;
  }
  void add_one() { set(first_ + 1); }
  [[nodiscard]] std::uint64_t value() const { return first_; }

  /// Looks `looks` times, and says whether the object was whole, alive and the same all the time.
  [[nodiscard]] bool is_sound(unsigned looks = 8) const {
    const std::uint64_t before = first_;
    for (unsigned look = 0; look < looks; ++look)
      if (canary_ != alive || first_ != before || second_ != before) return false;
    return true;
  }

  static std::atomic<std::int64_t>& living() {
    static std::atomic<std::int64_t> count{0};
    return count;
  }

 private:
  static constexpr std::uint64_t alive = 0xA11FE, dead = 0xDEADDEADDEAD;
  volatile std::uint64_t first_;
  volatile std::uint64_t second_;
  volatile std::uint64_t canary_ = alive;
};

/// Makes a P with rare paths common, if it takes limits.
template <class P>
class small {
 public:
  explicit small(reclaim_limits limits = {.backlog = 16, .batch = 1, .readers = 16}) : published_(make(limits)) {}
  P* operator->() { return &published_; }
  P& operator*() { return published_; }

 private:
  static P make(const reclaim_limits& limits) {
    if constexpr (std::constructible_from<P, const payload&, reclaim_limits>)
      return P(payload{}, limits);
    else
      return P(payload{});
  }
  P published_;
};

/// How the threads of broken_reads() behave. Twins are caught soonest with the habits that hit their weak spot.
struct habits {
  unsigned updaters = 2;  ///< of the threads; the rest reads
  unsigned looks = 8;     ///< at the version, in one read
  unsigned stay = 4;      ///< reads or updates between two registrations
};

/// Reads that met a torn, freed or older version, with some of the threads updating; all of them come and go. Ends when
/// every thread has done `rounds` (who is done goes on, so that nobody is left alone), or at the first broken read.
template <class P>
std::uint64_t broken_reads(unsigned threads, unsigned rounds, std::uint64_t round, habits have = {}) {
  small<P> shared;
  std::atomic<std::uint64_t> broken{0};
  std::atomic<unsigned> busy{threads};
  together(
      threads,
      [&](unsigned number) {
        std::optional<typename P::reader> reader(shared->register_thread());
        std::uint64_t newest = 0;
        for (unsigned i = 0; busy.load() != 0 && broken.load() == 0; ++i) {
          if (i == rounds) busy.fetch_sub(1);
          if (number < have.updaters) {
            shared->update(*reader, [](payload& draft) { draft.add_one(); });
          } else {
            const bool sound = shared->read(*reader, [&](const payload& version) {
              const bool older = version.value() < newest;
              newest = version.value();
              return !older && version.is_sound(have.looks);
            });
            if (!sound) broken.fetch_add(1);
          }
          shared->quiescent(*reader);
          if ((i + 1) % have.stay == 0) {
            reader.reset();
            reader.emplace(shared->register_thread());
          }
        }
      },
      round);
  return broken.load();
}

/// Updates that are missing after `threads` threads made `rounds` each.
template <class P>
std::uint64_t lost_updates(unsigned threads, unsigned rounds, std::uint64_t round) {
  small<P> shared;
  together(
      threads,
      [&](unsigned) {
        auto reader = shared->register_thread();
        for (unsigned i = 0; i < rounds; ++i) {
          shared->update(reader, [](payload& draft) { draft.add_one(); });
          shared->quiescent(reader);
        }
      },
      round);
  auto reader = shared->register_thread();
  return std::uint64_t{threads} * rounds - shared->read(reader, [](const payload& version) { return version.value(); });
}

/// Waits until `done` holds or `patience` is over; says which. The time only bounds how long a broken program hangs.
template <class Done>
bool eventually(Done done, std::chrono::milliseconds patience = std::chrono::seconds(60)) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return true;
}

/// Whether others can read and update while an update's callback runs.
template <class P>
bool callback_holds_nothing(std::chrono::milliseconds patience) {
  small<P> shared;
  std::atomic<bool> inside{false}, others_done{false};
  bool in_time = true;
  std::thread other([&] {
    auto reader = shared->register_thread();
    eventually([&] { return inside.load(); });
    shared->update(reader, [](payload& draft) { draft.add_one(); });
    (void)shared->read(reader, [](const payload& version) { return version.value(); });
    others_done = true;
  });
  auto reader = shared->register_thread();
  shared->update(reader, [&](payload& draft) {
    inside = true;
    in_time = eventually([&] { return others_done.load(); }, patience);
    draft.add_one();
  });
  other.join();
  return in_time && shared->read(reader, [](const payload& version) { return version.value(); }) == 2;
}

/// The largest backlog that updates reach while a reader stays inside a read section, up to `attempts` updates.
template <class P>
std::size_t backlog_with_a_stalled_reader(reclaim_limits limits, unsigned attempts) {
  small<P> shared(limits);
  std::atomic<bool> inside{false}, leave{false};
  std::thread stalled([&] {
    auto reader = shared->register_thread();
    shared->read(reader, [&](const payload&) {
      inside = true;
      return eventually([&] { return leave.load(); });
    });
  });
  eventually([&] { return inside.load(); });
  auto reader = shared->register_thread();
  std::size_t most = 0;
  for (unsigned i = 0; i < attempts; ++i) {
    (void)shared->try_update(reader, [](payload& draft) { draft.add_one(); });
    most = std::max(most, shared->backlog());
  }
  leave = true;
  stalled.join();
  return most;
}

}  // namespace contend::testing
