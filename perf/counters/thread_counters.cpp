// SPDX-License-Identifier: MIT
// Opens groups of events on the calling thread, enables them once, and reads each group twice per interval.
#include "perf/counters/thread_counters.hpp"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <deque>
#include <utility>

namespace contend::counters {

int perf_event_open(perf_event_attr* attr, pid_t pid, int cpu, int group, unsigned long flags) {
  return static_cast<int>(::syscall(SYS_perf_event_open, attr, pid, cpu, group, flags));
}

namespace {

constexpr double starved_below = 0.1;
constexpr std::size_t head = 3;  // of a group's read: number of members, time enabled, time running

perf_event_attr attribute_of(const event& what, bool leads) {
  perf_event_attr attr{};
  attr.size = sizeof attr;
  attr.type = what.type;
  attr.config = what.config;
  attr.config1 = what.config1;
  attr.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  attr.disabled = leads ? 1 : 0;  // a group counts when its leader does
  attr.exclude_kernel = what.where == side::user ? 1 : 0;
  attr.exclude_user = what.where == side::kernel ? 1 : 0;
  attr.exclude_hv = 1;
  return attr;
}

struct member {
  std::size_t index;  ///< among all events
  int fd;
};

struct group {
  std::vector<member> members;
  std::vector<std::uint64_t> at_begin, at_end;
  bool begin_read = false, end_read = false;
};

/// What getrusage(RUSAGE_THREAD) says about the calling thread.
struct usage {
  std::uint64_t page_faults = 0, voluntary = 0, involuntary = 0;
};

usage usage_now() noexcept {
  rusage now{};
  ::getrusage(RUSAGE_THREAD, &now);
  return {static_cast<std::uint64_t>(now.ru_minflt) + static_cast<std::uint64_t>(now.ru_majflt),
          static_cast<std::uint64_t>(now.ru_nvcsw), static_cast<std::uint64_t>(now.ru_nivcsw)};
}

std::uint64_t difference(origin from, const usage& begin, const usage& end) {
  switch (from) {
    case origin::page_faults:
      return end.page_faults - begin.page_faults;
    case origin::voluntary_switches:
      return end.voluntary - begin.voluntary;
    case origin::involuntary_switches:
      return end.involuntary - begin.involuntary;
    case origin::context_switches:
      return end.voluntary - begin.voluntary + end.involuntary - begin.involuntary;
    case origin::perf_event:
      break;
  }
  return 0;
}

/// A number of events over an interval, scaled by the share of it in which they were on a counter.
reading worth(std::uint64_t count, std::uint64_t enabled, std::uint64_t running) {
  reading result;
  result.running = enabled == 0 ? 0 : std::min(1.0, static_cast<double>(running) / static_cast<double>(enabled));
  if (enabled != 0 && running >= enabled) {
    result.what = state::counted;
    result.value = static_cast<double>(count);
  } else if (result.running >= starved_below) {
    result.what = state::multiplexed;
    result.value = static_cast<double>(count) / result.running;
  } else {
    result.what = state::starved;
  }
  return result;
}

}  // namespace

struct thread_counters::inside {
  std::vector<event> events;
  kernel_calls calls;
  std::vector<obstacle> obstacles;
  std::vector<group> groups;
  bool software = false;  ///< some event comes from getrusage
  usage usage_at_begin, usage_at_end;
  bool ended = false;

  inside(std::span<const event> wanted, kernel_calls given)
      : events(wanted.begin(), wanted.end()), calls(std::move(given)), obstacles(wanted.size()) {
    if (!calls.open) calls.open = &perf_event_open;
    if (!calls.read) calls.read = [](int fd, void* into, std::size_t size) { return ::read(fd, into, size); };
    if (!calls.close) calls.close = [](int fd) { ::close(fd); };
    if (!calls.enable)
      calls.enable = [](int fd, bool on) {
        return ::ioctl(fd, on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP);
      };
    open_all();
  }

  ~inside() {
    for (auto& one : groups) close_group(one);
  }
  inside(const inside&) = delete;
  inside& operator=(const inside&) = delete;

  /// Members first: the leader's descriptor holds the group together.
  void close_group(group& one) {
    for (auto last = one.members.rbegin(); last != one.members.rend(); ++last) calls.close(last->fd);
    one.members.clear();
  }

  int open_one(std::size_t index, int leader) {
    perf_event_attr attr = attribute_of(events[index], leader < 0);
    return calls.open(&attr, 0, -1, leader, PERF_FLAG_FD_CLOEXEC);
  }

  void open_all() {
    std::deque<std::size_t> waiting;
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (events[i].from == origin::perf_event)
        waiting.push_back(i);
      else
        software = true;
    }
    std::optional<surroundings> around;
    while (!waiting.empty()) {
      group next;
      while (!waiting.empty()) {
        const std::size_t index = waiting.front();
        const int leader = next.members.empty() ? -1 : next.members.front().fd;
        const int fd = open_one(index, leader);
        const int error = errno;
        if (fd < 0 && error == EINVAL && leader >= 0) break;  // does not fit: it leads the next group, or fails there
        waiting.pop_front();
        if (fd >= 0) {
          next.members.push_back({index, fd});
          continue;
        }
        if (!around) around = read_surroundings();
        obstacles[index] = why_not(error, events[index], *around);
      }
      settle(next, waiting);
      if (next.members.empty()) continue;
      next.at_begin.assign(head + next.members.size(), 0);
      next.at_end = next.at_begin;
      groups.push_back(std::move(next));
    }
    for (group& one : groups)
      if (calls.enable(one.members.front().fd, true) != 0) give_up(one, errno);
    std::erase_if(groups, [](const group& one) { return one.members.empty(); });
  }

  /// The kernel tells a group that fits the PMU from one that does not, but not whether others hold a counter for good
  /// (the NMI watchdog): such a group would never run. So each is tried alone, and put back one by one until it runs.
  void settle(group& one, std::deque<std::size_t>& waiting) {
    while (one.members.size() > 1) {
      const int leader = one.members.front().fd;
      std::vector<std::uint64_t> data(head + one.members.size());
      const bool tried = calls.enable(leader, true) == 0 && read_into(leader, data);
      calls.enable(leader, false);
      if (!tried || data[1] == 0 || data[2] > 0) return;
      waiting.push_front(one.members.back().index);
      calls.close(one.members.back().fd);
      one.members.pop_back();
    }
  }

  void give_up(group& one, int error) {
    const surroundings around = read_surroundings();
    for (const member& each : one.members) obstacles[each.index] = why_not(error, events[each.index], around);
    close_group(one);
  }

  bool read_into(int leader, std::vector<std::uint64_t>& data) {
    const std::size_t size = data.size() * sizeof data[0];
    return calls.read(leader, data.data(), size) == static_cast<ssize_t>(size);
  }

  void begin() {
    ended = false;
    if (software) usage_at_begin = usage_now();
    for (group& one : groups) one.begin_read = read_into(one.members.front().fd, one.at_begin);
  }

  void end() {
    for (group& one : groups) one.end_read = read_into(one.members.front().fd, one.at_end);
    if (software) usage_at_end = usage_now();
    ended = true;
    for (const group& one : groups)
      for (const member& each : one.members)
        obstacles[each.index] = one.begin_read && one.end_read ? obstacle{} : why_not(reading{}, events[each.index]);
  }
};

thread_counters::thread_counters(std::span<const event> events, open_call open)
    : thread_counters(events, kernel_calls{std::move(open), {}, {}, {}}) {}
thread_counters::thread_counters(std::span<const event> events, kernel_calls calls)
    : inside_(std::make_unique<inside>(events, std::move(calls))) {}
thread_counters::~thread_counters() = default;
thread_counters::thread_counters(thread_counters&&) noexcept = default;
thread_counters& thread_counters::operator=(thread_counters&&) noexcept = default;

void thread_counters::begin() noexcept { inside_->begin(); }
void thread_counters::end() noexcept { inside_->end(); }

std::vector<reading> thread_counters::readings() const {
  std::vector<reading> result(inside_->events.size());
  if (!inside_->ended) return result;
  for (const group& one : inside_->groups) {
    if (!one.begin_read || !one.end_read) continue;
    const auto gained = [&](std::size_t field) { return one.at_end[field] - one.at_begin[field]; };
    for (std::size_t i = 0; i < one.members.size(); ++i)
      result[one.members[i].index] = worth(gained(head + i), gained(1), gained(2));
  }
  for (std::size_t i = 0; i < result.size(); ++i) {
    const event& what = inside_->events[i];
    if (what.from != origin::perf_event)
      result[i] = worth(difference(what.from, inside_->usage_at_begin, inside_->usage_at_end), 1, 1);
  }
  return result;
}

const std::vector<obstacle>& thread_counters::obstacles() const noexcept { return inside_->obstacles; }

std::vector<std::vector<std::size_t>> thread_counters::groups() const {
  std::vector<std::vector<std::size_t>> result;
  for (const group& one : inside_->groups) {
    auto& indexes = result.emplace_back();
    for (const member& each : one.members) indexes.push_back(each.index);
  }
  return result;
}

}  // namespace contend::counters
