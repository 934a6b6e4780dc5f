// SPDX-License-Identifier: MIT
// The first and only program of an emulated arm64 machine that has a PMU: counts what is known and checks the result.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "benchmarks/trial.hpp"
#include "perf/counters/capability.hpp"
#include "perf/counters/event_catalogue.hpp"
#include "perf/counters/pfm.hpp"
#include "perf/counters/thread_counters.hpp"
#include "tests/support/known_costs.hpp"

namespace {

using namespace contend;
using namespace std::chrono_literals;
using counters::event;
using counters::state;

unsigned passed = 0;
unsigned failed = 0;

void check(bool right, const char* name, const std::string& detail) {
  std::printf("%-6s %s: %s\n", right ? "ok" : "FAILED", name, detail.c_str());
  ++(right ? passed : failed);
}

/// Two instructions a turn, whatever the compiler thinks.
[[gnu::noinline]] void known_loop(std::uint64_t turns) {
  asm volatile("1: subs %0, %0, #1\n b.ne 1b\n" : "+r"(turns) : : "cc");
}

event raw(std::uint64_t code, std::string metric, counters::side where = counters::side::user) {
  event e;
  e.metric = std::move(metric);
  e.where = where;
  e.type = 4;  // PERF_TYPE_RAW
  e.config = code;
  return e;
}
const event instructions = raw(0x08, "instructions");
const event cycles = raw(0x11, "cycles");

std::vector<counters::reading> count(counters::thread_counters& on, const std::function<void()>& work) {
  on.begin();
  work();
  on.end();
  return on.readings();
}

/// Instructions and cycles of the loop alone: what a long one has more than a short one. −1 if they were not counted.
std::pair<double, double> loop_alone(std::uint64_t turns) {
  counters::thread_counters here(std::vector{instructions, cycles});
  (void)count(here, [] { known_loop(1000); });  // settles
  const auto once = count(here, [&] { known_loop(turns); });
  const auto twice = count(here, [&] { known_loop(2 * turns); });
  if (!once[0].value || !twice[0].value || !once[1].value || !twice[1].value) return {-1, -1};
  return {*twice[0].value - *once[0].value, *twice[1].value - *once[1].value};
}

void exact_instructions() {
  for (const unsigned n : {1U, 2U, 4U}) {
    std::vector<std::pair<double, double>> seen(n);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < n; ++i) threads.emplace_back([&, i] { seen[i] = loop_alone(100'000 * (i + 1)); });
    for (auto& one : threads) one.join();
    for (unsigned i = 0; i < n; ++i) {
      const double expected = 200'000.0 * (i + 1);
      char detail[160];
      std::snprintf(detail, sizeof detail, "%u threads, thread %u: %.0f instructions, %.0f cycles, expected %.0f", n, i,
                    seen[i].first, seen[i].second, expected);
      check(seen[i].first == expected && seen[i].second == expected, "instructions are exact", detail);
    }
  }
}

std::string states_of(const std::vector<counters::reading>& readings) {
  std::array<unsigned, 5> each{};
  for (const auto& r : readings) ++each[static_cast<std::size_t>(r.what)];
  char text[120];
  std::snprintf(text, sizeof text, "%u counted, %u multiplexed, %u starved, %u unsupported, %u failed", each[0],
                each[1], each[2], each[3], each[4]);
  return text;
}

void more_events_than_counters() {
  std::vector<event> many;
  for (int i = 0; i < 16; ++i) many.push_back(raw(0x08, "instructions" + std::to_string(i)));
  {
    counters::thread_counters split(many);
    const auto groups = split.groups();
    std::size_t largest = 0;
    for (const auto& g : groups) largest = std::max(largest, g.size());
    check(groups.size() >= 3 && largest <= 7, "a group that does not fit is split",
          "16 events in " + std::to_string(groups.size()) + " groups, the largest of " + std::to_string(largest));

    const auto longer = count(split, [] { known_loop(100'000'000); });  // many timer ticks: the groups take turns
    const bool shared = std::all_of(longer.begin(), longer.end(), [](const auto& r) {
      return r.what == state::multiplexed && r.value && r.running > 0.1 && r.running < 1 && *r.value > 1.5e8 &&
             *r.value < 2.5e8;
    });
    check(shared, "events that take turns are multiplexed, and scaled to within a quarter", states_of(longer));
  }

  counters::thread_counters crowd(many);
  const auto shorter = count(crowd, [] { known_loop(100'000); });  // ends before the second group has its turn
  const bool some = std::any_of(shorter.begin(), shorter.end(), [](const auto& r) { return r.what == state::counted; });
  const bool none = std::any_of(shorter.begin(), shorter.end(), [](const auto& r) { return r.what == state::starved; });
  const bool honest = std::all_of(shorter.begin(), shorter.end(), [](const auto& r) {
    return r.value.has_value() == (r.what == state::counted || r.what == state::multiplexed);
  });
  check(some && none && honest, "an event that had no turn is starved and has no number", states_of(shorter));
}

void accepted_but_absent() {
  const auto choice = counters::default_events("arm_n1");
  const auto can = counters::probe(choice.events);
  check(can.hardware, "the PMU is found", can.why.reason);
  for (const auto& one : can.events) {
    const bool implemented = one.what.metric == "cycles" || one.what.metric == "instructions" ||
                             one.what.from != counters::origin::perf_event;
    const bool counts = one.how == state::counted || one.how == state::multiplexed;
    if (implemented)
      check(counts, "an event that is there counts", one.what.key() + " " + one.why.reason);
    else
      check(one.how == state::unsupported && one.why.caveat == "event_unsupported",
            "an event that is accepted but not there is unsupported, not 0", one.what.key() + ": " + one.why.reason);
  }
  for (const auto& [metric, why] : choice.refused)
    check(!why.reason.empty(), "a metric that this CPU cannot count says so", metric + ": " + why.reason);
}

void known_microarchitecture() {
  check(counters::this_microarchitecture() == "arm_n1", "the CPU is known", counters::this_microarchitecture());
}

/// Arm's codes against libpfm4's tables, which only an arm64 build of it has.
void codes_agree_with_libpfm4() {
  unsigned agreed = 0;
  for (const auto& row : counters::catalogue()) {
    if (row.libpfm4.empty() || row.microarchitecture.substr(0, 4) != "arm_") continue;
    const std::string name(row.libpfm4);
    const auto theirs = counters::encode_with_libpfm4(name);
    if (theirs && theirs->type == row.type && theirs->config == row.config && theirs->config1 == row.config1) {
      ++agreed;
      continue;
    }
    char detail[200];
    if (theirs)
      std::snprintf(detail, sizeof detail, "%s: ours type %u config %#llx, libpfm4's type %u config %#llx",
                    name.c_str(), row.type, static_cast<unsigned long long>(row.config), theirs->type,
                    static_cast<unsigned long long>(theirs->config));
    else
      std::snprintf(detail, sizeof detail, "%s is no event of libpfm4", name.c_str());
    check(false, "a code agrees with libpfm4", detail);
  }
  check(agreed >= 100, "the codes of Arm's cores agree with libpfm4", std::to_string(agreed) + " codes");
}

bool set_paranoid(int level) {
  const int fd = ::open("/proc/sys/kernel/perf_event_paranoid", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const std::string text = std::to_string(level);
  const bool done = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return done;
}

/// Runs checks in a child that is an ordinary user; their counts come back through its exit status.
void as_ordinary_user(const std::function<void()>& checks) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    passed = failed = 0;
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(255);
    checks();
    std::fflush(stdout);
    ::_exit(static_cast<int>(std::min(failed, 15U) << 4 | std::min(passed, 15U)));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) == 255) {
    check(false, "an ordinary user's checks end", "status " + std::to_string(status));
    return;
  }
  passed += static_cast<unsigned>(WEXITSTATUS(status)) & 15U;
  failed += static_cast<unsigned>(WEXITSTATUS(status)) >> 4;
}

void paranoid_levels() {
  const auto user_and_kernel = [](int level, bool user_counts) {
    const std::string at = "paranoid " + std::to_string(level);
    counters::thread_counters here(std::vector{instructions, raw(0x08, "instructions", counters::side::kernel)});
    const auto seen = count(here, [] { known_loop(1000); });
    check(seen[0].value.has_value() == user_counts, "user space counts where it may", at);
    check(!seen[1].value && here.obstacles()[1].caveat == "paranoid", "the kernel's side is refused",
          at + ": " + here.obstacles()[1].reason + " Cure: " + here.obstacles()[1].cure);
    if (!user_counts)
      check(here.obstacles()[0].caveat == "paranoid", "user space is refused, with its reason",
            at + ": " + here.obstacles()[0].reason);
  };
  check(set_paranoid(2), "perf_event_paranoid can be set", "2");
  as_ordinary_user([&] { user_and_kernel(2, true); });
  check(set_paranoid(3), "perf_event_paranoid can be set", "3");
  as_ordinary_user([&] { user_and_kernel(3, false); });
  set_paranoid(1);
}

void software_events() {
  bench::team threads({});
  for (const unsigned n : {1U, 2U, 4U, 8U}) {
    const auto result =
        threads.run(testing::known_cell(n), bench::trial_kind::counters, 30ms, testing::software_events());
    bool faults = true, switches = true;
    std::uint64_t operations = 0;
    for (const auto& t : result.threads) {
      faults = faults && t.counts[0].value == static_cast<double>(testing::faults_per_step * t.metered);
      switches = switches && t.counts[1].value == static_cast<double>(t.metered);
      operations += t.metered;
    }
    const std::string detail = std::to_string(n) + " threads, " + std::to_string(operations) + " operations";
    check(faults && operations > 0, "page faults per operation are exact", detail);
    check(switches, "voluntary switches per operation are exact", detail);
  }
}

void without_a_pmu() {
  const auto choice = counters::default_events(counters::this_microarchitecture());
  const auto can = counters::probe(choice.events);
  check(!can.hardware && can.why.caveat == "no_pmu" && !can.why.cure.empty(), "no PMU: said once, with a cure",
        can.why.reason + " Cure: " + can.why.cure);
  for (const auto& one : can.events) {
    const bool counts = one.how == state::counted || one.how == state::multiplexed;
    if (one.what.from == counters::origin::perf_event)
      check(!counts && one.why.caveat == "no_pmu", "a hardware event is refused",
            one.what.key() + ": " + one.why.reason);
    else
      check(counts, "a software event counts", one.what.key());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool first = ::getpid() == 1;
  if (first) {
    for (const char* place : {"/proc", "/sys", "/dev"}) ::mkdir(place, 0755);
    ::mount("proc", "/proc", "proc", 0, nullptr);
    ::mount("sysfs", "/sys", "sysfs", 0, nullptr);
    ::mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr);
    if (const int console = ::open("/dev/console", O_RDWR | O_CLOEXEC); console >= 0) {
      ::dup2(console, 1);
      ::dup2(console, 2);
    }
  }
  utsname kernel{};
  ::uname(&kernel);
  std::printf("emulated machine: Linux %s %s\n", kernel.release, kernel.machine);
  const bool pmu = std::none_of(argv + 1, argv + argc, [](const char* word) { return std::string(word) == "no-pmu"; });
  if (pmu) {
    known_microarchitecture();
    exact_instructions();
    more_events_than_counters();
    accepted_but_absent();
    codes_agree_with_libpfm4();
    paranoid_levels();
  } else {
    without_a_pmu();
  }
  software_events();
  std::printf("CHECKS %u passed, %u failed\n", passed, failed);
  std::fflush(stdout);
  if (first) {
    ::sync();
    ::reboot(RB_POWER_OFF);
  }
  return failed == 0 ? 0 : 1;
}
