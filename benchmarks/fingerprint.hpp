// SPDX-License-Identifier: MIT
// Which source a workload was compiled from, so that numbers of two builds are compared only where it is the same.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace contend::bench {

/// A file that defines workloads. `path` is relative to its project; `digest`: see cmake/fingerprints/write.cmake.
struct fingerprint_row {
  std::string_view path;
  std::string_view digest;
};

/// A workload's fingerprint, or the reason why there is none, one sentence.
struct fingerprint {
  std::string digest;
  std::string reason;
};

/// contend's own, as of this build.
std::span<const fingerprint_row> own_fingerprints();

/// What contend_fingerprints() compiles into a program: its object's constructor adds the rows.
class more_fingerprints {
 public:
  explicit more_fingerprints(std::span<const fingerprint_row> rows);
};

/// Of the workload defined in `file`, as its facts say (workload.hpp). `own`: it is one of contend's catalogue.
fingerprint fingerprint_of(std::string_view file, bool own);
/// The same, looked for in `tables`: the row with the longest path that `file` ends in.
fingerprint fingerprint_in(std::span<const std::span<const fingerprint_row>> tables, std::string_view file);

}  // namespace contend::bench
