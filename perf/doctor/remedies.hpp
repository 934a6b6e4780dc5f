// SPDX-License-Identifier: MIT
// The facts that verdicts and remedies are judged from, picked out of the environment block; and what would help.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "perf/doctor/verdict.hpp"

namespace contend::doctor {

/// A typed view of facts; an absent optional or an empty text is unknown.
struct view {
  explicit view(const facts& known);

  std::vector<std::string> caveats;  ///< as perf/host judged them: virtual_machine, throttled, steal, noisy
  std::optional<bool> virtual_machine;
  std::string hypervisor;
  std::string governor, driver;  ///< cpufreq's
  std::optional<bool> boost;
  std::string clock_source;
  bool quota_known = false;
  std::optional<double> quota;  ///< processors; absent with quota_known: no limit
  std::optional<bool> nmi_watchdog;
  std::optional<double> steal, waiting;  ///< shares of the watch, 0–1
  std::optional<double> others_busy;     ///< processors
  std::optional<double> load_1min;
  unsigned available = 0, available_cores = 0, usable = 0;   ///< of this process
  unsigned processors = 0, cores = 0, threads_per_core = 0;  ///< of the machine

  [[nodiscard]] bool has(std::string_view caveat) const;
  /// Reading the clock leaves user space, or is slow by itself.
  [[nodiscard]] bool slow_clock() const;
};

/// What would improve the verdicts, most useful first: what spoils every number, what makes events countable, what
/// steadies the clock, what is worth knowing. Never empty: the last one says how to go on.
[[nodiscard]] std::vector<remedy> remedies(const facts& known, const view& of, const std::vector<verdict>& trust);

}  // namespace contend::doctor
