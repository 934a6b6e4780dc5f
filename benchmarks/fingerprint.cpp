// SPDX-License-Identifier: MIT
// See fingerprint.hpp.
#include "fingerprint.hpp"

#include <filesystem>
#include <vector>

namespace contend::bench {
namespace {

/// Filled before main() by the constructors of more_fingerprints.
std::vector<std::span<const fingerprint_row>>& registered() {
  static std::vector<std::span<const fingerprint_row>> tables;
  return tables;
}

bool ends_in(std::string_view file, std::string_view path) {
  return file.ends_with(path) && (file.size() == path.size() || file[file.size() - path.size() - 1] == '/');
}

}  // namespace

more_fingerprints::more_fingerprints(std::span<const fingerprint_row> rows) { registered().push_back(rows); }

fingerprint fingerprint_in(std::span<const std::span<const fingerprint_row>> tables, std::string_view file) {
  // A compiler may be told to write paths otherwise (-ffile-prefix-map, ccache), but it does so at their beginning.
  const std::string name = std::filesystem::path(file).lexically_normal().generic_string();
  const fingerprint_row* best = nullptr;
  bool doubtful = false;
  for (const auto& table : tables)
    for (const auto& row : table) {
      if (!ends_in(name, row.path) || (best != nullptr && row.path.size() < best->path.size())) continue;
      const bool longer = best == nullptr || row.path.size() > best->path.size();
      doubtful = !longer && (doubtful || row.digest != best->digest);
      best = &row;
    }
  if (doubtful) return {{}, "two files of this program are called " + std::string(best->path)};
  if (best != nullptr) return {std::string(best->digest), {}};
  return {{}, "the build was not told of " + name + "; contend_fingerprints() in CMake tells it"};
}

fingerprint fingerprint_of(std::string_view file, bool own) {
  const std::span<const fingerprint_row> ours[] = {own_fingerprints()};
  return own ? fingerprint_in(ours, file) : fingerprint_in(registered(), file);
}

}  // namespace contend::bench
