// SPDX-License-Identifier: MIT
// Reads what the kernel, the firmware tables and the hypervisor tell about themselves.
#include "perf/host/system.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "perf/host/cpuid.hpp"
#include "perf/host/text.hpp"

namespace contend::host {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

json word(const fs::path& path) {
  const auto text = read_word(path);
  return text ? json(*text) : json();
}

json number(const fs::path& path) {
  const auto text = read_word(path);
  const auto value = text ? parse_number<std::int64_t>(*text) : std::nullopt;
  return value ? json(*value) : json();
}

/// "a [b] c" → "b".
json bracketed(const fs::path& path) {
  const auto text = read_word(path);
  if (!text) return {};
  const auto open = text->find('[');
  const auto close = text->find(']', open == std::string::npos ? 0 : open);
  if (open == std::string::npos || close == std::string::npos) return {};
  return text->substr(open + 1, close - open - 1);
}

json os_name(const fs::path& root) {
  const auto text = read_text(root / "etc/os-release");
  if (!text) return {};
  for (const auto line : split(*text, '\n')) {
    if (!line.starts_with("PRETTY_NAME=")) continue;
    auto name = trimmed(line.substr(12));
    if (name.size() >= 2 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
    return std::string(name);
  }
  return {};
}

/// The weaknesses that the processor has and what the kernel does about each; those it does not have are left out.
json mitigations(const fs::path& root) {
  std::vector<std::string> lines;
  bool any = false;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root / "sys/devices/system/cpu/vulnerabilities", ignored)) {
    const auto state = read_word(entry.path());
    if (!state) continue;
    any = true;
    if (*state != "Not affected") lines.push_back(joined({entry.path().filename().string(), ": ", *state}));
  }
  if (!any) return {};
  if (lines.empty()) return "not affected";
  std::sort(lines.begin(), lines.end());
  std::string all = lines.front();
  for (std::size_t i = 1; i < lines.size(); ++i) all.append("; ").append(lines[i]);
  return all;
}

json aslr(const fs::path& root) {
  constexpr unsigned address_no_randomize = 0x0040000;  // personality(2)
  const auto personality = read_word(root / "proc/self/personality");
  const auto bits = personality ? parse_number<unsigned>(*personality, 16) : std::nullopt;
  if (bits && (*bits & address_no_randomize) != 0) return "off for this process";
  const auto level = read_word(root / "proc/sys/kernel/randomize_va_space");
  if (!level) return {};
  return *level == "0" ? "off" : *level == "1" ? "without heap" : *level == "2" ? "full" : *level;
}

// ---- hypervisor

/// A name for what the firmware tables, the device tree or CPUID give; null if none of them is a known hypervisor.
json hypervisor_name(const fs::path& root) {
  struct sign {
    const char* text;
    const char* name;
  };
  static constexpr std::array signs{
      sign{"KVM", "KVM"},
      sign{"QEMU", "QEMU"},
      sign{"VMware", "VMware"},
      sign{"Microsoft Hv", "Hyper-V"},
      sign{"Virtual Machine", "Hyper-V"},
      sign{"Xen", "Xen"},
      sign{"xen", "Xen"},
      sign{"VirtualBox", "VirtualBox"},
      sign{"innotek", "VirtualBox"},
      sign{"Google Compute Engine", "KVM"},
      sign{"bhyve", "bhyve"},
      sign{"Parallels", "Parallels"},
      sign{"prl hyperv", "Parallels"},
      sign{"ACRN", "ACRN"},
      sign{"Apple Virtualization", "Apple Virtualization"},
      sign{"linux,kvm", "KVM"},
      sign{"linux,dummy-virt", "QEMU"},
  };
  std::vector<std::string> evidence;
  if (root == "/") evidence.push_back(cpuid_signature());
  for (const char* file :
       {"sys/hypervisor/type", "proc/device-tree/hypervisor/compatible", "proc/device-tree/compatible",
        "sys/class/dmi/id/product_name", "sys/class/dmi/id/sys_vendor"})
    evidence.push_back(read_word(root / file).value_or(""));
  for (const std::string& text : evidence)
    for (const sign& one : signs)
      if (text.find(one.text) != std::string::npos) return one.name;
  // Amazon's firmware names no hypervisor; its machines that have none are called "….metal".
  if (evidence.back() == "Amazon EC2" && evidence[evidence.size() - 2].find(".metal") == std::string::npos)
    return "Amazon Nitro";
  return {};
}

/// x86 has a processor flag that says yes or no; elsewhere only a known name says yes, and nothing says no.
json is_virtual(const fs::path& root, const json& hypervisor) {
  const auto cpuinfo = read_text(root / "proc/cpuinfo");
  const auto flags = cpuinfo ? value_of(*cpuinfo, "flags") : std::nullopt;
  if (flags) {
    const auto all = words(*flags);
    if (std::find(all.begin(), all.end(), "hypervisor") != all.end()) return true;
    return false;
  }
  return hypervisor.is_null() ? json() : json(true);
}

}  // namespace

json describe_system(const cgroup_limits& limits, const fs::path& root) {
  json system;
  system["kernel"] = word(root / "proc/sys/kernel/osrelease");
  system["kernel_build"] = word(root / "proc/sys/kernel/version");
  system["os"] = os_name(root);
  utsname name{};
  system["architecture"] = ::uname(&name) == 0 ? json(name.machine) : json();
  const json hypervisor = hypervisor_name(root);
  system["virtual_machine"] = is_virtual(root, hypervisor);
  system["hypervisor"] = system["virtual_machine"] == true ? hypervisor : json();
  system["mitigations"] = mitigations(root);
  system["clock_source"] = word(root / "sys/devices/system/clocksource/clocksource0/current_clocksource");
  system["perf_event_paranoid"] = number(root / "proc/sys/kernel/perf_event_paranoid");
  const auto watchdog = read_word(root / "proc/sys/kernel/nmi_watchdog");
  system["nmi_watchdog"] = !watchdog ? json() : json(*watchdog != "0");
  system["aslr"] = aslr(root);
  system["transparent_huge_pages"] = bracketed(root / "sys/kernel/mm/transparent_hugepage/enabled");
  system["isolated_cpus"] = word(root / "sys/devices/system/cpu/isolated");
  if (system["isolated_cpus"].is_null() && read_text(root / "sys/devices/system/cpu/isolated"))
    system["isolated_cpus"] = "none";
  system["cgroup_version"] = limits.version ? json(*limits.version) : json();
  system["cpu_quota_cores"] = !limits.quota           ? json()
                              : limits.quota->limited ? json(limits.quota->cores)
                                                      : json("unlimited");
  system["cpuset"] = limits.cpuset ? json(*limits.cpuset) : json();
  return system;
}

}  // namespace contend::host
