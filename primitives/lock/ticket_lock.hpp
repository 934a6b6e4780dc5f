// SPDX-License-Identifier: MIT
// Ticket lock: first come, first served, on two words.
#pragma once

#include <atomic>
#include <cassert>
#include <concepts>
#include <cstdint>

#include "../platform.hpp"
#include "lock.hpp"

namespace contend {

/// Takes a ticket and waits until it is served. All waiters spin on one word, so a hand-over costs each of them a miss.
/// Blocking, fifo. A waiter that is not running holds up all behind it: not for more threads than processors.
/// Word: 16 or 32 bits, enough for 2^16 − 1 or 2^32 − 1 threads at once; it may wrap.
/// Source: Mellor-Crummey and Scott 1991, section 2.2, without its proportional backoff.
template <std::unsigned_integral Word>
requires(sizeof(Word) == 2 || sizeof(Word) == 4) class basic_ticket_lock {
 public:
  static constexpr contend::facts facts{.name = "ticket",
                                        .summary = "ticket spin lock: fifo, all waiters watch one word",
                                        .admits = admission::fifo,
                                        .waits = waiting::spin,
                                        .step = rung::mutex,
                                        .source = "Mellor-Crummey and Scott 1991, section 2.2"};
  basic_ticket_lock() = default;
  basic_ticket_lock(const basic_ticket_lock&) = delete;
  basic_ticket_lock& operator=(const basic_ticket_lock&) = delete;

  void lock() noexcept { await(next_.fetch_add(1, std::memory_order_relaxed)); }

  /// Takes a ticket only if it is the one being served. Waits only if, between its two steps, the tickets went once
  /// around and the lock was taken again: then it holds a ticket and must see it through.
  [[nodiscard]] bool try_lock() noexcept {
    Word ticket = serving_.load(std::memory_order_relaxed);
    const auto following = static_cast<Word>(ticket + 1);
    if (!next_.compare_exchange_strong(ticket, following, std::memory_order_relaxed)) return false;
    await(ticket);
    return true;
  }

  void unlock() noexcept {
    const Word mine = serving_.load(std::memory_order_relaxed);  // only the holder changes it
    assert(mine != next_.load(std::memory_order_relaxed) && "unlock() of a lock that nobody holds");
    serving_.store(static_cast<Word>(mine + 1), std::memory_order_release);  // [served] -> await()
  }

  /// Threads that held a ticket when it was called: the holder and those in the queue.
  [[nodiscard]] unsigned was_queued() const noexcept {
    const Word serving = serving_.load(std::memory_order_relaxed);
    return static_cast<Word>(next_.load(std::memory_order_relaxed) - serving);
  }

 private:
  void await(Word ticket) noexcept {
    // [served] <- unlock(): without acquire the critical section could read data from before the last holder's.
    while (serving_.load(std::memory_order_acquire) != ticket) platform::relax();
  }

  // next_ == serving_: free. Otherwise ticket serving_ holds the lock, and serving_ + 1 … next_ − 1 wait.
  std::atomic<Word> next_{0};     // the next ticket to be taken; any thread takes one
  std::atomic<Word> serving_{0};  // the ticket that holds the lock; only its holder goes on
};

using ticket_lock = basic_ticket_lock<std::uint32_t>;

static_assert(any_lock<ticket_lock>);
static_assert(sizeof(ticket_lock) == 8, "both words lie in one line, so that an uncontended pair costs one line");

}  // namespace contend
