// SPDX-License-Identifier: MIT
// From metric names to events of this CPU: events.tsv, the catalogue of raw encodings, is the source; see README.md.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event.hpp"

namespace contend::counters {

/// --events named something that cannot be asked for; what() is one sentence: the name, and what was expected.
class bad_event : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A row of events.tsv.
struct catalogue_row {
  std::string_view metric;
  std::string_view microarchitecture;  ///< "generic": any CPU, through the kernel's own names
  std::string_view name;               ///< the vendor's
  std::uint32_t type = 0;
  std::uint64_t config = 0;
  std::uint64_t config1 = 0;
  std::string_view libpfm4;     ///< libpfm4's name, or empty
  std::string_view source;      ///< document and table
  std::string_view impossible;  ///< why this CPU cannot count the metric; the encoding is void then. Else empty.
};

/// All rows, in the file's order. The text is part of the program.
[[nodiscard]] std::span<const catalogue_row> catalogue();

/// Microarchitecture key of events.tsv for a processor as /proc/cpuinfo shows it ("skx", "zen4", "arm_n1" …), or "".
[[nodiscard]] std::string microarchitecture_of(std::string_view cpuinfo);
/// microarchitecture_of() this machine's /proc/cpuinfo.
[[nodiscard]] std::string this_microarchitecture();

/// Turns a libpfm4 name ("skx::MEM_LOAD_RETIRED:L1_MISS") into an event; nothing if libpfm4 does not know it.
using name_resolver = std::function<std::optional<event>(const std::string& name)>;

/// What to count in a run, and what was asked for but cannot be had on this CPU, with the reason.
struct event_choice {
  std::vector<event> events;
  std::vector<std::pair<std::string, obstacle>> refused;  ///< metric → why
};

/// The metrics counted when nothing is asked for: cycles and instructions on both sides, the others in user space.
/// A metric that this CPU cannot count, or that the catalogue has no row for, is refused with its reason, and nothing
/// else is offered under its name.
[[nodiscard]] event_choice default_events(std::string_view microarchitecture);

/// The events of a comma-separated list: metric names, libpfm4 names, raw codes (r01d1, as perf has them); each may end
/// in :u or :k for one side (default: both for metric names and raw codes of perf_event, one count for switches and
/// faults). Throws bad_event: empty list or item, unknown name (with the nearest ones), an event of another CPU, a
/// metric that this CPU cannot count, the same twice, or more than max_events.
[[nodiscard]] event_choice parse_events(std::string_view list, std::string_view microarchitecture,
                                        const name_resolver& resolve = {});
inline constexpr std::size_t max_events = 64;

}  // namespace contend::counters
