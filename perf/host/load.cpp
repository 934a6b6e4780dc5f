// SPDX-License-Identifier: MIT
// Reads the kernel's counters of processor time, throttling and pressure.
#include "perf/host/load.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "perf/host/text.hpp"

namespace contend::host {
namespace {

std::optional<double> own_seconds() {
  timespec used{};
  if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) return std::nullopt;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

std::optional<double> difference(const std::optional<double>& before, const std::optional<double>& after) {
  if (!before || !after) return std::nullopt;
  return std::max(0.0, *after - *before);
}

}  // namespace

std::vector<load_snapshot::processor_time> parse_proc_stat(std::string_view text, double ticks_per_s) {
  std::vector<load_snapshot::processor_time> processors;
  for (const auto line : split(text, '\n')) {
    if (!line.starts_with("cpu")) continue;
    const auto fields = words(line);
    // cpuN user nice system idle iowait irq softirq steal …; the first line, "cpu", is their sum.
    const auto cpu = parse_number<int>(fields[0].substr(3));
    if (!cpu || fields.size() < 9) continue;
    double ticks[9] = {};
    bool readable = true;
    for (std::size_t i = 1; i < 9; ++i) {
      const auto value = parse_number<std::uint64_t>(fields[i]);
      readable = readable && value;
      ticks[i] = static_cast<double>(value.value_or(0));
    }
    if (!readable) continue;
    processors.push_back(
        {*cpu, (ticks[1] + ticks[2] + ticks[3] + ticks[6] + ticks[7]) / ticks_per_s, ticks[8] / ticks_per_s});
  }
  return processors;
}

std::optional<double> parse_throttled(std::string_view cpu_stat) {
  if (const auto us = value_of(cpu_stat, "throttled_usec"))
    if (const auto value = parse_number<std::uint64_t>(*us)) return static_cast<double>(*value) * 1e-6;
  if (const auto ns = value_of(cpu_stat, "throttled_time"))
    if (const auto value = parse_number<std::uint64_t>(*ns)) return static_cast<double>(*value) * 1e-9;
  return std::nullopt;
}

std::optional<pressure> parse_pressure(std::string_view text, std::string_view kind) {
  const auto line = value_of(text, kind);
  if (!line) return std::nullopt;
  std::optional<double> avg10;
  std::optional<std::uint64_t> total_us;
  for (const auto field : words(*line)) {
    if (field.starts_with("avg10=")) avg10 = parse_decimal(field.substr(6));
    if (field.starts_with("total=")) total_us = parse_number<std::uint64_t>(field.substr(6));
  }
  if (!avg10 || !total_us) return std::nullopt;
  return pressure{*avg10, static_cast<double>(*total_us) * 1e-6};
}

load_sampler::load_sampler(const cgroup_limits& limits, std::filesystem::path root)
    : root_(std::move(root)), cpu_stat_(limits.cpu_stat) {}

load_snapshot load_sampler::sample() const {
  load_snapshot now{};
  now.at = std::chrono::steady_clock::now();
  now.own_s = own_seconds();
  if (const auto text = read_text(root_ / "proc/stat"))
    now.processors = parse_proc_stat(*text, static_cast<double>(::sysconf(_SC_CLK_TCK)));
  for (const auto& file : cpu_stat_) {
    const auto text = read_text(file);
    const auto throttled = text ? parse_throttled(*text) : std::nullopt;
    if (throttled) now.throttled_s = now.throttled_s.value_or(0) + *throttled;
  }
  if (const auto text = read_text(root_ / "proc/pressure/cpu"))
    if (const auto some = parse_pressure(*text, "some")) now.waiting_s = some->total_s;
  return now;
}

load_between between(const load_snapshot& before, const load_snapshot& after, std::span<const int> cpus) {
  load_between result;
  result.seconds = std::chrono::duration<double>(after.at - before.at).count();
  if (const auto throttled = difference(before.throttled_s, after.throttled_s)) result.throttled_ms = *throttled * 1e3;
  if (!(result.seconds > 0)) return result;
  if (const auto waiting = difference(before.waiting_s, after.waiting_s))
    result.waiting = std::min(1.0, *waiting / result.seconds);
  double busy = 0, stolen = 0;
  unsigned counted = 0;
  for (const auto& first : before.processors) {
    if (!cpus.empty() && std::find(cpus.begin(), cpus.end(), first.cpu) == cpus.end()) continue;
    const auto second = std::find_if(after.processors.begin(), after.processors.end(),
                                     [&](const auto& other) { return other.cpu == first.cpu; });
    if (second == after.processors.end()) continue;  // went offline
    busy += std::max(0.0, second->busy_s - first.busy_s);
    stolen += std::max(0.0, second->steal_s - first.steal_s);
    ++counted;
  }
  if (counted == 0) return result;
  result.steal = std::min(1.0, stolen / (result.seconds * counted));
  if (const auto own = difference(before.own_s, after.own_s))
    result.others_busy = std::max(0.0, busy - *own) / result.seconds;
  return result;
}

}  // namespace contend::host
