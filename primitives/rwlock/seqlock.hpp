// SPDX-License-Identifier: MIT
// Sequence lock: readers copy the data and look at a version before and after, so they write nothing at all.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>

#include "../platform.hpp"
#include "detail/writer_mutex.hpp"
#include "rwlock.hpp"

namespace contend {

/// T (trivially copyable) behind a version: even at rest, odd while a writer stores. read(f) calls f once on a private
/// copy; write(f) calls f once on a private copy and stores that, so an exception in f changes nothing.
/// Readers never delay a writer; a reader copies again when a writer came in between, and starves under a stream of
/// writes. Reads: obstruction-free but for a writer preempted between its stores. Writers: blocking, barging.
/// Nested reads: allowed; a write in a read too (the read goes on with its copy).
/// Source: Linux seqlock (A. Arcangeli, S. Hemminger 2002); Boehm 2012, "Can seqlocks get along with programming
/// language memory models?", section 4. Deviation: the words are loaded with acquire and stored with release in place
/// of his fences: the same instructions on x86, and a form that race detectors understand.
template <class T>
class seqlock {
  static_assert(std::is_trivially_copyable_v<T>,
                "a seqlock copies its data while it changes: only plain values can be");

 public:
  static constexpr contend::facts facts{.name = "seqlock",
                                        .summary = "readers copy and check a version; they write nothing",
                                        .admits = admission::writer_first,
                                        .waits = waiting::retry,
                                        .step = rung::lock_free,
                                        .source = "Boehm 2012, section 4; Linux seqlock 2002"};

  explicit seqlock(const T& initial) noexcept { store_words<std::memory_order_relaxed>(copied(initial)); }
  seqlock(const seqlock&) = delete;
  seqlock& operator=(const seqlock&) = delete;

  template <class F>
  requires returns_value<F, const T&>
  auto read(F&& f) const {
    const private_copy copy = snapshot();
    return f(copy.value());
  }

  template <class F>
  requires returns_value<F, T&>
  auto write(F&& f) {
    const std::lock_guard<detail::writer_mutex> held(writers_);
    private_copy copy;
    load_words<std::memory_order_relaxed>(copy);
    if constexpr (std::is_void_v<std::invoke_result_t<F&, T&>>) {
      f(copy.value());
      publish(copy);
    } else {
      auto result = f(copy.value());
      publish(copy);
      return result;
    }
  }

 private:
  using word = std::uint64_t;
  static constexpr std::size_t words = (sizeof(T) + sizeof(word) - 1) / sizeof(word);

  /// A T's bytes. They come and go by words and are used where they are: to copy them once more would be by wider loads
  /// than the stores before them, which processors cannot forward and wait for (16 ns for 128 bytes in place of 8).
  class private_copy {
   public:
    /// Only of words that are one value: torn ones might be no T at all.
    [[nodiscard]] const T& value() const noexcept { return *std::launder(reinterpret_cast<const T*>(at_)); }
    [[nodiscard]] T& value() noexcept { return *std::launder(reinterpret_cast<T*>(at_)); }
    [[nodiscard]] word get(std::size_t i) const noexcept {
      word out;
      std::memcpy(&out, at_ + i * sizeof(word), sizeof(word));
      return out;
    }
    void set(std::size_t i, word to) noexcept { std::memcpy(at_ + i * sizeof(word), &to, sizeof(word)); }

   private:
    alignas(T) alignas(word) std::byte at_[words * sizeof(word)];
  };
  static constexpr unsigned patience = 64;  // tries before a reader gives way to a preempted writer

  private_copy snapshot() const noexcept {
    private_copy copy;
    for (unsigned tries = 1;; ++tries) {
      // [even] <- publish(): without acquire the words could be older than this version says.
      const std::uint64_t before = version_.load(std::memory_order_acquire);
      if (before % 2 == 0) {
        // [word] <- publish(): a word of a later write brings that write's odd version with it, and as acquire keeps
        // the next load behind it, the versions then differ. With relaxed words the check could come too early.
        load_words<std::memory_order_acquire>(copy);
        if (version_.load(std::memory_order_relaxed) == before) return copy;
      }
      if (tries % patience == 0)
        platform::yield();
      else
        platform::relax();
    }
  }

  /// Precondition: writers_ is held.
  void publish(const private_copy& value) noexcept {
    const std::uint64_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);
    store_words<std::memory_order_release>(value);           // [word] -> snapshot(): carries the odd version
    version_.store(version + 2, std::memory_order_release);  // [even] -> snapshot()
  }

  static private_copy copied(const T& value) noexcept {
    word bytes[words] = {};
    std::memcpy(bytes, &value, sizeof(T));
    private_copy out;
    for (std::size_t i = 0; i < words; ++i) out.set(i, bytes[i]);
    return out;
  }

  template <std::memory_order Order>
  void load_words(private_copy& into) const noexcept {
    for (std::size_t i = 0; i < words; ++i) into.set(i, words_[i].load(Order));
  }

  template <std::memory_order Order>
  void store_words(const private_copy& value) noexcept {
    for (std::size_t i = 0; i < words; ++i) words_[i].store(value.get(i), Order);
  }

  // version   meaning                            changed by
  // even      words_ are one value               publish() at its end
  // odd       words_ are being stored            publish() at its start
  alignas(platform::cache_line) std::atomic<std::uint64_t> version_{0};
  std::array<std::atomic<word>, words> words_;                  // beside the version: one line for a small T
  alignas(platform::cache_line) detail::writer_mutex writers_;  // writers that wait must not disturb readers
};

}  // namespace contend
