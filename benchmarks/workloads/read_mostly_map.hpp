// SPDX-License-Identifier: MIT
// Which reader-writer lock suits a small map that is mostly read?
#pragma once

#include <cstdint>
#include <memory>

#include "benchmarks/workload.hpp"
#include "primitives/platform.hpp"
#include "primitives/rwlock/rwlock.hpp"

namespace contend::bench {

struct read_mostly_map {
  static constexpr workload_facts facts{
      .name = "read_mostly_map",
      .family = "rwlock",
      .question = "Which lock suits a small map that many read and some change?",
      .operation = "look one of eight keys up, or change its value, by a draw",
      .contends_on = "the lock's reader count or flags; the map's 128 bytes when they are written",
      .reference = "std_shared_mutex",
  };

  struct params {
    std::uint32_t read_percent;
    template <class V>
    void visit(V v) const {
      v("read_percent", read_percent);
    }
  };

  static std::vector<sample<params>> matrix(unsigned) {
    return {{{50}}, {{90}, quick_part::ends}, {{99}, quick_part::main}, {{100}}};
  }

  static std::vector<claim> claims() {
    std::vector<claim> out;
    for (const char* percent : {"90", "99"})
      out.push_back(
          {.id = std::string("rw_lock_when_reads_dominate_") + percent,
           .statement = std::string("At ") + percent + " % reads a shared mutex is at least as fast as a mutex",
           .source = "S2: RW locks when reads dominate",
           .better = "std_shared_mutex",
           .worse = "std_mutex",
           .params = {{"read_percent", percent}}});
    out.push_back({.id = "fast_rw_lock_reads",
                   .statement = "At 99 % reads the reader-preferring lock is at least as fast as std::shared_mutex",
                   .source = "S0: the \"fast\" RW lock is faster for reads",
                   .better = "reader_preferring",
                   .worse = "std_shared_mutex",
                   .params = {{"read_percent", "99"}}});
    out.push_back(
        {.id = "distributed_readers",
         .statement = "At 99 % reads readers with flags of their own are at least as fast as one shared count",
         .source = "Dice and Kogan 2019",
         .better = "big_reader",
         .worse = "std_shared_mutex",
         .params = {{"read_percent", "99"}}});
    return out;
  }

  template <class>
  static constexpr std::string_view not_applicable{};

  template <class L>
  class state {
   public:
    state(const params& p, unsigned threads) : read_percent_(p.read_percent), threads_(threads) {
      locals_ = std::make_unique<local[]>(threads);
      for (unsigned i = 0; i < threads; ++i) locals_[i].random = random_stream(i + 1);
    }

    template <class Probe>
    step_result step(Probe& probe, unsigned thread) {
      local& mine = locals_[thread];
      const std::uint64_t drawn = mine.random();
      const std::size_t key = drawn % keys;
      if ((drawn >> 32) % 100 < read_percent_) {
        // Two copies of each value: a reader that sees them differ was let in beside a writer.
        mine.torn += probe.wait([&] {
          return map_.read([key](const table& t) { return static_cast<std::uint64_t>(t.value[key] != t.mirror[key]); });
        });
      } else {
        probe.wait([&] {
          return map_.write([key](table& t) {
            t.value[key] = t.value[key] + 1;
            t.mirror[key] = t.value[key];
            return 0;
          });
        });
        ++mine.writes;
      }
      return {1, 0};
    }

    void stop() {}

    std::string check(std::span<const thread_counts>) {
      std::uint64_t torn = 0;
      std::uint64_t writes = 0;
      for (unsigned i = 0; i < threads_; ++i) {
        torn += locals_[i].torn;
        writes += locals_[i].writes;
      }
      if (torn != 0) return std::to_string(torn) + " reads saw half of a write";
      const std::uint64_t sum = map_.read([](const table& t) {
        std::uint64_t all = 0;
        for (const auto v : t.value) all += v;
        return all;
      });
      return expect_equal("the sum of the map's values", sum, writes);
    }

   private:
    static constexpr std::size_t keys = 8;
    struct table {
      std::uint64_t value[keys];
      std::uint64_t mirror[keys];
    };
    struct alignas(2 * platform::cache_line) local {
      random_stream random{1};
      std::uint64_t torn = 0;
      std::uint64_t writes = 0;
    };
    const std::uint32_t read_percent_;
    const unsigned threads_;
    std::unique_ptr<local[]> locals_;
    alignas(2 * platform::cache_line) protecting<L, table> map_{table{}};
  };
};

}  // namespace contend::bench
