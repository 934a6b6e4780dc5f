// SPDX-License-Identifier: MIT
// Streams of keys, drawn before the trial so that a step only reads the next one.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "benchmarks/workload.hpp"
#include "primitives/platform.hpp"

namespace contend::bench {

enum class key_skew { uniform, zipf };

constexpr std::string_view to_string(key_skew skew) { return skew == key_skew::uniform ? "uniform" : "zipf"; }

/// Zipf's exponent: YCSB's default (Cooper et al. 2010): of 1024 keys the first gets about a seventh of the accesses.
inline constexpr double zipf_exponent = 0.99;

/// One thread's keys, each below `keys`, in a loop of 4096.
class alignas(2 * platform::cache_line) key_stream {
 public:
  static constexpr std::size_t length = 4096;

  void draw(key_skew skew, std::uint32_t keys, std::uint64_t seed) {
    random_stream random(seed);
    sequence_.resize(length);
    if (skew == key_skew::uniform) {
      for (auto& key : sequence_) key = random.below(keys);
      return;
    }
    std::vector<double> cumulative(keys);
    double sum = 0;
    for (std::uint32_t i = 0; i < keys; ++i) cumulative[i] = sum += std::pow(i + 1.0, -zipf_exponent);
    for (auto& key : sequence_) {
      const double drawn = static_cast<double>(random() >> 11) * 0x1p-53 * sum;
      const auto found = std::upper_bound(cumulative.begin(), cumulative.end(), drawn) - cumulative.begin();
      key = std::min(static_cast<std::uint32_t>(found), keys - 1);
    }
  }
  std::uint32_t next() noexcept { return sequence_[position_++ % length]; }

 private:
  std::vector<std::uint32_t> sequence_;
  std::size_t position_ = 0;
};

/// One stream per thread, each with a seed of its own.
inline std::unique_ptr<key_stream[]> key_streams(unsigned threads, key_skew skew, std::uint32_t keys) {
  auto streams = std::make_unique<key_stream[]>(threads);
  for (unsigned i = 0; i < threads; ++i) streams[i].draw(skew, keys, i + 1);
  return streams;
}

}  // namespace contend::bench
