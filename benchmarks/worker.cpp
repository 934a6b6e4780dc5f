// SPDX-License-Identifier: MIT
// One JSON object per line, both ways, over a socket pair.
#include "worker.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace contend::bench {
namespace {

using nlohmann::json;

constexpr const char* line_variable = "CONTEND_WORKER_FD";

bool send_line(int fd, const json& message) {
  const std::string text = message.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t n = ::send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

json to_json(const trial_result& r) {
  json threads = json::array();
  json counts = json::array();
  for (const auto& t : r.threads) {
    for (const auto& c : t.counts)
      counts.push_back({c.value ? json(*c.value) : json(nullptr), static_cast<int>(c.what), c.running});
    threads.push_back({t.done, t.failed, t.start_ns, t.stop_ns, t.cpu_ns, t.involuntary_switches, t.voluntary_switches,
                       t.cpu, t.late, t.page_faults, t.metered});
  }
  json out{{"threads", threads}, {"window_ns", r.window_ns}, {"wrong", r.wrong}};
  if (r.waits) out["waits"] = {r.waits->count, r.waits->p50, r.waits->p99, r.waits->p999, r.waits->max};
  if (!counts.empty()) out["counts"] = std::move(counts);  // thread by thread, event by event
  for (const auto& o : r.obstacles) out["obstacles"].push_back({o.caveat, o.reason, o.cure});
  if (r.self_handoff) out["self_handoff"] = *r.self_handoff;
  for (const auto& e : r.extras) out["extras"].push_back({e.name, e.unit, e.value});
  return out;
}

trial_result from_json(const json& in) {
  trial_result r;
  for (const auto& t : in.at("threads"))
    r.threads.push_back({t[0].get<std::uint64_t>(),
                         t[1].get<std::uint64_t>(),
                         t[2].get<std::int64_t>(),
                         t[3].get<std::int64_t>(),
                         t[4].get<std::int64_t>(),
                         t[5].get<std::int64_t>(),
                         t[6].get<std::int64_t>(),
                         t[7].get<int>(),
                         t[8].get<std::uint64_t>(),
                         t[9].get<std::int64_t>(),
                         t[10].get<std::uint64_t>(),
                         {}});
  r.window_ns = in.at("window_ns").get<std::int64_t>();
  r.wrong = in.at("wrong").get<std::string>();
  if (const auto w = in.find("waits"); w != in.end())
    r.waits = wait_summary{(*w)[0].get<std::uint64_t>(), (*w)[1].get<double>(), (*w)[2].get<double>(),
                           (*w)[3].get<double>(), (*w)[4].get<double>()};
  if (const auto extras = in.find("extras"); extras != in.end())
    for (const auto& e : *extras)
      r.extras.push_back({e[0].get<std::string>(), e[1].get<std::string>(), e[2].get<double>()});
  if (const auto counts = in.find("counts"); counts != in.end())
    for (std::size_t i = 0; i < counts->size(); ++i) {
      const json& c = (*counts)[i];
      r.threads[i / (counts->size() / r.threads.size())].counts.push_back(
          {c[0].is_null() ? std::nullopt : std::optional(c[0].get<double>()),
           static_cast<counters::state>(c[1].get<int>()), c[2].get<double>()});
    }
  if (const auto obstacles = in.find("obstacles"); obstacles != in.end())
    for (const auto& o : *obstacles)
      r.obstacles.push_back({o[0].get<std::string>(), o[1].get<std::string>(), o[2].get<std::string>()});
  if (const auto h = in.find("self_handoff"); h != in.end()) r.self_handoff = h->get<double>();
  return r;
}

json to_json(std::span<const counters::event> events) {
  json out = json::array();
  for (const auto& e : events)
    out.push_back({e.metric, static_cast<int>(e.where), static_cast<int>(e.from), e.type, e.config, e.config1});
  return out;
}

std::vector<counters::event> events_from_json(const json& in) {
  std::vector<counters::event> out;
  for (const auto& e : in)
    out.push_back({.metric = e[0].get<std::string>(),
                   .where = static_cast<counters::side>(e[1].get<int>()),
                   .from = static_cast<counters::origin>(e[2].get<int>()),
                   .type = e[3].get<std::uint32_t>(),
                   .config = e[4].get<std::uint64_t>(),
                   .config1 = e[5].get<std::uint64_t>(),
                   .name = {},
                   .source = {}});
  return out;
}

/// Every event of every thread is an open file.
void allow_many_files() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

bool is_worker() { return std::getenv(line_variable) != nullptr; }

int serve(const matrix& all, std::vector<int> placement) {
  const std::string given = std::getenv(line_variable);
  int fd = -1;
  struct stat kind {};
  if (const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), fd);
      error != std::errc() || end != given.data() + given.size() || ::fstat(fd, &kind) != 0 || !S_ISSOCK(kind.st_mode))
    throw std::runtime_error(std::string(line_variable) + " is '" + given +
                             "', which is no socket; a run sets it for its own workers, unset it");
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A terminal, or `timeout`, signals the whole group; what to keep is the supervisor's to decide.
  for (const int one : {SIGINT, SIGTERM, SIGHUP}) std::signal(one, SIG_IGN);
  allow_many_files();
  platform::calibrate_work();
  team threads(std::move(placement));
  std::string unread;
  char chunk[4096];
  for (;;) {
    const auto end = unread.find('\n');
    if (end == std::string::npos) {
      const ssize_t n = ::read(fd, chunk, sizeof chunk);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return 0;
      unread.append(chunk, static_cast<std::size_t>(n));
      continue;
    }
    const json request = json::parse(unread.substr(0, end));
    unread.erase(0, end + 1);
    json answer;
    try {
      const cell* what = all.find(request.at("cell").get<std::string>());
      if (what == nullptr) throw std::runtime_error("the worker does not know this cell");
      answer = to_json(threads.run(*what, static_cast<trial_kind>(request.at("kind").get<int>()),
                                   std::chrono::microseconds(request.at("window_us").get<std::int64_t>()),
                                   events_from_json(request.value("events", json::array()))));
    } catch (const std::exception& e) {
      answer = {{"thrown", e.what()}};
    }
    if (!send_line(fd, answer)) return 0;
  }
}

supervisor::supervisor(std::vector<std::string> arguments, std::chrono::milliseconds limit)
    : arguments_(std::move(arguments)), limit_(limit) {}

supervisor::~supervisor() { kill_worker(); }

void supervisor::start() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::runtime_error(std::string("cannot start a worker: socketpair: ") + std::strerror(errno));
  std::vector<char*> argv;
  for (auto& argument : arguments_) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error(std::string("cannot start a worker: fork: ") + std::strerror(errno));
  if (child == 0) {
    const int fd = ::dup(ends[1]);  // without close-on-exec
    ::setenv(line_variable, std::to_string(fd).c_str(), 1);
    ::execv("/proc/self/exe", argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  line_ = ends[0];
  worker_ = child;
  trials_of_worker_ = 0;
  unread_.clear();
}

void supervisor::kill_worker() {
  if (worker_ < 0) return;
  ::kill(worker_, SIGKILL);
  ::waitpid(worker_, nullptr, 0);
  ::close(line_);
  worker_ = -1;
  line_ = -1;
}

std::string supervisor::why_it_died() {
  int status = 0;
  ::waitpid(worker_, &status, 0);
  ::close(line_);
  worker_ = -1;
  line_ = -1;
  if (WIFSIGNALED(status))
    return "the worker died of signal " + std::to_string(WTERMSIG(status)) + " (" + strsignal(WTERMSIG(status)) + ")";
  return "the worker left with status " + std::to_string(WEXITSTATUS(status));
}

trial_outcome supervisor::run(const cell& what, trial_kind kind, std::chrono::microseconds window,
                              std::span<const counters::event> events) {
  using clock = std::chrono::steady_clock;
  if (worker_ >= 0 && ++trials_of_worker_ > trials_per_worker) kill_worker();
  try {
    if (worker_ < 0) start();
  } catch (const std::runtime_error& error) {  // no more processes: it costs the cell, not what was measured
    return trial_failure{"crashed", error.what()};
  }
  json request{{"cell", what.name}, {"kind", static_cast<int>(kind)}, {"window_us", window.count()}};
  if (kind == trial_kind::counters) request["events"] = to_json(events);
  if (!send_line(line_, request)) return trial_failure{"crashed", why_it_died()};
  const auto deadline = clock::now() + window + limit_;
  char chunk[65536];
  for (;;) {
    if (const auto end = unread_.find('\n'); end != std::string::npos) {
      const json answer = json::parse(unread_.substr(0, end));
      unread_.erase(0, end + 1);
      if (const auto thrown = answer.find("thrown"); thrown != answer.end())
        return trial_failure{"crashed", "the workload threw: " + thrown->get<std::string>()};
      trial_result result = from_json(answer);
      if (!result.wrong.empty()) return trial_failure{"check_failed", result.wrong};
      return result;
    }
    if (interrupted_ != nullptr && *interrupted_ != 0) {
      kill_worker();
      return trial_failure{"interrupted", "interrupted"};
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()).count();
    if (left <= 0) {
      kill_worker();
      return trial_failure{"timeout", "no end " + std::to_string(limit_.count()) +
                                          " ms after the stop flag was raised; the worker was killed"};
    }
    pollfd wait{line_, POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(std::min<long>(left, 200)));
    if (ready <= 0) continue;
    const ssize_t n = ::read(line_, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      const std::string why = why_it_died();
      if (interrupted_ != nullptr && *interrupted_ != 0) return trial_failure{"interrupted", "interrupted"};
      return trial_failure{"crashed", why};
    }
    unread_.append(chunk, static_cast<std::size_t>(n));
  }
}

}  // namespace contend::bench
