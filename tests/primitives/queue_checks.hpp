// SPDX-License-Identifier: MIT
// What a queue must show, as functions that count violations, so that broken twins can be put through them too.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "primitives/queue/queue.hpp"
#include "tests/support/stress.hpp"

namespace contend::testing {

/// An item that says who pushed it as which of his: producer << 32 | number.
constexpr std::uint64_t tagged(std::uint64_t producer, std::uint64_t number) { return producer << 32 | number; }

/// What consumers saw: each item exactly once, and each producer's in the order pushed?
class receipts {
 public:
  receipts(unsigned producers, unsigned consumers, std::uint64_t each)
      : each_(each), seen_(producers * each), last_(consumers, std::vector<std::int64_t>(producers, -1)) {}

  void got(unsigned consumer, std::uint64_t item) {
    const std::uint64_t producer = item >> 32;
    const std::uint64_t number = item & 0xFFFF'FFFF;
    if (producer >= last_[consumer].size() || number >= each_) {
      invented_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    seen_[producer * each_ + number].fetch_add(1, std::memory_order_relaxed);
    auto& last = last_[consumer][producer];
    if (static_cast<std::int64_t>(number) <= last) out_of_order_.fetch_add(1, std::memory_order_relaxed);
    last = static_cast<std::int64_t>(number);
  }

  std::uint64_t violations() const {
    std::uint64_t total = invented_.load() + out_of_order_.load();
    for (const auto& times : seen_) total += times.load() != 1;
    return total;
  }

 private:
  std::uint64_t each_;
  std::vector<std::atomic<std::uint32_t>> seen_;
  std::vector<std::vector<std::int64_t>> last_;  // by consumer, by producer
  std::atomic<std::uint64_t> invented_{0};
  std::atomic<std::uint64_t> out_of_order_{0};
};

struct crew {
  unsigned producers = 2;
  unsigned consumers = 2;
  unsigned total() const { return producers + consumers; }
};

/// Every producer try_pushes `each` items, consumers try_pop until all were pushed and the queue is empty.
/// Returns items lost, seen twice, invented or out of their producer's order. Payload: std::uint64_t.
/// A queue that throws has given up, and its items are lost.
template <class Q>
std::uint64_t delivery_violations(std::size_t capacity, crew team, std::uint64_t each, std::uint64_t round) {
  Q queue(capacity);
  receipts seen(team.producers, team.consumers, each);
  std::atomic<unsigned> producing{team.producers};
  std::atomic<std::uint64_t> popped{0};
  std::atomic<bool> given_up{false};
  const auto produce = [&](unsigned producer) {
    for (std::uint64_t i = 0; i < each; ++i) {
      std::uint64_t item = tagged(producer, i);
      while (!queue.try_push(std::move(item))) {
        if (given_up.load()) return;
        std::this_thread::yield();
      }
    }
    producing.fetch_sub(1);
  };
  const auto consume = [&](unsigned consumer) {
    while (!given_up.load()) {
      const bool last_look = producing.load() == 0;
      std::uint64_t item = ~std::uint64_t{0};
      if (queue.try_pop(item)) {
        seen.got(consumer, item);
        if (popped.fetch_add(1) == team.producers * each) given_up.store(true);  // a list that has become a circle
      } else if (last_look) {
        return;
      } else {
        std::this_thread::yield();
      }
    }
  };
  together(
      team.total(),
      [&](unsigned number) {
        try {
          number < team.producers ? produce(number) : consume(number - team.producers);
        } catch (...) {
          given_up.store(true);
        }
      },
      round);
  return seen.violations() + given_up.load();
}

/// Whether a queue of `capacity` takes exactly so many, keeps the item it does not take, and gives them back in order
/// and then says empty; lap after lap. Counts violations. A queue that throws has given up: one violation.
template <class Q>
std::uint64_t capacity_violations(std::size_t capacity) {
  std::uint64_t violations = 0;
  Q queue(capacity);
  std::uint64_t next = 0;
  try {
    for (std::size_t lap = 0; lap < 2 * capacity + 2; ++lap) {
      const std::uint64_t first = next;
      for (std::size_t i = 0; i < capacity; ++i) {
        std::uint64_t item = next++;
        violations += !queue.try_push(std::move(item));
      }
      std::uint64_t extra = 12345;
      violations += queue.try_push(std::move(extra)) || extra != 12345;
      std::uint64_t got = 0;
      for (std::uint64_t i = first; i < next; ++i) violations += !queue.try_pop(got) || got != i;
      got = 54321;
      violations += queue.try_pop(got) || got != 54321;
      std::uint64_t shift = lap;  // so that the next lap begins at another slot
      violations += !queue.try_push(std::move(shift)) || !queue.try_pop(got) || got != lap;
    }
  } catch (...) {
    ++violations;
  }
  return violations;
}

/// As capacity_violations() for a queue that has room for at least `capacity` items.
template <class Q>
std::uint64_t rounded_capacity_violations(std::size_t capacity) {
  std::uint64_t violations = 0;
  Q queue(capacity);
  std::uint64_t next = 0;
  for (int lap = 0; lap < 3; ++lap) {
    const std::uint64_t first = next;
    while (next - first < 1'000'000) {
      std::uint64_t item = next;
      if (!queue.try_push(std::move(item))) {
        violations += item != next;
        break;
      }
      ++next;
    }
    violations += next - first < capacity || next - first == 1'000'000;
    std::uint64_t got = 0;
    for (std::uint64_t i = first; i < next; ++i) violations += !queue.try_pop(got) || got != i;
    got = 54321;
    violations += queue.try_pop(got) || got != 54321;
  }
  return violations;
}

/// Producers push and consumers pop, both waiting. Counts what delivery_violations counts, and 1 if for `patience`
/// nobody got on: a waiter was not woken. (The queue is closed then, so that the threads end.)
template <class Q>
std::uint64_t waiting_violations(std::size_t capacity, crew team, std::uint64_t each,
                                 std::chrono::milliseconds patience, std::uint64_t round) {
  Q queue(capacity);
  receipts seen(team.producers, team.consumers, each);
  std::atomic<unsigned> producing{team.producers};
  std::atomic<unsigned> running{team.total()};
  std::atomic<std::uint64_t> progress{0};
  std::atomic<bool> stuck{false};
  std::thread watch([&] {
    auto last = progress.load();
    auto since = std::chrono::steady_clock::now();
    while (running.load() != 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const auto now = std::chrono::steady_clock::now();
      if (progress.load() != last) {
        last = progress.load();
        since = now;
      } else if (now - since > patience) {
        stuck.store(true);
        queue.close();
        return;
      }
    }
  });
  together(
      team.total(),
      [&](unsigned number) {
        if (number < team.producers) {
          for (std::uint64_t i = 0; i < each; ++i) {
            std::uint64_t item = tagged(number, i);
            if (!queue.push(std::move(item))) break;
            progress.fetch_add(1);
          }
          if (producing.fetch_sub(1) == 1) queue.close();
        } else {
          for (std::uint64_t item = 0; queue.pop(item); progress.fetch_add(1)) seen.got(number - team.producers, item);
        }
        running.fetch_sub(1);
      },
      round);
  watch.join();
  return seen.violations() + stuck.load();
}

}  // namespace contend::testing
