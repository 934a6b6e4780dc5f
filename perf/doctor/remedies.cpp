// SPDX-License-Identifier: MIT
// What to do about each fault, with the command that does it.
#include "perf/doctor/remedies.hpp"

#include <algorithm>

#include "perf/host/text.hpp"

namespace contend::doctor {
namespace {

using host::joined;

/// "1,2,4": powers of two up to n, and n.
std::string thread_counts(unsigned n) {
  std::string list;
  for (unsigned i = 1; i < n; i *= 2) list.append(std::to_string(i)).append(",");
  return list.append(std::to_string(n));
}

/// With a capital and a full stop.
std::string sentence(std::string clause) {
  if (clause[0] >= 'a' && clause[0] <= 'z') clause[0] = static_cast<char>(clause[0] - 'a' + 'A');
  if (clause.back() != '.') clause += '.';
  return clause;
}

/// What keeps the machine as a whole from counting, or from counting on the kernel's side.
std::optional<counters::obstacle> counter_obstacle(const facts& known) {
  if (!known.counting || (known.counting->found.hardware && known.counting->found.kernel_side)) return std::nullopt;
  return known.counting->found.why;
}

bool multiplexed(const facts& known) {
  if (!known.counting) return false;
  const auto& events = known.counting->found.events;
  return std::any_of(events.begin(), events.end(), [](const auto& one) {
    return one.how == counters::state::multiplexed || one.how == counters::state::starved;
  });
}

void disturbances(const facts& known, const view& of, std::vector<remedy>& list) {
  if (of.has("noisy")) list.push_back({"Stop other programs, or come back later.", "top -o %CPU", {"timings"}});
  if (of.has("steal")) list.push_back({"Get dedicated processors from the host, or come back later.", "", {"timings"}});
  if (of.has("throttled") && of.quota)
    list.push_back({"Raise the quota (cpu.max, docker --cpus), or measure within it.",
                    joined({known.program, " bench --threads ", thread_counts(of.usable)}),
                    {"timings", "threads"}});
}

void counting(const facts& known, const view& of, std::vector<remedy>& list) {
  if (const auto obstacle = counter_obstacle(known); obstacle && obstacle->caveat == "paranoid")
    list.push_back(
        {"Allow counting, until the next boot.", "sudo sysctl kernel.perf_event_paranoid=1", {"hardware_counters"}});
  else if (obstacle && !obstacle->cure.empty())
    list.push_back({sentence(obstacle->cure), "", {"hardware_counters"}});
  if (multiplexed(known) && of.nmi_watchdog == true)
    list.push_back({"Free the counter that the kernel's NMI watchdog occupies.",
                    "sudo sysctl kernel.nmi_watchdog=0",
                    {"hardware_counters"}});
}

void clock(const view& of, std::vector<remedy>& list) {
  if (!of.governor.empty() && of.governor != "performance")
    list.push_back(
        {"Keep the clock from following the load.", "sudo cpupower frequency-set -g performance", {"timings"}});
  if (of.boost == true)
    list.push_back({"Turn turbo off: it slows the clock as more threads run.",
                    of.driver.starts_with("intel_pstate")
                        ? "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo"
                        : "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost",
                    {"timings"}});
  if (of.slow_clock())
    list.push_back({"Choose a clock that is fast to read, such as tsc, if it is offered.",
                    "cat /sys/devices/system/clocksource/clocksource0/available_clocksource",
                    {"timings"}});
}

void placing(const facts& known, const view& of, const std::vector<verdict>& trust, std::vector<remedy>& list) {
  const auto matrix =
      std::find_if(trust.begin(), trust.end(), [](const auto& one) { return one.what == "core_to_core"; });
  if (of.available == 1)
    list.push_back({"Give this process more processors.", "taskset -p $$", {"threads", "core_to_core"}});
  if (matrix != trust.end() && matrix->trust == level::limited && !known.first.empty())
    list.push_back({of.virtual_machine == true
                        ? "Have the host pin the virtual processors, or compare only within one run."
                        : "Look again: passing load can make alike pairs differ.",
                    of.virtual_machine == true ? "" : joined({known.program, " doctor"}),
                    {"core_to_core", "timings"}});
}

}  // namespace

std::vector<remedy> remedies(const facts& known, const view& of, const std::vector<verdict>& trust) {
  std::vector<remedy> list;
  disturbances(known, of, list);
  counting(known, of, list);
  clock(of, list);
  placing(known, of, trust, list);
  if (of.virtual_machine == true)
    list.push_back({"For absolute numbers, measure on a physical machine.", "", {"timings"}});
  list.push_back({"Measure.", joined({known.program, " bench"}), {}});
  return list;
}

}  // namespace contend::doctor
