// SPDX-License-Identifier: MIT
// One thing that can be counted, and what came of counting it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace contend::counters {

/// On which side of the system-call border events are counted.
enum class side { user, kernel };

/// Where a count comes from. Kernel events under exclude_kernel always read 0, so context switches and page faults come
/// from getrusage(RUSAGE_THREAD), which needs no permission and no PMU.
enum class origin { perf_event, page_faults, voluntary_switches, involuntary_switches, context_switches };

/// An event by its metric's name and, for perf_event, as perf_event_open(2) wants it.
struct event {
  std::string metric;  ///< snake_case; the record's metric is <metric>_per_op, <metric>_kernel_per_op on the other side
  side where = side::user;
  origin from = origin::perf_event;
  std::uint32_t type = 0;  ///< perf_event_attr.type
  std::uint64_t config = 0;
  std::uint64_t config1 = 0;
  std::string name;    ///< the vendor's name, libpfm4's, or the raw code as it was asked for
  std::string source;  ///< where the encoding is from: a document, libpfm4, "perf_event_open(2)", "as asked"

  /// "<metric>_per_op" or "<metric>_kernel_per_op".
  [[nodiscard]] std::string key() const { return metric + (where == side::kernel ? "_kernel_per_op" : "_per_op"); }
};

/// What a reading is worth.
enum class state {
  counted,      ///< on the counter all the time
  multiplexed,  ///< shared the counters; scaled by time_enabled/time_running, running ≥ 0.1
  starved,      ///< running < 0.1, 0 too: no number
  unsupported,  ///< accepted by the kernel, but it counts nothing in a loop that must cause it: no number
  failed,       ///< could not be opened or read: no number
};

/// One event of one thread over one interval.
struct reading {
  std::optional<double> value;  ///< scaled where multiplexed; absent unless counted or multiplexed
  state what = state::failed;
  double running = 0;  ///< time_running ÷ time_enabled, 0–1
};

/// Why something cannot be counted: a code of the record's closed set, a sentence on the reason, one on the cure.
struct obstacle {
  std::string caveat;  ///< no_pmu, paranoid, seccomp, event_unsupported, multiplexed or not_counted
  std::string reason;
  std::string cure;
};

}  // namespace contend::counters
