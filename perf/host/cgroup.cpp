// SPDX-License-Identifier: MIT
// Finds this process's control groups through /proc/self and reads their CPU limits.
#include "perf/host/cgroup.hpp"

#include <algorithm>

#include "perf/host/text.hpp"

namespace contend::host {
namespace {

namespace fs = std::filesystem;

/// One mounted hierarchy: where it is, and which of its groups the mount shows as its top.
struct hierarchy {
  int version;
  fs::path mount_point;
  std::string mounted_group;
  std::string controllers;  // version 1: the mount's comma-separated super options
};

// mountinfo writes blanks and the like as three octal digits: "\040".
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto code =
        i + 3 < text.size() && text[i] == '\\' ? parse_number<unsigned>(text.substr(i + 1, 3), 8) : std::nullopt;
    if (code) {
      plain += static_cast<char>(*code);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// A line: id parent major:minor mounted_group mount_point options [optional fields …] - type source super_options
std::vector<hierarchy> hierarchies(const fs::path& root) {
  std::vector<hierarchy> found;
  const auto text = read_text(root / "proc/self/mountinfo");
  if (!text) return found;
  for (const auto line : split(*text, '\n')) {
    const auto fields = words(line);
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 6 || fields.end() - dash < 4) continue;
    const std::string_view type = dash[1];
    if (type != "cgroup" && type != "cgroup2") continue;
    found.push_back({type == "cgroup" ? 1 : 2, root / fs::path(unescaped(fields[4])).relative_path(),
                     unescaped(fields[3]), std::string(dash[3])});
  }
  return found;
}

bool lists(std::string_view comma_separated, std::string_view name) {
  const auto names = split(comma_separated, ',');
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// This process's group in a hierarchy, from a /proc/self/cgroup line "id:controllers:/group".
std::optional<std::string> own_group(std::string_view proc_cgroup, int version, std::string_view controller) {
  for (const auto line : split(proc_cgroup, '\n')) {
    const auto first = line.find(':');
    if (first == std::string_view::npos) continue;
    const auto second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (version == 2 ? line.substr(0, first) == "0" && controllers.empty() : lists(controllers, controller))
      return std::string(line.substr(second + 1));
  }
  return std::nullopt;
}

/// The group's folder and its ancestors' up to the mount point, innermost first. A group that the mount does not show
/// (another namespace's path, or outside it) leaves the mount point alone.
std::vector<fs::path> folders_of(const hierarchy& in, const std::string& group) {
  fs::path below = fs::path(group).lexically_relative(in.mounted_group);
  if (below.empty() || *below.begin() == "..") below = ".";
  std::vector<fs::path> folders;
  std::error_code ignored;
  for (; below != "." && !below.empty(); below = below.parent_path())
    if (fs::is_directory(in.mount_point / below, ignored)) folders.push_back(in.mount_point / below);
  folders.push_back(in.mount_point);
  return folders;
}

std::optional<cpu_quota> quota_at(const fs::path& folder, int version) {
  if (version == 2) {
    const auto text = read_word(folder / "cpu.max");
    return text ? parse_cpu_max(*text) : std::nullopt;
  }
  const auto quota = read_word(folder / "cpu.cfs_quota_us");
  const auto period = read_word(folder / "cpu.cfs_period_us");
  return quota && period ? parse_cfs_quota(*quota, *period) : std::nullopt;
}

void tighten(std::optional<cpu_quota>& so_far, const std::optional<cpu_quota>& other) {
  if (!other) return;
  if (!so_far || (other->limited && (!so_far->limited || other->cores < so_far->cores))) so_far = other;
}

/// Folders of the group that has `controller`, or nothing if that controller is not in this hierarchy for us.
std::vector<fs::path> folders_with(const hierarchy& in, std::string_view proc_cgroup, std::string_view controller) {
  if (in.version == 1 && !lists(in.controllers, controller)) return {};
  const auto group = own_group(proc_cgroup, in.version, controller);
  return group ? folders_of(in, *group) : std::vector<fs::path>{};
}

// Version 2's top group has no cpu.max although the controller is there; cgroup.controllers tells.
bool has_cpu_controller(const hierarchy& in) {
  if (in.version == 1) return true;
  const auto controllers = read_word(in.mount_point / "cgroup.controllers");
  const auto names = controllers ? words(*controllers) : std::vector<std::string_view>{};
  return std::find(names.begin(), names.end(), "cpu") != names.end();
}

}  // namespace

std::optional<cpu_quota> parse_cpu_max(std::string_view text) {
  const auto fields = words(trimmed(text));
  if (fields.empty() || fields.size() > 2) return std::nullopt;
  if (fields[0] == "max") return cpu_quota{};
  return parse_cfs_quota(fields[0], fields.size() == 2 ? fields[1] : "100000");
}

std::optional<cpu_quota> parse_cfs_quota(std::string_view quota_us, std::string_view period_us) {
  const auto quota = parse_number<long long>(quota_us);
  const auto period = parse_number<long long>(period_us);
  if (!quota || !period || *period <= 0 || *quota == 0) return std::nullopt;
  if (*quota < 0) return cpu_quota{};
  return cpu_quota{true, static_cast<double>(*quota) / static_cast<double>(*period)};
}

cgroup_limits read_cgroup_limits(const fs::path& root) {
  cgroup_limits limits;
  const auto proc_cgroup = read_text(root / "proc/self/cgroup");
  if (!proc_cgroup) return limits;
  for (const hierarchy& in : hierarchies(root)) {
    const auto cpu_folders = folders_with(in, *proc_cgroup, "cpu");
    if (!cpu_folders.empty() && has_cpu_controller(in)) {
      limits.version = in.version;
      if (in.version == 2) tighten(limits.quota, cpu_quota{});
      for (const fs::path& folder : cpu_folders) {
        tighten(limits.quota, quota_at(folder, in.version));
        if (read_text(folder / "cpu.stat")) limits.cpu_stat.push_back(folder / "cpu.stat");
      }
    }
    for (const fs::path& folder : folders_with(in, *proc_cgroup, "cpuset")) {
      if (limits.cpuset) break;
      limits.cpuset = read_word(folder / (in.version == 2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus"));
      if (!limits.cpuset && in.version == 1) limits.cpuset = read_word(folder / "cpuset.cpus");
    }
  }
  return limits;
}

}  // namespace contend::host
