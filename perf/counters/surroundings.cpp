// SPDX-License-Identifier: MIT
// Reads what decides whether this process may count: permission, filters, hypervisor, the kernel's list of PMUs.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <system_error>

#include "perf/counters/thread_counters.hpp"
#include "perf/host/cpuid.hpp"
#include "perf/host/text.hpp"

namespace contend::counters {
namespace {

namespace fs = std::filesystem;

// Numbers of include/uapi/linux/capability.h.
constexpr unsigned cap_sys_admin = 21, cap_perfmon = 38;

/// "KVM", "VMware" …, "a hypervisor" where only the processor's flag says so, or empty.
std::string hypervisor_of(const fs::path& root) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> signs{{{"KVM", "KVM"},
                                                                                       {"VMware", "VMware"},
                                                                                       {"Microsoft Hv", "Hyper-V"},
                                                                                       {"Xen", "Xen"},
                                                                                       {"xen", "Xen"},
                                                                                       {"QEMU", "QEMU"},
                                                                                       {"linux,dummy-virt", "QEMU"},
                                                                                       {"VirtualBox", "VirtualBox"}}};
  std::array<std::string, 4> evidence;
  if (root == "/") evidence[0] = host::cpuid_signature();
  evidence[1] = host::read_word(root / "sys/hypervisor/type").value_or("");
  evidence[2] = host::read_word(root / "proc/device-tree/compatible").value_or("");
  evidence[3] = host::read_word(root / "sys/class/dmi/id/sys_vendor").value_or("");
  for (const std::string& text : evidence)
    for (const auto& [sign, name] : signs)
      if (text.find(sign) != std::string::npos) return std::string(name);
  const auto cpuinfo = host::read_text(root / "proc/cpuinfo").value_or("");
  const auto flags = host::value_of(cpuinfo, "flags").value_or("");
  const auto all = host::words(flags);
  return std::find(all.begin(), all.end(), "hypervisor") != all.end() ? "a hypervisor" : "";
}

/// A PMU of the CPU, by the names that Linux drivers give: cpu, cpu_core and cpu_atom (Intel hybrid), armv8_* and
/// armv9_*, arm_*; not their neighbours such as arm_cmn_0, the mesh.
bool is_cpu_pmu(std::string_view name) {
  return name == "cpu" || name.starts_with("cpu_") || name.starts_with("armv") || name.starts_with("apple_") ||
         name == "cpum_cf";
}

}  // namespace

surroundings read_surroundings(const fs::path& root) {
  surroundings around;
  if (const auto level = host::read_word(root / "proc/sys/kernel/perf_event_paranoid"))
    around.paranoid = host::parse_number<int>(*level);
  const auto status = host::read_text(root / "proc/self/status").value_or("");
  if (const auto effective = host::value_of(status, "CapEff")) {
    const auto bits = host::parse_number<std::uint64_t>(*effective, 16).value_or(0);
    around.privileged = ((bits >> cap_perfmon) & 1U) != 0 || ((bits >> cap_sys_admin) & 1U) != 0;
  }
  around.seccomp = host::value_of(status, "Seccomp") == "2";  // a filter; 1 is the strict mode, in which nothing opens
  around.hypervisor = hypervisor_of(root);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root / "sys/bus/event_source/devices", ignored))
    around.pmu = around.pmu || is_cpu_pmu(entry.path().filename().string());
  return around;
}

}  // namespace contend::counters
