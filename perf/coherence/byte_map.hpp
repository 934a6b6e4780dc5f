// SPDX-License-Identifier: MIT
// What is told of a cache line: which thread read and wrote which of its bytes, who had to wait where, and what lies
// there.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model.hpp"

namespace contend::coherence {

/// Bytes [begin, end) of a line.
struct byte_range {
  unsigned begin = 0;
  unsigned end = 0;
  bool operator==(const byte_range&) const = default;
};

/// What one simulated thread touched. The number after the last thread's is whoever starts and stops the others.
struct thread_bytes {
  unsigned thread = 0;
  std::vector<byte_range> read;
  std::vector<byte_range> wrote;
};

/// A variable or member that touched bytes of a line belong to, as far as it lies in the line.
struct field_report {
  std::string name;  ///< "lock_.next", "slots[3].count"
  unsigned offset = 0;
  unsigned size = 0;
};

/// A place in the source that missed on a line because of others.
struct site_report {
  std::string source;  ///< "primitives/lock/ticket.hpp:31"
  std::string function;
  access_kind kind = access_kind::load;
  std::uint64_t true_sharing = 0;
  std::uint64_t false_sharing = 0;
};

struct line_report {
  std::string label;   ///< never empty
  std::string object;  ///< what the line is part of
  unsigned size = 64;
  std::uint64_t address = 0;  ///< of the first byte; for people with a debugger, not for the record
  line_counts counts;
  std::vector<field_report> fields;
  std::vector<thread_bytes> bytes;  ///< of the first threads by number, at most max_threads_shown
  unsigned threads_not_shown = 0;
  std::vector<site_report> sites;  ///< most misses first
};
inline constexpr unsigned max_threads_shown = 8;
inline constexpr unsigned max_sites_shown = 6;  ///< in the record

/// The runs of set bits.
[[nodiscard]] std::vector<byte_range> ranges(const byte_mask& mask);

/// Size, address, counts and bytes of a line; what lies there is for attribution.hpp to say.
[[nodiscard]] line_report byte_map(const cache_model& model, const line& l);

/// The record's "lines": per operation, in the order given, to six significant digits; of each line's places the first
/// max_sites_shown. `operations`: of the whole cell, more than 0.
[[nodiscard]] nlohmann::ordered_json lines_json(const std::vector<line_report>& lines, double operations);

}  // namespace contend::coherence
