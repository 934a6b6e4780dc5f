// SPDX-License-Identifier: MIT
// oneTBB's combinable as a counter.
#pragma once

#include <oneapi/tbb/combinable.h>

#include <cstdint>
#include <functional>

#include "contend_peers/versions.hpp"
#include "primitives/counter/counter.hpp"

namespace contend::peers {

/// tbb::combinable: a value per thread, found by hashing the thread's id; sums only while nobody adds.
class tbb_combinable {
 public:
  static constexpr contend::facts facts{
      .name = "tbb_combinable",
      .summary = "oneTBB's combinable: a value per thread, found by its id",
      .guarantees = progress::lock_free,
      .step = rung::sharded,
      .source = "oneTBB " CONTEND_TBB_VERSION,
      .origin = "oneTBB",
      .unseen = "its table of threads is in a compiled library, whose accesses the simulation does not see"};
  static constexpr bool sums_alone = true;  ///< sum() may not overlap with add()

  explicit tbb_combinable(unsigned) : values_([] { return std::uint64_t{0}; }) {}
  void add(unsigned, std::uint64_t n) { values_.local() += n; }
  [[nodiscard]] std::uint64_t sum() { return values_.combine(std::plus<>()); }

 private:
  ::tbb::combinable<std::uint64_t> values_;
};

namespace of_tbb {
using counters = type_list<tbb_combinable>;
}

}  // namespace contend::peers
