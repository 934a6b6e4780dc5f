// SPDX-License-Identifier: MIT
// What is said about repeated measurements: medians, their exact intervals, ratios of pairs, fairness of shares.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace contend::record {

/// Samples that were not measured are NaN; every function here leaves them out. Pure, no state, any overlap.
/// Returns the middle value, or the mean of the two middle ones; nothing if no sample is left.
[[nodiscard]] std::optional<double> median(std::span<const double> samples);

/// A confidence interval and the confidence that it really has, which the number of samples decides.
struct interval {
  double low;
  double high;
  double coverage;  ///< 0 to 1; may be below what was asked for: with 5 samples no interval reaches 0.95
};

/// The interval between two order statistics, x(k) … x(n+1−k), that holds the true median with at least `confidence`,
/// whatever the distribution: coverage = 1 − 2·P(Binomial(n, ½) < k), for the largest k that reaches it. When none
/// does, it is minimum … maximum and `coverage` says how little that is worth: 6 samples 0.969, 5 samples 0.9375,
/// 1 sample 0. Ties and discrete values make the coverage larger, dependent samples make it smaller.
/// Nothing if no sample is left. `confidence` is in (0, 1).
/// Source: David and Nagaraja, Order Statistics, 3rd edition, 2003, section 7.1.
[[nodiscard]] std::optional<interval> median_interval(std::span<const double> samples, double confidence = 0.95);

/// A median with its interval.
struct estimate {
  double value;
  double low;
  double high;
  double coverage;
  std::size_t count;  ///< samples, or pairs, that it stands on
};

/// median() and median_interval() of the same samples.
[[nodiscard]] std::optional<estimate> estimate_median(std::span<const double> samples, double confidence = 0.95);

/// The median of numerator[i] / denominator[i] over the repetitions that have both and in which both are positive:
/// where pairs were measured next to each other, what disturbed both cancels. Even counts take the geometric mean of
/// the two middle ones, so that swapping the sides gives the reciprocal. The longer list's tail has no partner and is
/// left out.
[[nodiscard]] std::optional<estimate> paired_ratio(std::span<const double> numerator,
                                                   std::span<const double> denominator, double confidence = 0.95);

/// (Σx)² ÷ (n·Σx²): 1 when all threads got the same, 1/n when one got everything. Nothing if there is no thread or
/// none got anything. Precondition: shares are not negative.
/// Source: Jain, Chiu and Hawe, DEC-TR-301, 1984.
[[nodiscard]] std::optional<double> jain_index(std::span<const double> shares);

/// Smallest and largest part of the whole that one thread got.
struct share_range {
  double min;  ///< 0 to 1/n
  double max;  ///< 1/n to 1
};

/// Nothing if there is no thread or none got anything. Precondition: shares are not negative.
[[nodiscard]] std::optional<share_range> min_max_share(std::span<const double> shares);

}  // namespace contend::record
