// SPDX-License-Identifier: MIT
// Prints what each peer's adapter costs over direct use of its library: both loops in turn, in random order.
#include "direct.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>

namespace {

using contend::peers::comparison;

double ns_per_operation(const std::function<void(std::uint64_t)>& loop, std::uint64_t n) {
  const auto start = std::chrono::steady_clock::now();
  loop(n);
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() /
         static_cast<double>(n);
}

double at(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

void print(const comparison& one, std::mt19937_64& random) {
  constexpr int pairs = 101;
  std::uint64_t n = 1000;  // doubled until a loop takes 1 ms
  while (ns_per_operation(one.direct, n) * static_cast<double>(n) < 1e6) n *= 2;
  std::vector<double> adapter, direct, ratios;
  for (int pair = 0; pair < pairs; ++pair) {
    double through = 0, straight = 0;
    const bool adapter_first = random() % 2 == 0;
    if (adapter_first) through = ns_per_operation(one.adapter, n);
    straight = ns_per_operation(one.direct, n);
    if (!adapter_first) through = ns_per_operation(one.adapter, n);
    adapter.push_back(through);
    direct.push_back(straight);
    ratios.push_back(through / straight);
  }
  // The 41st and 61st of 101 ratios hold their median with 95 %.
  fmt::print("adapter of {:<34} {:7.2f} ns, direct {:7.2f} ns: ratio {:.3f} ({:.3f} to {:.3f}; goal 1)\n",
             one.name + ":", at(adapter, 0.5), at(direct, 0.5), at(ratios, 0.5), at(ratios, 0.40), at(ratios, 0.60));
}

}  // namespace

int main() {
  if (contend::peers::comparisons().empty()) fmt::print("adapters: no package of a peer with a comparison is here\n");
  std::mt19937_64 random(1);
  for (const comparison& one : contend::peers::comparisons()) print(one, random);
}
