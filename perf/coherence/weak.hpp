// SPDX-License-Identifier: MIT
// Atomics as C++ allows them to be: an operational model of the memory model's release, acquire, relaxed and seq_cst
// parts, and of data races.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "model.hpp"
#include "schedule.hpp"

namespace contend::coherence {

/// What one thread knows of the others: of thread i all that it did before its epoch passed clock[i].
class vector_clock {
 public:
  vector_clock() = default;
  explicit vector_clock(unsigned threads) : epochs_(threads, 0) {}
  [[nodiscard]] bool empty() const noexcept { return epochs_.empty(); }
  [[nodiscard]] std::uint64_t operator[](unsigned thread) const noexcept { return epochs_[thread]; }
  void tick(unsigned thread) noexcept { ++epochs_[thread]; }
  void join(const vector_clock& other) {
    if (epochs_.size() < other.epochs_.size()) epochs_.resize(other.epochs_.size(), 0);
    for (std::size_t i = 0; i < other.epochs_.size(); ++i)
      if (other.epochs_[i] > epochs_[i]) epochs_[i] = other.epochs_[i];
  }

 private:
  std::vector<std::uint64_t> epochs_;
};

/// Two clocks: what happens before (and rules out data races), and what a thread may no longer miss, which seq_cst
/// fences add to without making anything happen before.
struct knowledge {
  vector_clock before;
  vector_clock seen;
  void join(const knowledge& other) {
    before.join(other.before);
    seen.join(other.seen);
  }
};

/// One access as a hook sees it.
struct access_of {
  unsigned thread = 0;
  std::uint64_t address = 0;
  unsigned size = 0;
  std::memory_order order = std::memory_order_relaxed;
  const void* place = nullptr;
};

/// Two accesses to the same bytes, one of them a write, not both atomic, and neither happens before the other.
struct race {
  struct side {
    unsigned thread = 0;
    bool write = false;
    bool atomic = false;
    const void* place = nullptr;
  };
  side first, second;
};

/// The words that atomics have touched, with what was stored in each of late, in modification order. Memory itself
/// holds the last store of each; plain accesses go there.
///
/// A load takes any store that coherence and what the thread has seen leave open; a store that is not seq_cst may also
/// take a place before stores that were executed earlier (as when it had waited in a store buffer), a read-modify-write
/// may take any store that no other one has taken. That makes store buffering (SB, R, 2+2W), message passing without
/// release or acquire (MP), IRIW and their like visible. An acquire load joins what a release store carried, also
/// through read-modify-writes in between, and through fences; seq_cst operations and fences keep to one order, that of
/// their execution. Not modelled: a load that takes a value stored later (LB), dependencies (consume is acquire), and
/// what is wider than eight bytes or accessed by atomics of two sizes, where only the last value can be read.
class weak_memory {
 public:
  weak_memory(std::uint64_t seed, unsigned threads);

  std::uint64_t load(const access_of& a);
  void store(const access_of& a, std::uint64_t value);
  /// A read-modify-write: old = begin_update(…), then end_update(old + 1).
  std::uint64_t begin_update(const access_of& a);
  void end_update(const access_of& a, std::uint64_t value);
  /// True if it stored `desired`; otherwise `expected` becomes what it read, in order `failure`. `may_fail`: now and
  /// then it does although the values agree.
  bool compare_exchange(const access_of& a, std::memory_order failure, std::uint64_t& expected, std::uint64_t desired,
                        bool may_fail);
  void fence(unsigned thread, std::memory_order order);
  /// membarrier(2): as if every thread executed a seq_cst fence now.
  void fence_all(unsigned caller);
  /// Plain accesses: looked at for races. A write makes its value all that there is to read.
  void plain(const access_of& a, bool write);
  /// Atomics of 16 bytes and more: read and written in memory, acquire and release whatever their order.
  void wide(const access_of& a, bool write);
  /// The bytes are another object's from now on.
  void forget(std::uint64_t address, std::uint64_t size);

  /// The first data race so far.
  [[nodiscard]] const std::optional<race>& raced() const noexcept { return race_; }

 private:
  static constexpr std::size_t remembered = 16;  // stores of a word; of them the oldest is dropped first
  static constexpr std::uint64_t apart = std::uint64_t{1} << 20;

  struct stored {
    std::uint64_t stamp = 0;  ///< place in the word's modification order
    std::uint64_t value = 0;
    bool by_update = false;  ///< belongs right behind the one before it
    bool releases = false;   ///< carries what its writer knew
    knowledge carried;
  };
  /// What a thread has read or written of a word: at `epoch` it knew of the store `stamp`.
  struct met {
    std::uint64_t epoch = 0;
    std::uint64_t stamp = 0;
  };
  struct word {
    std::uint64_t address = 0;
    unsigned size = 0;
    std::vector<stored> stores;           ///< in modification order; never empty
    std::vector<std::vector<met>> known;  ///< by thread
    std::uint64_t last_seq_cst = 0;       ///< the latest store that a seq_cst operation wrote or read
    bool overwritten = false;             ///< by a plain write
  };
  struct trace {
    std::uint16_t thread = 0;
    std::uint8_t bytes = 0;
    bool write = false;
    bool atomic = false;
    std::uint64_t epoch = 0;
    const void* place = nullptr;
  };
  /// Eight aligned bytes.
  struct cell {
    std::vector<trace> traces;
    std::vector<std::unique_ptr<word>> words;
    knowledge carried;  ///< by stores of words that others took the place of: what they ordered stays ordered
  };
  struct thread_state {
    knowledge now;
    knowledge released;  ///< at its last release fence; empty clocks: none
    knowledge taken;     ///< what its relaxed loads read and an acquire fence will join
  };

  word& word_of(const access_of& a);
  [[nodiscard]] std::uint64_t floor(const word& w, unsigned thread, bool seq_cst) const;
  std::size_t choose(const word& w, std::uint64_t from, bool for_update);
  void note_known(word& w, unsigned thread, std::uint64_t stamp);
  void take(word& w, const access_of& a, const stored& from, std::memory_order order);
  /// Puts a store behind the one at `after`, and into memory if it is the last.
  void put(word& w, const access_of& a, std::uint64_t value, std::size_t after, const stored* updated);
  void overwrite(const access_of& a);
  void look_for_race(const access_of& a, bool write, bool atomic);
  void look_for_race(cell& c, std::uint8_t bytes, const access_of& a, bool write, bool atomic);
  [[nodiscard]] std::uint64_t epoch(unsigned thread) const noexcept { return threads_[thread].now.before[thread]; }
  void tick(unsigned thread) noexcept;

  draws draws_;
  std::vector<thread_state> threads_;
  vector_clock fences_;  ///< what all that executed a seq_cst fence had seen then
  vector_clock stores_;  ///< likewise of seq_cst stores
  std::unordered_map<std::uint64_t, cell> cells_;
  std::unordered_map<std::uint64_t, knowledge> wide_;  ///< what the writers of a wide atomic knew
  std::size_t picked_ = 0;
  std::optional<race> race_;
};

}  // namespace contend::coherence
