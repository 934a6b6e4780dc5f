// SPDX-License-Identifier: MIT
// Parses /proc/cpuinfo of x86 and arm64, and the frequency settings.
#include "perf/host/cpu.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "perf/host/text.hpp"

namespace contend::host {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

struct code_name {
  unsigned code;
  const char* name;
};

// Arm's MIDR_EL1 implementers, as the Linux kernel lists them in arch/arm64/include/asm/cputype.h.
constexpr std::array implementers{
    code_name{0x41, "Arm"},     code_name{0x42, "Broadcom"},  code_name{0x43, "Cavium"},
    code_name{0x46, "Fujitsu"}, code_name{0x48, "HiSilicon"}, code_name{0x4e, "NVIDIA"},
    code_name{0x50, "APM"},     code_name{0x51, "Qualcomm"},  code_name{0x53, "Samsung"},
    code_name{0x61, "Apple"},   code_name{0x6d, "Microsoft"}, code_name{0xc0, "Ampere"},
};

// Part numbers of implementer 0x41, same source.
constexpr std::array arm_parts{
    code_name{0xd03, "Cortex-A53"},  code_name{0xd04, "Cortex-A35"},  code_name{0xd05, "Cortex-A55"},
    code_name{0xd07, "Cortex-A57"},  code_name{0xd08, "Cortex-A72"},  code_name{0xd09, "Cortex-A73"},
    code_name{0xd0a, "Cortex-A75"},  code_name{0xd0b, "Cortex-A76"},  code_name{0xd0c, "Neoverse-N1"},
    code_name{0xd0d, "Cortex-A77"},  code_name{0xd40, "Neoverse-V1"}, code_name{0xd41, "Cortex-A78"},
    code_name{0xd44, "Cortex-X1"},   code_name{0xd46, "Cortex-A510"}, code_name{0xd47, "Cortex-A710"},
    code_name{0xd48, "Cortex-X2"},   code_name{0xd49, "Neoverse-N2"}, code_name{0xd4b, "Cortex-A78C"},
    code_name{0xd4d, "Cortex-A715"}, code_name{0xd4e, "Cortex-X3"},   code_name{0xd4f, "Neoverse-V2"},
    code_name{0xd80, "Cortex-A520"}, code_name{0xd81, "Cortex-A720"}, code_name{0xd82, "Cortex-X4"},
    code_name{0xd84, "Neoverse-V3"}, code_name{0xd8e, "Neoverse-N3"},
};

template <class Table>
const char* find_name(const Table& table, unsigned code) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const code_name& one) { return one.code == code; });
  return found == table.end() ? nullptr : found->name;
}

/// The value of "key<tabs>: value" with exactly that key ("model" must not find "model name").
std::optional<std::string> field(std::string_view block, std::string_view key) {
  for (const auto line : split(block, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || trimmed(line.substr(0, colon)) != key) continue;
    const auto value = trimmed(line.substr(colon + 1));
    return value.empty() ? std::nullopt : std::optional(std::string(value));
  }
  return std::nullopt;
}

json number_or_null(const std::optional<std::string>& text) {
  const auto value = text ? parse_number<std::int64_t>(*text) : std::nullopt;
  return value ? json(*value) : json();
}

json text_or_null(const std::optional<std::string>& text) { return text ? json(*text) : json(); }

std::optional<unsigned> hexadecimal(const std::optional<std::string>& text) {
  if (!text || !text->starts_with("0x")) return std::nullopt;
  return parse_number<unsigned>(std::string_view(*text).substr(2), 16);
}

/// What one block of an arm64 cpuinfo says about its core, each as the record has it.
struct arm_core {
  json vendor, model, part, revision;
  bool operator==(const arm_core&) const = default;
};

arm_core parse_arm_core(std::string_view block) {
  arm_core core;
  const auto implementer = hexadecimal(field(block, "CPU implementer"));
  const auto part = hexadecimal(field(block, "CPU part"));
  if (implementer) {
    const char* name = find_name(implementers, *implementer);
    core.vendor = name ? json(name) : text_or_null(field(block, "CPU implementer"));
  }
  core.part = text_or_null(field(block, "CPU part"));
  const char* name = implementer == 0x41U && part ? find_name(arm_parts, *part) : nullptr;
  core.model = name ? json(name) : text_or_null(field(block, "model name"));
  const auto variant = hexadecimal(field(block, "CPU variant"));
  const auto revision = field(block, "CPU revision");
  if (variant && revision) core.revision = joined({"r", std::to_string(*variant), "p", *revision});
  return core;
}

/// Distinct values joined by " + "; null if there is none.
json all_of(const std::vector<json>& values) {
  std::vector<std::string> distinct;
  for (const json& value : values)
    if (value.is_string() && std::find(distinct.begin(), distinct.end(), value) == distinct.end())
      distinct.push_back(value.get<std::string>());
  if (distinct.empty()) return {};
  std::string all = distinct.front();
  for (std::size_t i = 1; i < distinct.size(); ++i) all.append(" + ").append(distinct[i]);
  return all;
}

std::vector<std::string_view> blocks(std::string_view text) {
  std::vector<std::string_view> found;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find("\n\n", at), text.size());
    if (!trimmed(text.substr(at, end - at)).empty()) found.push_back(text.substr(at, end - at));
    at = end + 2;
  }
  return found;
}

/// The distinct contents of <cpus>/cpu*/<name>, joined; null if no processor has the file.
json of_all_processors(const fs::path& cpus, const char* name) {
  std::vector<std::string> values;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(cpus, ignored)) {
    const std::string folder = entry.path().filename().string();
    if (!folder.starts_with("cpu") || !parse_number<int>(std::string_view(folder).substr(3))) continue;
    if (const auto value = read_word(entry.path() / name)) values.push_back(*value);
  }
  std::sort(values.begin(), values.end());
  return all_of(std::vector<json>(values.begin(), values.end()));
}

json boost(const fs::path& cpus) {
  if (const auto on = read_word(cpus / "cpufreq/boost")) return *on == "1";
  if (const auto off = read_word(cpus / "intel_pstate/no_turbo")) return *off == "0";
  const json each = of_all_processors(cpus, "cpufreq/boost");
  return each == "1" ? json(true) : each == "0" ? json(false) : json();
}

json max_mhz(const fs::path& cpus) {
  std::int64_t fastest = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(cpus, ignored)) {
    const auto khz = read_word(entry.path() / "cpufreq/cpuinfo_max_freq");
    const auto value = khz ? parse_number<std::int64_t>(*khz) : std::nullopt;
    fastest = std::max(fastest, value.value_or(0));
  }
  return fastest > 0 ? json(fastest / 1000) : json();
}

}  // namespace

json parse_cpuinfo(std::string_view text) {
  json cpu = {{"vendor", nullptr},       {"model", nullptr},    {"family", nullptr},
              {"model_number", nullptr}, {"stepping", nullptr}, {"microcode", nullptr}};
  const auto all = blocks(text);
  if (all.empty()) return cpu;
  if (text.find("CPU implementer") != std::string_view::npos) {
    std::vector<json> vendors, models, parts, revisions;
    for (const auto block : all) {
      const arm_core core = parse_arm_core(block);
      vendors.push_back(core.vendor);
      models.push_back(core.model);
      parts.push_back(core.part);
      revisions.push_back(core.revision);
    }
    cpu["vendor"] = all_of(vendors);
    cpu["model"] = all_of(models);
    cpu["model_number"] = all_of(parts);
    cpu["stepping"] = all_of(revisions);
    return cpu;
  }
  std::vector<json> models;
  for (const auto block : all) models.push_back(text_or_null(field(block, "model name")));
  cpu["vendor"] = text_or_null(field(all[0], "vendor_id"));
  cpu["model"] = all_of(models);
  if (cpu["model"].is_null()) cpu["model"] = text_or_null(field(all[0], "cpu"));  // ppc64
  cpu["family"] = number_or_null(field(all[0], "cpu family"));
  cpu["model_number"] = number_or_null(field(all[0], "model"));
  cpu["stepping"] = number_or_null(field(all[0], "stepping"));
  cpu["microcode"] = text_or_null(field(all[0], "microcode"));
  return cpu;
}

json describe_cpu(const fs::path& root) {
  json cpu = parse_cpuinfo(read_text(root / "proc/cpuinfo").value_or(""));
  const fs::path cpus = root / "sys/devices/system/cpu";
  cpu["governor"] = of_all_processors(cpus, "cpufreq/scaling_governor");
  cpu["frequency_driver"] = of_all_processors(cpus, "cpufreq/scaling_driver");
  cpu["boost"] = boost(cpus);
  cpu["max_mhz"] = max_mhz(cpus);
  return cpu;
}

}  // namespace contend::host
