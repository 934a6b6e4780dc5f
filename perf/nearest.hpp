// SPDX-License-Identifier: MIT
// Which of the known names someone may have meant.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace contend {

/// The names nearest to `wrong` among `known`, at most three, best first; empty if none is near. Near are names that
/// contain `wrong` and those at a small edit distance (Levenshtein 1966).
[[nodiscard]] inline std::vector<std::string> nearest(const std::string& wrong, const std::vector<std::string>& known) {
  const auto distance = [](const std::string& a, const std::string& b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= b.size(); ++j) {
        const std::size_t above = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
        diagonal = above;
      }
    }
    return row[b.size()];
  };
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const auto& name : known) {
    const bool part = wrong.size() >= 3 && name.find(wrong) != std::string::npos;
    const std::size_t d = part ? 1 : distance(wrong, name);
    if (d <= std::max<std::size_t>(2, wrong.size() / 3)) ranked.emplace_back(d, name);
  }
  std::sort(ranked.begin(), ranked.end());
  ranked.erase(std::unique(ranked.begin(), ranked.end()), ranked.end());
  std::vector<std::string> out;
  for (const auto& [d, name] : ranked)
    if (out.size() < 3) out.push_back(name);
  return out;
}

}  // namespace contend
