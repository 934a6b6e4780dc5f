// SPDX-License-Identifier: MIT
// The `system` group of a record's environment: kernel, hypervisor, control group and the settings that move timings.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "perf/host/cgroup.hpp"

namespace contend::host {

/// kernel, kernel_build, os, architecture, virtual_machine, hypervisor, mitigations, clock_source,
/// perf_event_paranoid, nmi_watchdog (on: it occupies a counter), aslr, transparent_huge_pages, isolated_cpus,
/// cgroup_version, cpu_quota_cores (a number, or "unlimited"), cpuset. What <root> does not tell is null.
[[nodiscard]] nlohmann::json describe_system(const cgroup_limits& limits, const std::filesystem::path& root = "/");

}  // namespace contend::host
