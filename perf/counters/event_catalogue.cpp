// SPDX-License-Identifier: MIT
// The rows of events.tsv, which the build puts into the program.
#include "perf/counters/event_catalogue.hpp"

#include <array>

#include "perf/host/text.hpp"

namespace contend::counters {
namespace {

constexpr std::string_view lines[] = {
#include "events.inc"
};

constexpr std::size_t columns = 9;

/// A number as the table has them, decimal or 0x…; a table that says anything else does not get into a release.
std::uint64_t number_in(std::string_view text, std::string_view line) {
  const bool hexadecimal = text.starts_with("0x");
  const auto value = host::parse_number<std::uint64_t>(hexadecimal ? text.substr(2) : text, hexadecimal ? 16 : 10);
  if (!value) throw std::logic_error(host::joined({"events.tsv: not a number: '", text, "' in: ", line}));
  return *value;
}

catalogue_row row_of(std::string_view line) {
  const auto cells = host::split(line, '\t');
  if (cells.size() != columns)
    throw std::logic_error(
        host::joined({"events.tsv: ", std::to_string(cells.size()), " columns instead of 9 in: ", line}));
  catalogue_row row;
  row.metric = cells[0];
  row.microarchitecture = cells[1];
  row.name = cells[2];
  row.libpfm4 = cells[6];
  row.source = cells[7];
  row.impossible = cells[8];
  if (!row.impossible.empty()) return row;
  row.type = static_cast<std::uint32_t>(number_in(cells[3], line));
  row.config = number_in(cells[4], line);
  row.config1 = number_in(cells[5], line);
  return row;
}

}  // namespace

std::span<const catalogue_row> catalogue() {
  static const auto rows = [] {
    std::vector<catalogue_row> all;
    for (std::size_t i = 1; i < std::size(lines); ++i) all.push_back(row_of(lines[i]));  // 0 has the columns' names
    return all;
  }();
  return rows;
}

}  // namespace contend::counters
