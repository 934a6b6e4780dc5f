// SPDX-License-Identifier: MIT
// Which key of events.tsv a processor has, by family, model and stepping (x86) or implementer and part (arm64).
#include <algorithm>
#include <array>

#include "perf/counters/event_catalogue.hpp"
#include "perf/host/text.hpp"

namespace contend::counters {
namespace {

using host::split;
using host::trimmed;

struct x86_model {
  std::string_view vendor;
  unsigned family, first_model, last_model, first_stepping, last_stepping;
  std::string_view key;
};

constexpr unsigned any = 0xffff;

// Intel: perfmon's mapfile.csv, which names the event file of each model (Emerald and Granite Rapids have event files
// of their own with Sapphire Rapids' codes for all that events.tsv has). AMD: mapfile.csv of
// tools/perf/pmu-events/arch/x86 and bsp_determine_snp() and init_amd() of arch/x86/kernel/cpu/amd.c in Linux 6.12.
constexpr std::array x86_models{
    x86_model{"GenuineIntel", 6, 0x55, 0x55, 0, 4, "skx"},
    x86_model{"GenuineIntel", 6, 0x55, 0x55, 5, 15, "clx"},  // 10 and 11 are Cooper Lake
    x86_model{"GenuineIntel", 6, 0x7d, 0x7e, 0, any, "icl"},
    x86_model{"GenuineIntel", 6, 0x6a, 0x6a, 0, any, "icx"},
    x86_model{"GenuineIntel", 6, 0x6c, 0x6c, 0, any, "icx"},
    x86_model{"GenuineIntel", 6, 0x8f, 0x8f, 0, any, "spr"},
    x86_model{"GenuineIntel", 6, 0xcf, 0xcf, 0, any, "spr"},  // Emerald Rapids
    x86_model{"GenuineIntel", 6, 0xad, 0xae, 0, any, "spr"},  // Granite Rapids
    x86_model{"AuthenticAMD", 0x17, 0x00, 0x2f, 0, any, "zen1"},
    x86_model{"AuthenticAMD", 0x17, 0x30, 0xff, 0, any, "zen2"},
    x86_model{"AuthenticAMD", 0x19, 0x00, 0x0f, 0, any, "zen3"},
    x86_model{"AuthenticAMD", 0x19, 0x10, 0x1f, 0, any, "zen4"},
    x86_model{"AuthenticAMD", 0x19, 0x20, 0x5f, 0, any, "zen3"},
    x86_model{"AuthenticAMD", 0x19, 0x60, 0xaf, 0, any, "zen4"},
    x86_model{"AuthenticAMD", 0x1a, 0x00, 0x2f, 0, any, "zen5"},
    x86_model{"AuthenticAMD", 0x1a, 0x40, 0x4f, 0, any, "zen5"},
    x86_model{"AuthenticAMD", 0x1a, 0x60, 0x7f, 0, any, "zen5"},
};

struct arm_part {
  unsigned implementer, part;
  std::string_view key;
};

// Linux, arch/arm64/include/asm/cputype.h.
constexpr std::array arm_parts{
    arm_part{0x41, 0xd0c, "arm_n1"}, arm_part{0x41, 0xd49, "arm_n2"}, arm_part{0x41, 0xd40, "arm_v1"},
    arm_part{0x41, 0xd4f, "arm_v2"}, arm_part{0x6d, 0xd49, "arm_n2"},  // Azure Cobalt 100, "based on r0p0 of Neoverse
                                                                       // N2"
};

std::string_view field(std::string_view block, std::string_view key) {
  for (const auto line : split(block, '\n')) {
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && trimmed(line.substr(0, colon)) == key)
      return trimmed(line.substr(colon + 1));
  }
  return {};
}

unsigned number(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x");
  return host::parse_number<unsigned>(hexadecimal ? text.substr(2) : text, hexadecimal ? 16 : 10).value_or(any);
}

/// The key of one block of /proc/cpuinfo; empty where no table has it.
std::string_view key_of(std::string_view block) {
  if (const auto vendor = field(block, "vendor_id"); !vendor.empty()) {
    const unsigned family = number(field(block, "cpu family")), model = number(field(block, "model"));
    const unsigned stepping = number(field(block, "stepping"));
    for (const auto& one : x86_models)
      if (one.vendor == vendor && one.family == family && one.first_model <= model && model <= one.last_model &&
          one.first_stepping <= stepping && stepping <= one.last_stepping)
        return one.key;
    return {};
  }
  const unsigned implementer = number(field(block, "CPU implementer")), part = number(field(block, "CPU part"));
  const auto found = std::find_if(arm_parts.begin(), arm_parts.end(), [&](const arm_part& one) {
    return one.implementer == implementer && one.part == part;
  });
  return found == arm_parts.end() ? std::string_view{} : found->key;
}

}  // namespace

std::string microarchitecture_of(std::string_view cpuinfo) {
  std::optional<std::string_view> common;
  while (!cpuinfo.empty()) {
    const auto end = std::min(cpuinfo.find("\n\n"), cpuinfo.size());
    const auto block = cpuinfo.substr(0, end);
    cpuinfo.remove_prefix(std::min(end + 2, cpuinfo.size()));
    // Some blocks describe no processor (arm64 kernels for 32-bit programs: "Hardware", "Serial").
    if (field(block, "vendor_id").empty() && field(block, "CPU part").empty()) continue;
    const auto key = key_of(block);
    if (common && *common != key) return "";  // cores of several kinds: no one encoding is right for all
    common = key;
  }
  return std::string(common.value_or(""));
}

std::string this_microarchitecture() { return microarchitecture_of(host::read_text("/proc/cpuinfo").value_or("")); }

}  // namespace contend::counters
