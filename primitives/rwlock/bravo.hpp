// SPDX-License-Identifier: MIT
// BRAVO: biased reader-writer lock, readers publish themselves in a table and leave the lock underneath alone.
#pragma once

#include <atomic>
#include <cassert>
#include <chrono>
#include <cstdint>

#include "../platform.hpp"
#include "detail/doorbell.hpp"
#include "rwlock.hpp"
#include "writer_preferring.hpp"

namespace contend {

namespace detail {

/// One table for all bravo locks: which lock each thread reads. A thread writes only its own row, so a lock costs no
/// memory per thread; a lock uses one column, so that few locks of one thread collide.
class visible_readers {
 public:
  using place = std::atomic<const void*>;
  static constexpr unsigned columns = 8;

  /// This thread's place for locks of that column. Throws as platform::thread_index() does.
  place& mine(unsigned column) {
    const unsigned row = platform::thread_index();
    // [rows] <- raise(): with relaxed, a writer's seq_cst look at used_ could be ordered before the increase that this
    // thread relies on, and miss its row.
    if (row >= used_.load(std::memory_order_acquire)) raise(row + 1);
    return rows_[row].places[column];
  }

  /// Rows that were ever used: to be read after the bias is off.
  [[nodiscard]] unsigned used() const noexcept {
    return used_.load(std::memory_order_seq_cst);  // [rows] <- raise(); seq_cst: see there
  }
  [[nodiscard]] place& at(unsigned row, unsigned column) noexcept { return rows_[row].places[column]; }

 private:
  struct alignas(platform::cache_line) row {
    place places[columns] = {};
  };

  void raise(unsigned to) noexcept {
    unsigned seen = used_.load(std::memory_order_relaxed);
    // [rows] -> used(), mine(); seq_cst: SB between (used_, bias) of a reader and (bias, used_) of a writer
    while (seen < to && !used_.compare_exchange_weak(seen, to, std::memory_order_seq_cst)) {
    }
  }

  row rows_[platform::max_threads];  // 64 KiB with 64-byte lines
  alignas(platform::cache_line) std::atomic<unsigned> used_{0};
};
inline visible_readers bravo_table;

}  // namespace detail

/// While the lock is biased a reader writes only its own place in the table. A writer takes the lock underneath
/// (writer_preferring), revokes the bias and waits for the readers in the table; after that readers go through the
/// lock underneath, until nine times the time that the revocation took has passed: so a writer is slowed down by a
/// tenth at most. Blocking; order as underneath, except that a reader may pass a writer that still waits there.
/// Spins, then sleeps. unlock_shared() is called by the thread that called lock_shared(). Nested reads: not allowed.
/// A first read in a thread throws as platform::thread_index() does.
/// Source: Dice and Kogan 2019, "BRAVO: Biased locking for reader-writer locks", section 3. Deviations: a place belongs
/// to one thread, which is how unlock_shared() knows the way that lock_shared() took; the scan ends at the highest
/// thread number seen.
class bravo : public shared_sections<bravo> {
 public:
  static constexpr contend::facts facts{.name = "bravo",
                                        .summary = "biased to readers: they publish themselves, a writer revokes",
                                        .admits = admission::barging,
                                        .waits = waiting::spin_then_park,
                                        .step = rung::sharded,
                                        .source = "Dice and Kogan 2019, section 3"};

  void lock_shared() {
    if (publish()) return;
    underneath_.lock_shared();
    bias();
  }

  [[nodiscard]] bool try_lock_shared() {
    if (publish()) return true;
    if (!underneath_.try_lock_shared()) return false;
    bias();
    return true;
  }

  void unlock_shared() {
    auto& mine = detail::bravo_table.mine(column());
    if (mine.load(std::memory_order_relaxed) == this)
      withdraw(mine);
    else
      underneath_.unlock_shared();
  }

  void lock() noexcept {
    underneath_.lock();
    if (biased_.load(std::memory_order_relaxed)) revoke(true);
  }

  [[nodiscard]] bool try_lock() noexcept {
    if (!underneath_.try_lock()) return false;
    if (!biased_.load(std::memory_order_relaxed) || revoke(false)) return true;
    underneath_.unlock();
    return false;
  }

  void unlock() noexcept { underneath_.unlock(); }

 private:
  static constexpr std::int64_t inhibit_factor = 9;  // the paper's N: bounds a writer's slow-down by 1/(N+1)

  /// True when this thread is now published as a reader.
  bool publish() {
    if (!biased_.load(std::memory_order_relaxed)) return false;
    auto& mine = detail::bravo_table.mine(column());
    if (mine.load(std::memory_order_relaxed) != nullptr) return false;  // this thread reads a lock of that column
    // [published] -> revoke(): litmus SB between (place, bias) of a reader and (bias, place) of a writer: with less
    // than seq_cst the reader may see the bias and the writer no reader. Both are then inside.
    mine.store(this, std::memory_order_seq_cst);
    // [bias] <- bias(): acquire, or the reader could see data from before the last write.
    if (biased_.load(std::memory_order_seq_cst)) return true;
    withdraw(mine);
    return false;
  }

  void withdraw(detail::visible_readers::place& mine) noexcept {
    mine.store(nullptr, std::memory_order_seq_cst);  // [withdrawn] -> revoke(); seq_cst: SB with revoker_'s sleepers
    revoker_.ring_one();
  }

  /// Precondition: holds underneath_ for reading, so that no writer is between revocation and unlock().
  void bias() noexcept {
    if (biased_.load(std::memory_order_relaxed) || now_ns() < inhibited_until_.load(std::memory_order_relaxed)) return;
    biased_.store(true, std::memory_order_release);  // [bias] -> publish(): the last write is visible to this thread
  }

  /// Precondition: holds underneath_ for writing. True when no reader is published any more; without `wait` it gives
  /// up at the first. The bias is off afterwards in any case.
  bool revoke(bool wait) noexcept {
    const std::int64_t start = now_ns();
    biased_.store(false, std::memory_order_seq_cst);  // [bias] -> publish(): SB, see there
    bool empty = true;
    const unsigned rows = detail::bravo_table.used();
    for (unsigned row = 0; row < rows && empty; ++row) {
      auto& place = detail::bravo_table.at(row, column());
      // [published] <- publish(), [withdrawn] <- withdraw(): without it this write could overtake a read just ended.
      const auto gone = [&] { return place.load(std::memory_order_seq_cst) != this; };
      if (wait)
        revoker_.wait_until(gone);
      else
        empty = gone();
    }
    const std::int64_t end = now_ns();
    inhibited_until_.store(end + inhibit_factor * (end - start), std::memory_order_relaxed);
    return empty;
  }

  /// Locks in one array spread over the columns.
  [[nodiscard]] unsigned column() const noexcept {
    static_assert(detail::visible_readers::columns == 8);
    return static_cast<unsigned>((reinterpret_cast<std::uintptr_t>(this) >> 4) * 0x9E3779B97F4A7C15U >> 61);
  }

  static std::int64_t now_ns() noexcept {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
  }

  // biased_   meaning                                      changed by
  // true      readers publish themselves in the table      bias(), by a reader that holds underneath_
  // false     readers take underneath_                     revoke(), by the writer that holds underneath_
  std::atomic<bool> biased_{false};
  detail::doorbell revoker_;                      // rung when a place of the table became free of this lock
  std::atomic<std::int64_t> inhibited_until_{0};  // steady clock; written by revoke()
  writer_preferring underneath_;
};

}  // namespace contend
