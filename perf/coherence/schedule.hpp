// SPDX-License-Identifier: MIT
// Who runs next when bugs are hunted: schedules drawn from a seed, in place of the order of virtual time.
#pragma once

#include <cstdint>
#include <vector>

#include "machine.hpp"

namespace contend::coherence {

enum class schedule_kind : std::uint8_t {
  none,    ///< the order of virtual time, every time exactly what the machine says
  varied,  ///< the same with the small variations that keep real threads out of lockstep: what cells are simulated with
  jitter,  ///< the same with random delays before accesses: disturbed
  random,  ///< at every access the next thread is drawn
  pct,     ///< the thread with the highest priority runs; priorities change at d−1 drawn accesses
};

/// A schedule. With `random` and `pct` one thread runs at a time, on one clock, every access takes the time of a hit
/// and no line is looked at: nothing but the seed and what the program does decides, and no address. So one seed gives
/// one schedule in every process and on every host.
struct schedule_options {
  schedule_kind kind = schedule_kind::none;
  std::uint64_t seed = 0;
  unsigned depth = 3;            ///< pct: bugs of up to so many ordering constraints; 1 or more
  std::uint64_t length = 5'000;  ///< pct: accesses of a run, about; the change points are drawn from them
  /// Atomics as C++ allows them to be, see weak.hpp, drawn from the same seed; a data race ends the run.
  bool weak = false;
  /// Thread-local storage is as the last such simulation in this process left it, not fresh: it spares starting an OS
  /// thread per simulated one, which takes longer than a short schedule.
  bool keep_threads = false;
  /// none and varied: a thread goes on before its turn where nothing that another one has still to do could reach it by
  /// then. Without, every access is a turn of its own: the same results, slower.
  bool lookahead = true;
};

/// Numbers that are the same on every host (splitmix64: Steele, Lea and Flood 2014).
class draws {
 public:
  explicit draws(std::uint64_t seed) noexcept : state_(seed) {}
  /// The sequence of its own that a seed gives one of several.
  draws(std::uint64_t seed, unsigned which) noexcept
      : state_(draws(draws(seed).next() + 0xD1342543DE82EF95U * (which + 1)).next()) {}
  std::uint64_t next() noexcept {
    std::uint64_t z = state_ += step;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
    z = (z ^ z >> 27) * 0x94D049BB133111EBU;
    return z ^ z >> 31;
  }
  /// 0 … n−1; n > 0. (The bias is that of a modulus: nothing at such n.)
  std::uint64_t below(std::uint64_t n) noexcept { return next() % n; }
  bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }

 private:
  static constexpr std::uint64_t step = 0x9E3779B97F4A7C15U;
  std::uint64_t state_;
};

/// Decides for the engine. PCT is the randomised scheduler of Burckhardt, Kothari, Musuvathi and Nagarakatti (A
/// Randomized Scheduler with Probabilistic Guarantees of Finding Bugs, ASPLOS 2010): with n threads and k accesses a
/// bug of depth d is found with a probability of at least 1 ÷ (n · k^(d−1)) in each schedule. Deviation: a thread that
/// spins falls behind all others, or it might run for ever; it spins when it calls relax(), yield() or sleeps, when it
/// loads one word `patience` times in a row, and when it has run `slice` accesses without anybody else.
class scheduler {
 public:
  static constexpr unsigned patience = 8;
  static constexpr unsigned slice = 2'000;

  /// Threads: including the conductor. Throws std::invalid_argument if depth is 0.
  scheduler(const schedule_options& options, unsigned threads);

  [[nodiscard]] schedule_kind kind() const noexcept { return kind_; }
  /// Whether one thread runs at a time and this class says which.
  [[nodiscard]] bool serial() const noexcept { return kind_ == schedule_kind::random || kind_ == schedule_kind::pct; }
  /// varied: busy work or a pause that takes `time` takes up to an eighth more or less (Alameldeen and Wood 2003,
  /// Variability in Architectural Simulations of Multi-threaded Workloads, section 5: small random delays).
  picoseconds varied(unsigned thread, picoseconds time) noexcept {
    return kind_ == schedule_kind::varied ? time - time / 8 + (time * (of_thread_[thread].next() >> 56) >> 10) : time;
  }
  /// varied: how much longer or shorter the legs of a transaction are that it asks for.
  legs_variation legs(unsigned thread) noexcept {
    if (kind_ != schedule_kind::varied) return {};
    const std::uint64_t drawn = of_thread_[thread].next();
    return {static_cast<std::uint8_t>(drawn >> 56), static_cast<std::uint8_t>(drawn >> 48)};
  }
  /// jitter: by how much an access is delayed.
  picoseconds delay(unsigned thread) noexcept;

  /// `thread` is about to access a word.
  void step(unsigned thread, std::uint64_t address, bool load) noexcept;
  void spun(unsigned thread) noexcept;
  /// Who can run has changed.
  void changed() noexcept { look_again_ = true; }
  /// Who runs next: one of `others`, who is not empty, or `thread` itself if it can go on.
  unsigned next(unsigned thread, bool can_go_on, const std::vector<unsigned>& others) noexcept;

 private:
  schedule_kind kind_;
  draws draws_;
  std::vector<draws> of_thread_;        // varied and jitter: what a thread draws owes nothing to the others' turns
  std::uint64_t stretch_ = 1;           // random: one access in so many is a draw
  std::vector<std::int64_t> priority_;  // pct
  std::vector<std::uint64_t> change_points_;  // the last one comes first
  std::int64_t lowest_ = 0;
  std::uint64_t steps_ = 0;
  bool look_again_ = true;
  std::uint64_t last_loaded_ = 0;
  unsigned repeated_ = 0;
  unsigned in_a_row_ = 0;
};

}  // namespace contend::coherence
