// SPDX-License-Identifier: MIT
// A PMU in place of the kernel's: so many counters, some of them held by others, and the errors of one's choice.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "perf/counters/thread_counters.hpp"

namespace contend::testing {

/// An event counts its config once per nanosecond that it runs; every read is 1 µs after the last one of its group.
class fake_pmu {
 public:
  std::size_t counters = 4;  ///< a group of more is refused with EINVAL
  std::size_t held = 0;      ///< of these, taken by others: the kernel does not know when it takes a group
  double share = 1;          ///< of the time in which groups run, once they are enabled together
  std::function<int(const perf_event_attr&)> refuses = [](const perf_event_attr&) { return 0; };  ///< an errno, or 0
  std::function<ssize_t(ssize_t)> read_result = [](ssize_t size) { return size; };
  std::vector<perf_event_attr> opened;               ///< all that were, in their order
  std::map<int, std::vector<std::uint64_t>> groups;  ///< leader → configs of its members; empty once all are closed

  [[nodiscard]] counters::kernel_calls calls() {
    return {[this](perf_event_attr* attr, pid_t pid, int cpu, int group, unsigned long flags) {
              return open(*attr, pid, cpu, group, flags);
            },
            [this](int fd, void* into, std::size_t size) { return read(fd, into, size); },
            [this](int fd, bool on) { return enable(fd, on); }, [this](int fd) { close(fd); }};
  }

 private:
  struct clock {
    bool on = false;
    std::uint64_t enabled = 0, running = 0;
  };
  std::mutex alone_;
  int next_ = 1000;
  std::map<int, int> leader_of_;
  std::map<int, std::thread::id> thread_of_;  // of a leader
  std::map<int, clock> clocks_;
  std::map<int, std::uint64_t> config_;

  static int fail(int error) {
    errno = error;
    return -1;
  }

  int open(const perf_event_attr& attr, pid_t pid, int cpu, int group, unsigned long flags) {
    const std::lock_guard lock(alone_);
    if (pid != 0 || cpu != -1 || flags != PERF_FLAG_FD_CLOEXEC) return fail(EINVAL);
    if (const int error = refuses(attr)) return fail(error);
    if (group >= 0 && groups.at(group).size() >= counters) return fail(EINVAL);
    const int fd = next_++;
    opened.push_back(attr);
    leader_of_[fd] = group < 0 ? fd : group;
    if (group < 0) thread_of_[fd] = std::this_thread::get_id();
    config_[fd] = attr.config;
    groups[leader_of_[fd]].push_back(attr.config);
    return fd;
  }

  /// True if the calling thread has several groups.
  bool shares() const {
    return std::count_if(thread_of_.begin(), thread_of_.end(),
                         [](const auto& one) { return one.second == std::this_thread::get_id(); }) > 1;
  }

  void step(int leader) {
    clock& time = clocks_[leader];
    if (!time.on) return;
    time.enabled += 1000;
    if (groups.at(leader).size() + held <= counters)
      time.running += static_cast<std::uint64_t>(1000 * (shares() ? share : 1));
  }

  ssize_t read(int fd, void* into, std::size_t size) {
    const std::lock_guard lock(alone_);
    step(fd);
    const auto& members = groups.at(fd);
    std::vector<std::uint64_t> data{members.size(), clocks_[fd].enabled, clocks_[fd].running};
    for (const std::uint64_t config : members) data.push_back(config * clocks_[fd].running);
    if (data.size() * 8 != size) return -1;
    std::memcpy(into, data.data(), size);
    return read_result(static_cast<ssize_t>(size));
  }

  int enable(int fd, bool on) {
    const std::lock_guard lock(alone_);
    clocks_[fd].on = on;
    return 0;
  }

  void close(int fd) {
    const std::lock_guard lock(alone_);
    const int leader = leader_of_.at(fd);
    auto& members = groups.at(leader);
    members.erase(std::find(members.begin(), members.end(), config_.at(fd)));
    if (members.empty()) {
      groups.erase(leader);
      clocks_.erase(leader);
      thread_of_.erase(leader);
    }
    leader_of_.erase(fd);
  }
};

/// A raw event with that code.
inline counters::event raw(std::uint64_t config, counters::side where = counters::side::user) {
  counters::event made;
  made.metric = "raw_" + std::to_string(config);
  made.name = made.metric;
  made.where = where;
  made.type = PERF_TYPE_RAW;
  made.config = config;
  return made;
}

}  // namespace contend::testing
