// SPDX-License-Identifier: MIT
// Order statistics and fairness, as pure arithmetic.
#include "perf/record/statistics.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

namespace contend::record {
namespace {

std::vector<double> sorted_numbers(std::span<const double> samples) {
  std::vector<double> numbers;
  numbers.reserve(samples.size());
  std::copy_if(samples.begin(), samples.end(), std::back_inserter(numbers), [](double x) { return !std::isnan(x); });
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

double middle(const std::vector<double>& sorted) {
  const std::size_t half = sorted.size() / 2;
  if (sorted.size() % 2 == 1 || sorted[half - 1] == sorted[half]) return sorted[half];  // also keeps ∞ from being NaN
  return sorted[half - 1] / 2 + sorted[half] / 2;
}

interval interval_of(const std::vector<double>& sorted, double confidence) {
  assert(confidence > 0 && confidence < 1);
  const std::size_t n = sorted.size();
  const double log_half = -std::log(2.0) * static_cast<double>(n);
  std::size_t rank = 1;
  double coverage = 0;
  double below = 0;  // P(Binomial(n, ½) < k)
  for (std::size_t k = 1; 2 * k <= n + 1; ++k) {
    const double i = static_cast<double>(k - 1);
    below += std::exp(std::lgamma(static_cast<double>(n) + 1) - std::lgamma(i + 1) -
                      std::lgamma(static_cast<double>(n) - i + 1) + log_half);
    const double reached = std::max(0.0, 1 - 2 * below);
    if (k > 1 && reached < confidence) break;
    rank = k;
    coverage = reached;
  }
  return {sorted[rank - 1], sorted[n - rank], coverage};
}

std::optional<estimate> estimate_of(const std::vector<double>& sorted, double confidence) {
  if (sorted.empty()) return std::nullopt;
  const interval bounds = interval_of(sorted, confidence);
  return estimate{middle(sorted), bounds.low, bounds.high, bounds.coverage, sorted.size()};
}

}  // namespace

std::optional<double> median(std::span<const double> samples) {
  const std::vector<double> sorted = sorted_numbers(samples);
  if (sorted.empty()) return std::nullopt;
  return middle(sorted);
}

std::optional<interval> median_interval(std::span<const double> samples, double confidence) {
  const std::vector<double> sorted = sorted_numbers(samples);
  if (sorted.empty()) return std::nullopt;
  return interval_of(sorted, confidence);
}

std::optional<estimate> estimate_median(std::span<const double> samples, double confidence) {
  return estimate_of(sorted_numbers(samples), confidence);
}

std::optional<estimate> paired_ratio(std::span<const double> numerator, std::span<const double> denominator,
                                     double confidence) {
  std::vector<double> ratios;
  const std::size_t pairs = std::min(numerator.size(), denominator.size());
  for (std::size_t i = 0; i < pairs; ++i)
    if (numerator[i] > 0 && denominator[i] > 0) ratios.push_back(numerator[i] / denominator[i]);
  std::sort(ratios.begin(), ratios.end());
  auto ratio = estimate_of(ratios, confidence);
  const std::size_t half = ratios.size() / 2;
  if (ratio && ratios.size() % 2 == 0) ratio->value = std::sqrt(ratios[half - 1]) * std::sqrt(ratios[half]);
  return ratio;
}

std::optional<double> jain_index(std::span<const double> shares) {
  double sum = 0;
  double squares = 0;
  for (const double share : shares) {
    assert(share >= 0);
    sum += share;
    squares += share * share;
  }
  if (!(sum > 0)) return std::nullopt;
  return sum * sum / (static_cast<double>(shares.size()) * squares);
}

std::optional<share_range> min_max_share(std::span<const double> shares) {
  double sum = 0;
  for (const double share : shares) {
    assert(share >= 0);
    sum += share;
  }
  if (!(sum > 0)) return std::nullopt;
  const auto [least, most] = std::minmax_element(shares.begin(), shares.end());
  return share_range{*least / sum, *most / sum};
}

}  // namespace contend::record
