// SPDX-License-Identifier: MIT
// See hunt.hpp.
#include "hunt.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <stdexcept>

namespace contend::hunt {
namespace {

std::optional<std::uint64_t> asked_for() {
  const char* const text = std::getenv("CONTEND_SCHEDULE");
  if (text == nullptr) return std::nullopt;
  char* end = nullptr;
  const std::uint64_t seed = std::strtoull(text, &end, 10);
  if (*text == '\0' || *end != '\0')
    throw std::invalid_argument("CONTEND_SCHEDULE: '" + std::string(text) + "' is no seed; expected a whole number");
  return seed;
}

void tell(const std::string& name, memory kind, const finding& found) {
  const auto* const test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::cout << "[ found    ] " << name << (kind == memory::weak ? ", weak" : "") << ", schedule " << found.schedules
            << ": " << found.seen.wrong << "\n[ again    ] CONTEND_SCHEDULE=" << found.seed << ' '
            << ::program_invocation_short_name << " --gtest_filter=" << test->test_suite_name() << '.' << test->name()
            << std::endl;
}

/// The child's report: accesses, then text.
outcome read_report(int from) {
  outcome seen;
  if (::read(from, &seen.accesses, sizeof seen.accesses) != sizeof seen.accesses) return {"the process ended", 0};
  char text[512];
  for (ssize_t n; (n = ::read(from, text, sizeof text)) > 0;) seen.wrong.append(text, static_cast<std::size_t>(n));
  return seen;
}

void write_report(int to, const outcome& seen) {
  const ssize_t wrote =
      ::write(to, &seen.accesses, sizeof seen.accesses) + ::write(to, seen.wrong.data(), seen.wrong.size());
  std::_Exit(wrote > 0 ? 0 : 1);
}

outcome in_a_child(const std::function<outcome()>& run) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("cannot make a pipe");
  std::cout.flush();
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot start a process");
  if (child == 0) {
    ::close(ends[0]);
    write_report(ends[1], run());
  }
  ::close(ends[1]);
  outcome seen = read_report(ends[0]);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) seen.wrong = std::string("it ended with ") + ::strsignal(WTERMSIG(status));
  return seen;
}

}  // namespace

bool one_is_asked_for() { return asked_for().has_value(); }

std::uint64_t length_of(const one_schedule& run) {
  return std::min<std::uint64_t>(run_apart(run, {.kind = coherence::schedule_kind::random}).accesses, 5'000);
}

coherence::schedule_options options_of(std::uint64_t seed, memory kind, std::uint64_t length) {
  coherence::schedule_options options;
  options.kind = seed % 2 == 0 ? coherence::schedule_kind::random : coherence::schedule_kind::pct;
  options.seed = seed;
  options.depth = 2 + static_cast<unsigned>(seed / 2 % 3);
  options.length = length;
  options.weak = kind == memory::weak;
  return options;
}

coherence::machine slow_machine() {
  coherence::machine m;
  m.name = "hunt";
  m.load = m.store = m.rmw = m.fence = m.memory = 100'000;
  m.pause = m.system_call = m.block = m.wake = 1'000'000;
  return m;
}

outcome run_apart(const one_schedule& run, const coherence::schedule_options& options) {
  return in_a_child([&] { return run(options); });
}

std::optional<finding> hunt(const std::string& name, const one_schedule& run, memory kind, std::uint64_t schedules,
                            std::uint64_t first) {
  const auto only = asked_for();
  const std::uint64_t length = length_of(run);
  for (std::uint64_t i = 0; i < (only ? 1 : schedules); ++i) {
    const std::uint64_t seed = only ? *only : first + i;
    const auto options = options_of(seed, kind, length);
    const finding found{seed, i + 1, only ? run(options) : run_apart(run, options)};
    if (found.seen.wrong.empty()) continue;
    tell(name, kind, found);
    return found;
  }
  return std::nullopt;
}

std::optional<finding> hunt_many(const std::string& name, const one_schedule& run, memory kind,
                                 std::uint64_t schedules) {
  if (asked_for()) return hunt(name, run, kind, 1);
  constexpr std::uint64_t batch = 50;
  const std::uint64_t length = length_of(run);
  for (std::uint64_t first = 0; first < schedules; first += batch) {
    const outcome seen = in_a_child([&] {
      for (std::uint64_t seed = first; seed < std::min(first + batch, schedules); ++seed) {
        auto options = options_of(seed, kind, length);
        options.keep_threads = true;
        if (const outcome one = run(options); !one.wrong.empty()) return one;
      }
      return outcome{};
    });
    if (seen.wrong.empty()) continue;
    // Each alone, for the seed. If it takes the ones before it, that is found, too.
    if (const auto alone = hunt(name, run, kind, batch, first)) return alone;
    return finding{first, batch, {seen.wrong + " (in a process with the schedules before it)", seen.accesses}};
  }
  return std::nullopt;
}

}  // namespace contend::hunt
