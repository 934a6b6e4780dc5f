// SPDX-License-Identifier: MIT
// How fast do items pass from producers to consumers?
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "benchmarks/workload.hpp"
#include "primitives/platform.hpp"
#include "primitives/queue/queue.hpp"

namespace contend::bench {

struct producer_consumer {
  static constexpr workload_facts facts{
      .name = "producer_consumer",
      .family = "queue",
      .question = "How fast do items pass from producers to consumers?",
      .operation = "one push or one pop (an item that passed is two operations)",
      .contends_on = "the queue's head and tail, and its slots",
      .reference = "mutex_deque",
      .follows_threads = "producers,consumers",
  };

  /// Who pushes and who pops. `pairs`: every thread does both in turn.
  enum class shape { pairs, one_to_n, n_to_one, n_to_n };
  struct params {
    shape form;
    std::uint32_t producers;  ///< threads that push; all of them in `pairs`
    std::uint32_t consumers;  ///< threads that pop
    std::uint32_t burst;      ///< items that a thread passes before it works outside for burst × 20 ns; 1 = no pause
    std::uint32_t capacity;   ///< items; unbounded queues are kept below 65536 by their producers
    template <class V>
    void visit(V v) const {
      constexpr std::string_view names[] = {"pairs", "1_to_n", "n_to_1", "n_to_n"};
      v("shape", names[static_cast<int>(form)]);
      v("producers", producers);
      v("consumers", consumers);
      v("burst", burst);
      v("capacity", capacity);
    }
  };

  static std::vector<sample<params>> matrix(unsigned n) {
    std::vector<sample<params>> out{{{shape::pairs, n, n, 1, 1024}, quick_part::whole}};
    for (const std::uint32_t capacity : {2U, 64U, 65536U}) out.push_back({{shape::pairs, n, n, 1, capacity}});
    out.push_back({{shape::pairs, n, n, 16, 1024}});
    if (n < 2) return out;
    out.push_back({{shape::n_to_n, n - n / 2, n / 2, 1, 1024}, quick_part::main});  // 1:1 at two threads
    out.push_back({{shape::n_to_n, n - n / 2, n / 2, 16, 1024}});
    out.push_back({{shape::one_to_n, 1, n - 1, 1, 1024}});
    out.push_back({{shape::n_to_one, n - 1, 1, 1, 1024}});
    return out;
  }

  static std::vector<claim> claims() {
    return {{.id = "bounded_mpmc_beats_mutex",
             .statement = "The array queue with sequence numbers is at least as fast as mutex + deque",
             .source = "S0",
             .better = "bounded_mpmc",
             .worse = "mutex_deque",
             .params = {{"shape", "n_to_n"}, {"burst", "1"}, {"capacity", "1024"}}},
            {.id = "array_beats_list",
             .statement = "The array queue is at least as fast as the linked Michael–Scott queue",
             .source = "S0: buffer at known capacity",
             .better = "bounded_mpmc",
             .worse = "michael_scott",
             .params = {{"shape", "pairs"}, {"burst", "1"}, {"capacity", "1024"}}}};
  }

  static std::string_view role_of(const params& p, unsigned, unsigned thread) {
    return p.form == shape::pairs ? "both" : (thread < p.producers ? "producer" : "consumer");
  }

  template <class>
  static constexpr std::string_view not_applicable{};
  template <class Q>
  static std::string_view unsuited(const params& p, unsigned threads) {
    constexpr queue_sides sides = Q::template of<std::uint64_t>::sides;
    const bool pairs = p.form == shape::pairs;
    if (!sides.many_producers && (pairs ? threads : p.producers) > 1) return "one producer at a time only";
    if (!sides.many_consumers && (pairs ? threads : p.consumers) > 1) return "one consumer at a time only";
    if (blocking_queue_of<typename Q::template of<std::uint64_t>, std::uint64_t> && pairs &&
        std::uint64_t{threads} * (p.burst - 1) >= p.capacity)
      return "all threads could wait for room in the middle of their bursts, and nobody would pop";
    return {};
  }

  template <class Q>
  class state {
    using queue = typename Q::template of<std::uint64_t>;
    static constexpr bool blocks = blocking_queue_of<queue, std::uint64_t>;

   public:
    state(const params& p, unsigned threads)
        : how_(p), threads_(threads), locals_(std::make_unique<local[]>(threads)), queue_(p.capacity) {
      for (unsigned i = 0; i < threads; ++i) {
        locals_[i].next = std::uint64_t{i + 1} << 40;
        locals_[i].pushes = how_.form == shape::pairs || i < how_.producers;
      }
    }

    template <class Probe>
    step_result step(Probe& probe, unsigned thread) {
      local& mine = locals_[thread];
      const bool push_now = how_.form == shape::pairs ? mine.turn++ / how_.burst % 2 == 0 : mine.pushes;
      const bool passed = push_now ? push(probe, mine) : pop(probe, mine);
      if (!passed) {
        ++mine.misses;
        if (mine.misses % 64 == 0)
          platform::yield();  // with more threads than processors the other side may not be running
        else
          platform::relax();
        return {0, blocks ? 0U : 1U};  // one that waits comes back with nothing only when the trial is over
      }
      mine.misses = 0;
      if (how_.burst > 1 && ++mine.in_burst == how_.burst) {
        mine.in_burst = 0;
        platform::work(how_.burst * 20);
      }
      return {1, 0};
    }

    void stop() {
      if constexpr (blocks) queue_.close();
    }

    std::string check(std::span<const thread_counts>) {
      std::uint64_t pushed = 0, popped = 0, sum = 0;
      for (unsigned i = 0; i < threads_; ++i) {
        pushed += locals_[i].pushed;
        popped += locals_[i].popped;
        sum += locals_[i].put - locals_[i].got;
      }
      for (std::uint64_t item = 0; queue_.try_pop(item);) {
        ++popped;
        sum -= item;
      }
      if (auto wrong = expect_equal("the number of items that came out or were left", popped, pushed); !wrong.empty())
        return wrong;
      return sum == 0 ? std::string() : "the items that came out are not those that went in";
    }

   private:
    static constexpr std::uint64_t backlog_limit = 65536;

    struct alignas(2 * platform::cache_line) local {
      std::uint64_t next = 0;  // thread + 1 in the upper 24 bits, a count below: every item is unique
      std::uint64_t pushed = 0, popped = 0;
      std::uint64_t put = 0, got = 0;  // sums of items, modulo 2^64
      std::uint32_t turn = 0, misses = 0, in_burst = 0;
      bool pushes = false;
      std::atomic<std::uint64_t> passed{0};  // pushes − pops of this thread now and then, for the backlog
    };

    template <class Probe>
    bool push(Probe& probe, local& mine) {
      std::uint64_t item = mine.next + 1;
      const bool done = probe.wait([&] {
        if constexpr (!Q::facts.bounded)
          if (mine.pushed % 256 == 0 && backlog(mine) > backlog_limit) return false;
        if constexpr (blocks)
          return queue_.push(std::move(item));
        else
          return queue_.try_push(std::move(item));
      });
      if (done) {
        ++mine.next;
        ++mine.pushed;
        mine.put += mine.next;
      }
      return done;
    }

    template <class Probe>
    bool pop(Probe& probe, local& mine) {
      std::uint64_t item = 0;
      const bool done = probe.wait([&] {
        if constexpr (blocks)
          return queue_.pop(item);
        else
          return queue_.try_pop(item);
      });
      if (done) {
        ++mine.popped;
        mine.got += item;
        if constexpr (!Q::facts.bounded)
          if (mine.popped % 256 == 0) note(mine);
      }
      return done;
    }

    static void note(local& mine) { mine.passed.store(mine.pushed - mine.popped, std::memory_order_relaxed); }
    std::uint64_t backlog(local& mine) {
      note(mine);
      std::uint64_t sum = 0;
      for (unsigned i = 0; i < threads_; ++i) sum += locals_[i].passed.load(std::memory_order_relaxed);
      return static_cast<std::int64_t>(sum) < 0 ? 0 : sum;
    }

    const params how_;
    const unsigned threads_;
    std::unique_ptr<local[]> locals_;
    alignas(2 * platform::cache_line) queue queue_;
  };
};

}  // namespace contend::bench
