// SPDX-License-Identifier: MIT
// A latency histogram of fixed size: logarithmic over octaves, linear within one, at most 1 % off anywhere.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace contend::record {

/// Counts nanoseconds in 2241 buckets (18 kB), trivially copyable, so it can lie in memory shared by processes.
///
/// | value in ns       | buckets                      | width   | read back as      | off by at most |
/// |-------------------|------------------------------|---------|-------------------|----------------|
/// | 0 … 127           | one per value                | 1       | itself            | 0              |
/// | 2^e … 2^(e+1) − 1 | 64 per octave, e = 7 … 39    | 2^(e−6) | bucket's middle   | 2^−7 = 0.78 %  |
/// | 2^40 (18 min) …   | the last, see saturated()    | no end  | the exact maximum | not bounded    |
///
/// Progress: wait-free. One writer; a reader must not overlap with it (give each thread its own and merge at the end).
/// What it cannot see: order, and anything below the resolution of the clock that made the values.
class histogram {
 public:
  static constexpr unsigned octave_bits = 6;                                    ///< log2 of buckets per octave
  static constexpr unsigned top_bits = 40;                                      ///< 2^40 ns and above is saturated
  static constexpr std::uint64_t linear_end = std::uint64_t{2} << octave_bits;  ///< exact below this many ns
  static constexpr std::size_t bucket_count =
      linear_end + (top_bits - octave_bits - 1) * (std::size_t{1} << octave_bits) + 1;
  static constexpr double relative_error = 1.0 / (2 << octave_bits);

  /// Adds one value: one bucket, the count and the maximum, a few ns.
  void record(std::uint64_t ns) noexcept {
    ++buckets_[bucket_of(ns)];
    ++count_;
    max_ = std::max(max_, ns);
  }

  /// Adds everything that `other` holds.
  void merge(const histogram& other) noexcept {
    for (std::size_t i = 0; i < bucket_count; ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }

  void reset() noexcept { *this = histogram{}; }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// Largest value, exact; nothing while empty.
  [[nodiscard]] std::optional<std::uint64_t> max() const noexcept {
    return count_ == 0 ? std::nullopt : std::optional(max_);
  }
  /// How many values lay at or above 2^40 ns.
  [[nodiscard]] std::uint64_t saturated() const noexcept { return buckets_[bucket_count - 1]; }

  /// The smallest value that a share `q` of all values does not exceed (nearest rank: the ceil(q·count)-th, at least
  /// the first), within relative_error. q is in [0, 1]; 1 gives max(). Nothing while empty.
  [[nodiscard]] std::optional<double> quantile(double q) const noexcept {
    assert(q >= 0 && q <= 1);
    if (count_ == 0) return std::nullopt;
    // 0.07 · 100 is 7.000000000000001 in floating point and must not ask for the 8th of 100.
    const double wanted = std::ceil(q * static_cast<double>(count_) * (1 - 1e-14));
    if (wanted >= static_cast<double>(count_)) return static_cast<double>(max_);
    const std::uint64_t rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i + 1 < bucket_count; ++i) {
      seen += buckets_[i];
      if (seen >= rank) return std::min(middle_of(i), static_cast<double>(max_));
    }
    return static_cast<double>(max_);
  }

  /// Bucket that counts `ns`.
  [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t ns) noexcept {
    if (ns < linear_end) return ns;
    const auto exponent = static_cast<unsigned>(std::bit_width(ns)) - 1;
    if (exponent >= top_bits) return bucket_count - 1;
    const unsigned shift = exponent - octave_bits;
    // ns >> shift is in [64, 128): octave `shift` starts after 64·shift buckets, and its first index is 64 + that.
    return (static_cast<std::size_t>(shift) << octave_bits) + (ns >> shift);
  }

  /// What the values of a bucket are read back as. Precondition: not the saturated one.
  [[nodiscard]] static constexpr double middle_of(std::size_t bucket) noexcept {
    assert(bucket + 1 < bucket_count);
    if (bucket < linear_end) return static_cast<double>(bucket);
    const std::size_t shift = (bucket >> octave_bits) - 1;
    const std::uint64_t low = static_cast<std::uint64_t>(bucket - (shift << octave_bits)) << shift;
    const std::uint64_t last = low + (std::uint64_t{1} << shift) - 1;
    return (static_cast<double>(low) + static_cast<double>(last)) / 2;
  }

 private:
  std::array<std::uint64_t, bucket_count> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

static_assert(std::is_trivially_copyable_v<histogram>, "copied out of memory shared with a worker process");
static_assert(histogram::relative_error <= 0.01, "what the record promises of its percentiles");
static_assert(histogram::bucket_of((std::uint64_t{1} << histogram::top_bits) - 1) == histogram::bucket_count - 2,
              "the last bucket holds saturated values alone");

}  // namespace contend::record
