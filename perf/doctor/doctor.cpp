// SPDX-License-Identifier: MIT
// The examination itself, and what `contend doctor` prints of it.
#include "perf/doctor/doctor.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <system_error>

#include "contend_build_info.hpp"
#include "perf/calibration/calibrate.hpp"
#include "perf/doctor/page.hpp"
#include "perf/host/environment.hpp"

namespace contend::doctor {
namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

double seconds_since(steady::time_point start) { return std::chrono::duration<double>(steady::now() - start).count(); }

/// Nothing if the threads to try it with cannot be had.
std::optional<countable> examine_counting() try {
  countable counting;
  counting.around = counters::read_surroundings();
  counting.microarchitecture = counters::this_microarchitecture();
  auto choice = counters::default_events(counting.microarchitecture);
  counting.refused = std::move(choice.refused);
  counting.found = counters::probe(choice.events);
  return counting;
} catch (const std::system_error&) {
  return std::nullopt;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts));
}

/// One live line on a terminal, which goes away; one line per part elsewhere.
class progress_line {
 public:
  explicit progress_line(bool quiet) : quiet_(quiet), terminal_(::isatty(2) == 1) {}
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;
  ~progress_line() {
    if (!quiet_ && terminal_) std::fprintf(stderr, "\r\033[K");
  }
  void show(const char* part) const {
    if (quiet_) return;
    std::fprintf(stderr, terminal_ ? "\r\033[Kcontend doctor: %s" : "contend doctor: %s\n", part);
    std::fflush(stderr);
  }

 private:
  bool quiet_, terminal_;
};

}  // namespace

facts examine(const say& progress) {
  facts known;
  progress("core-to-core latency");
  const auto pairs = host::core_to_core_cpus(host::read_topology());
  known.note = pairs.note;
  known.first = host::measure_core_to_core(pairs.cpus, 2s);
  const auto first_at = steady::now();
  progress("watching what else runs, for one second");
  const host::environment surroundings({}, 1s);
  known.environment = surroundings.block();
  known.machine = surroundings.machine();
  progress("what can be counted");
  known.counting = examine_counting();
  if (!known.first.empty()) {
    progress("core-to-core latency once more");
    known.apart_s = seconds_since(first_at);
    known.second = host::measure_core_to_core(pairs.cpus, 1s);
  }
  return known;
}

int run(const options& asked) try {
  if (asked.calibrate) return calibration::run({asked.results, asked.json, asked.quiet});
  const auto start = steady::now();
  facts known;
  {
    const progress_line line(asked.quiet);
    known = examine([&](const char* part) { line.show(part); });
  }
  known.program = asked.program;
  const diagnosis found = judge(known);
  if (asked.json) {
    auto document = json_page(known, found);
    document["taken"] = utc_now();
    document["took_s"] = seconds_since(start);
    document["program"] = {{"version", build_info::version}, {"commit", build_info::commit}};
    std::printf("%s\n", document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  } else {
    const char* no_colour = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    page_style style;
    style.colour = ::isatty(1) == 1 && (no_colour == nullptr || *no_colour == '\0') &&
                   (terminal == nullptr || std::string_view(terminal) != "dumb");
    style.verbose = asked.verbose;
    std::fputs(text_page(known, found, style).c_str(), stdout);
  }
  if (std::fflush(stdout) == 0) return 0;
  std::fprintf(stderr, "contend doctor: cannot write to standard output\n");
  return 2;
} catch (const std::exception& wrong) {
  std::fprintf(stderr, "contend doctor: %s\n", wrong.what());
  return 2;
}

}  // namespace contend::doctor
