// SPDX-License-Identifier: MIT
// See simulator.hpp.
#include "simulator.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

namespace contend::bench {
namespace {

using nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr int cannot_be_run = 127;

struct child {
  pid_t pid = -1;
  int to = -1;    ///< its standard input
  int from = -1;  ///< its standard output
};

/// Starts the program with `first` on its standard input already; pid < 0 and errno if that is not possible.
child start_program(const fs::path& program, const std::string& first, bool silent) {
  int in[2], out[2];
  if (::pipe2(in, O_CLOEXEC) != 0) return {};
  if (::pipe2(out, O_CLOEXEC) != 0) {
    ::close(in[0]);
    ::close(in[1]);
    return {};
  }
  // Written while this process holds the other end, so that no signal comes of a program that does not read. A pipe
  // holds 64 KiB, a machine with its calibration less than 10.
  const bool said = ::write(in[1], first.data(), first.size()) == static_cast<ssize_t>(first.size());
  std::string name = program.string();
  char* const argv[] = {name.data(), nullptr};
  const pid_t pid = said ? ::fork() : -1;
  if (pid == 0) {
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    if (const int nowhere = silent ? ::open("/dev/null", O_WRONLY | O_CLOEXEC) : -1; nowhere >= 0) ::dup2(nowhere, 2);
    ::execv(argv[0], argv);
    ::_exit(cannot_be_run);
  }
  const int reason = errno;
  ::close(in[0]);
  ::close(out[1]);
  if (pid > 0) return {pid, in[1], out[0]};
  ::close(in[1]);
  ::close(out[0]);
  errno = reason;
  return {};
}

/// A stranger's line as it can be shown: its beginning, without what is not printable.
std::string shown(std::string text) {
  text = text.substr(0, text.find('\n'));
  const bool long_one = text.size() > 60;
  text.resize(std::min<std::size_t>(text.size(), 60));
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  return text + (long_one ? "…" : "");
}

void stop(pid_t pid) {
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

/// What a program did that did not greet. One that shuts its mouth and goes on is killed.
std::string end_of(pid_t pid) {
  int status = 0;
  for (int i = 0; i < 100 && ::waitpid(pid, &status, WNOHANG) == 0; ++i) {
    if (i == 99) {
      stop(pid);
      return "it closed its output and did not greet";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (WIFSIGNALED(status)) return fmt::format("it died of signal {}", WTERMSIG(status));
  if (WEXITSTATUS(status) == cannot_be_run) return "it cannot be executed";
  return fmt::format("it ended with status {} and did not greet", WEXITSTATUS(status));
}

}  // namespace

simulator::simulator(const fs::path& program, std::string setup, std::chrono::milliseconds limit)
    : program_(program), setup_(std::move(setup)), limit_(limit) {}

bool simulator::ask(std::size_t task, const std::string& name, std::uint64_t seed, std::string& why) {
  if (pid_ < 0 && !start(why)) return false;
  const std::string line = ordered_json{{"cell", name}, {"seed", seed}}.dump() + "\n";
  task_ = task;
  busy_ = true;
  deadline_ = std::chrono::steady_clock::now() + limit_;
  if (::write(to_, line.data(), line.size()) == static_cast<ssize_t>(line.size())) return true;
  why = "the simulating program left";
  end();
  return false;
}

bool simulator::read(std::optional<ordered_json>& answer) {
  char chunk[65536];
  const ssize_t n = ::read(from_, chunk, sizeof chunk);
  if (n < 0 && errno == EINTR) return true;
  if (n <= 0) return false;
  unread_.append(chunk, static_cast<std::size_t>(n));
  for (;;) {
    const auto end = unread_.find('\n');
    if (end == std::string::npos) return true;
    auto one = ordered_json::parse(unread_.substr(0, end), nullptr, false);
    unread_.erase(0, end + 1);
    if (!one.is_object()) return false;
    if (!one.contains("cell")) continue;  // the greeting
    answer = std::move(one);
    busy_ = false;
    return true;
  }
}

void simulator::end() {
  if (pid_ < 0) return;
  stop(pid_);
  ::close(to_);
  ::close(from_);
  pid_ = -1;
  busy_ = false;
  unread_.clear();
}

bool simulator::start(std::string& why) {
  const child one = start_program(program_, setup_, false);
  if (one.pid < 0) {
    why = fmt::format("cannot start the simulating program: {}", std::strerror(errno));
    return false;
  }
  pid_ = one.pid;
  to_ = one.to;
  from_ = one.from;
  return true;
}

std::string why_it_cannot_simulate(const fs::path& program, std::chrono::milliseconds limit) {
  if (::access(program.c_str(), X_OK) != 0)
    return fmt::format(
        "there is no program '{}', which has the simulated threads; contend_add_bench() makes it, and so does a build "
        "of contend without sanitizers",
        program.string());
  const auto stranger = [&](const std::string& what) {
    return fmt::format(
        "'{}' is no program with simulated threads: {}; expected the one that contend_add_bench() or "
        "contend_simulated() makes",
        program.string(), what);
  };
  const child one = start_program(program, "{\"greet\": 1}\n", true);
  if (one.pid < 0) return fmt::format("'{}' cannot be started: {}", program.string(), std::strerror(errno));
  const auto deadline = std::chrono::steady_clock::now() + limit;
  std::string text;
  bool ended = false;
  while (!ended && text.find('\n') == std::string::npos && text.size() < 65536) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) break;
    pollfd waited{one.from, POLLIN, 0};
    if (::poll(&waited, 1, static_cast<int>(left.count())) <= 0) continue;  // a signal, or late
    char chunk[4096];
    const ssize_t n = ::read(one.from, chunk, sizeof chunk);
    if (n > 0)
      text.append(chunk, static_cast<std::size_t>(n));
    else if (n == 0 || errno != EINTR)
      ended = true;
  }
  ::close(one.to);
  ::close(one.from);
  std::string how;
  if (ended) {
    how = end_of(one.pid);
  } else {
    stop(one.pid);
    if (text.empty())
      how = fmt::format("it said nothing for {} s", std::chrono::ceil<std::chrono::seconds>(limit).count());
  }
  if (const auto line = text.find('\n'); line != std::string::npos) {
    const auto greeting = ordered_json::parse(text.substr(0, line), nullptr, false);
    if (greeting.is_object() && greeting.value("simulates", ordered_json()) == 1) return {};
    if (greeting.is_object() && greeting.contains("refuses") && greeting["refuses"].is_string())
      return fmt::format("'{}' {}", program.string(), greeting["refuses"].get<std::string>());
  }
  if (!text.empty()) how = fmt::format("it said '{}'", shown(text));
  return stranger(how);
}

}  // namespace contend::bench
