// SPDX-License-Identifier: MIT
// The CPU limits that this process's control groups set, versions 1 and 2.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace contend::host {

/// A limit that may be absent on purpose ("max") or not known at all.
struct cpu_quota {
  bool limited = false;
  double cores = 0;  ///< > 0 if limited: processor time per wall time, the tightest of the group and its ancestors
};

/// What the groups say. An absent member was not found and is unknown, which is not the same as "no limit".
struct cgroup_limits {
  std::optional<int> version;                   ///< 1 or 2: the hierarchy that has the cpu controller
  std::optional<cpu_quota> quota;               ///< of cpu.max or cpu.cfs_quota_us
  std::optional<std::string> cpuset;            ///< effective list such as "0-3,8", as the kernel writes it
  std::vector<std::filesystem::path> cpu_stat;  ///< cpu.stat of the group and its ancestors: throttling counters
};

/// Reads <root>/proc/self/cgroup and mountinfo and the files that they point to. Sees as far up as this mount
/// namespace shows: a container's own group is seen, its host's outer groups may not be.
[[nodiscard]] cgroup_limits read_cgroup_limits(const std::filesystem::path& root = "/");

/// The text of version 2's cpu.max: "50000 100000" is half a core, "max 100000" no limit; nothing if malformed.
[[nodiscard]] std::optional<cpu_quota> parse_cpu_max(std::string_view text);

/// The texts of version 1's cpu.cfs_quota_us ("-1" is no limit) and cpu.cfs_period_us; nothing if malformed.
[[nodiscard]] std::optional<cpu_quota> parse_cfs_quota(std::string_view quota_us, std::string_view period_us);

}  // namespace contend::host
