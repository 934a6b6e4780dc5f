// SPDX-License-Identifier: MIT
// Counters of one thread: perf_event groups that count while a piece of its work runs.
#pragma once

#include <linux/perf_event.h>
#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "event.hpp"

namespace contend::counters {

/// perf_event_open(2) or a stand-in for it: returns a descriptor, or −1 with errno set.
using open_call = std::function<int(perf_event_attr*, pid_t pid, int cpu, int group, unsigned long flags)>;

/// The system call itself.
int perf_event_open(perf_event_attr* attr, pid_t pid, int cpu, int group, unsigned long flags);

/// The system calls that thread_counters makes, so that a test can put a PMU of its own in their place.
struct kernel_calls {
  open_call open = &perf_event_open;
  std::function<ssize_t(int fd, void* into, std::size_t size)> read;  ///< read(2) where empty
  std::function<int(int fd, bool on)> enable;  ///< PERF_EVENT_IOC_ENABLE or _DISABLE of a group where empty
  std::function<void(int fd)> close;           ///< close(2) where empty
};

/// What decides which sentence an error of perf_event_open deserves.
struct surroundings {
  std::optional<int> paranoid;  ///< /proc/sys/kernel/perf_event_paranoid; absent where it cannot be read
  bool privileged = false;      ///< CAP_PERFMON or CAP_SYS_ADMIN
  bool seccomp = false;         ///< a seccomp filter is on this process (/proc/self/status)
  std::string hypervisor;       ///< its name, "a hypervisor", or empty
  bool pmu = false;             ///< the kernel shows a CPU PMU under /sys/bus/event_source/devices
};
[[nodiscard]] surroundings read_surroundings(const std::filesystem::path& root = "/");

/// The sentence for one error code of opening `what`: ENOENT, EOPNOTSUPP (no PMU, or no such event), EACCES (paranoid:
/// the level found and the one needed), EPERM and ENOSYS (seccomp, container), EINVAL (encoding or group), EMFILE and
/// ENFILE, EBUSY, E2BIG, ENODEV, anything else.
[[nodiscard]] obstacle why_not(int error, const event& what, const surroundings& around);

/// The sentence for an event that is open and yet gives no number, or one to be taken with care: starved, multiplexed,
/// unsupported, failed (the read). Empty caveat for `counted`.
[[nodiscard]] obstacle why_not(const reading& read, const event& what);

/// Opens events on the calling thread in as few groups as hold them; a group that the PMU cannot hold is split. Events
/// of getrusage need no group. begin(), end() and the destructor belong to the thread that constructed it.
///
/// Cost: one read() per group at begin() and end(), about 1 µs each; nothing in between.
class thread_counters {
 public:
  /// Never throws for an event that cannot be opened: its readings are `failed` and obstacles() says why.
  explicit thread_counters(std::span<const event> events, open_call open = &perf_event_open);
  thread_counters(std::span<const event> events, kernel_calls calls);
  ~thread_counters();
  thread_counters(thread_counters&&) noexcept;
  thread_counters& operator=(thread_counters&&) noexcept;

  void begin() noexcept;
  void end() noexcept;
  /// One per event, in their order, over the last begin() … end().
  [[nodiscard]] std::vector<reading> readings() const;
  /// One per event: why it is not open or could not be read in the last interval, or an empty caveat.
  [[nodiscard]] const std::vector<obstacle>& obstacles() const noexcept;
  /// Groups that were opened, each with the indexes of its events.
  [[nodiscard]] std::vector<std::vector<std::size_t>> groups() const;

 private:
  struct inside;
  std::unique_ptr<inside> inside_;
};

}  // namespace contend::counters
