// SPDX-License-Identifier: MIT
// The `cpu` group of a record's environment: which processor this is and how its clock is governed.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

namespace contend::host {

/// vendor, model, family, model_number, stepping, microcode of /proc/cpuinfo, x86 or arm64; what it does not say is
/// null. Cores of several kinds are joined by " + ". On arm64 stepping is the revision "r1p1".
[[nodiscard]] nlohmann::json parse_cpuinfo(std::string_view text);

/// parse_cpuinfo() of <root>/proc/cpuinfo, and from <root>/sys: governor, frequency_driver, boost, max_mhz.
[[nodiscard]] nlohmann::json describe_cpu(const std::filesystem::path& root = "/");

}  // namespace contend::host
