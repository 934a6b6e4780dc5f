// SPDX-License-Identifier: MIT
// One sentence on the reason and one on the cure for everything that keeps an event from being counted.
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "perf/counters/thread_counters.hpp"
#include "perf/host/text.hpp"

namespace contend::counters {
namespace {

using host::joined;

std::string hexadecimal(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string encoding_of(const event& what) {
  const std::string config1 = what.config1 != 0 ? ", config1 " + hexadecimal(what.config1) : "";
  return joined({"type ", std::to_string(what.type), ", config ", hexadecimal(what.config), config1});
}

std::string quoted(const event& what) {
  return joined({"'", what.metric, "'", what.where == side::kernel ? " in the kernel" : ""});
}

/// Types 0, 3, 4 and the numbers of dynamic PMUs need a PMU; software events, tracepoints and breakpoints do not.
bool needs_pmu(const event& what) {
  return what.type != PERF_TYPE_SOFTWARE && what.type != PERF_TYPE_TRACEPOINT && what.type != PERF_TYPE_BREAKPOINT;
}

obstacle no_pmu(std::string_view name, const surroundings& around) {
  if (around.hypervisor.empty())
    return {"no_pmu", joined({"the kernel has no driver for this processor's counters (", name, ")"}),
            "boot a kernel with the PMU driver of this processor; 'dmesg | grep -i pmu' tells what it found"};
  return {"no_pmu",
          joined({"no hardware counters: ", around.hypervisor, " gives this virtual machine no PMU (", name, ")"}),
          "use a machine whose hypervisor passes the counters on (a bare-metal instance; QEMU/KVM: -cpu host,pmu=on)"};
}

obstacle no_such_event(std::string_view name, const event& what) {
  return {"event_unsupported",
          joined({"this processor's PMU has no event ", quoted(what), " with ", encoding_of(what), " (", name, ")"}),
          "leave it out of --events, or ask for one that 'contend doctor' lists as countable"};
}

obstacle refused_by_level(const event& what, const surroundings& around) {
  const int allowed = what.where == side::kernel ? 1 : 2;
  const std::string_view whom = what.where == side::kernel ? "the kernel's side of events" : "its own events";
  const std::string needed = std::to_string(allowed);
  const std::string cure = joined({"as root: sysctl kernel.perf_event_paranoid=", needed,
                                   ", or give the program CAP_PERFMON (setcap cap_perfmon+ep PROGRAM)"});
  if (!around.paranoid)
    return {"paranoid",
            joined({"the kernel does not let this user count ", whom,
                    " (EACCES), and kernel.perf_event_paranoid cannot be read"}),
            cure};
  if (*around.paranoid > allowed && !around.privileged)
    return {"paranoid",
            joined({"kernel.perf_event_paranoid is ", std::to_string(*around.paranoid), ": an ordinary user may count ",
                    whom, " only at ", needed, " or lower (EACCES)"}),
            cure};
  return {"not_counted",
          joined({"a security module refuses perf_event_open (EACCES), though kernel.perf_event_paranoid is ",
                  std::to_string(*around.paranoid)}),
          "allow perf_event_open in the policy of SELinux, AppArmor or whatever else is listed in "
          "/sys/kernel/security/lsm"};
}

obstacle filtered(std::string_view name, int error, const surroundings& around) {
  if (around.seccomp)
    return {"seccomp", joined({"a seccomp filter keeps this process from calling perf_event_open (", name, ")"}),
            error == ENOSYS ? "allow perf_event_open in the sandbox's system-call filter (systemd: SystemCallFilter=; "
                              "containers: --security-opt seccomp=PROFILE)"
                            : "start the container with a seccomp profile that allows perf_event_open (docker and "
                              "podman: --security-opt seccomp=PROFILE, or --cap-add PERFMON)"};
  if (error == ENOSYS)
    return {"not_counted", "this kernel has no perf_event_open (ENOSYS)",
            "use a kernel with CONFIG_PERF_EVENTS, or leave the sandbox that answers in its place"};
  return {"not_counted", "the kernel does not permit perf_event_open (EPERM), and no seccomp filter is on",
          "leave the container or the user namespace, or run with CAP_PERFMON"};
}

std::string open_files_limit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return "its limit";
  return std::to_string(files.rlim_cur);
}

}  // namespace

obstacle why_not(int error, const event& what, const surroundings& around) {
  switch (error) {
    case ENOENT:
    case ENODEV:
    case EOPNOTSUPP: {
      const std::string_view name = error == ENOENT ? "ENOENT" : error == ENODEV ? "ENODEV" : "EOPNOTSUPP";
      return needs_pmu(what) && !around.pmu ? no_pmu(name, around) : no_such_event(name, what);
    }
    case EACCES:
      return refused_by_level(what, around);
    case EPERM:
      return filtered("EPERM", error, around);
    case ENOSYS:
      return filtered("ENOSYS", error, around);
    case EINVAL:
      return {"event_unsupported",
              joined({"the kernel does not take the encoding of ", quoted(what), ": ", encoding_of(what),
                      ", alone in its group (EINVAL)"}),
              "check the code against the processor's manual, or ask for a metric by its name"};
    case EMFILE:
      return {"not_counted",
              joined({"this process has no file descriptor left for ", quoted(what), " (EMFILE): the limit is ",
                      open_files_limit(), ", and each event takes one per thread"}),
              "raise the limit (ulimit -n 65536), or ask for fewer events or threads"};
    case ENFILE:
      return {"not_counted", joined({"the machine has no file descriptor left for ", quoted(what), " (ENFILE)"}),
              "as root raise fs.file-max, or close programs"};
    case EBUSY:
      return {"not_counted",
              joined({"another program holds the PMU for itself, so ", quoted(what), " has to wait (EBUSY)"}),
              "stop other profilers and, as root, the NMI watchdog: sysctl kernel.nmi_watchdog=0"};
    case E2BIG:
      return {"not_counted",
              "this kernel is older than the perf_event interface that the program was built with (E2BIG)",
              "build on this machine, or use a newer kernel"};
    default: {
      const std::string code = std::to_string(error);
      return {"not_counted",
              joined({"perf_event_open failed for ", quoted(what), ": ", std::strerror(error), " (errno ", code, ")"}),
              "see ERRORS in 'man perf_event_open'"};
    }
  }
}

obstacle why_not(const reading& read, const event& what) {
  char share[16];
  std::snprintf(share, sizeof share, "%.0f %%", 100 * read.running);
  switch (read.what) {
    case state::counted:
      return {};
    case state::multiplexed:
      return {"multiplexed",
              joined({quoted(what), " was on a counter for ", share, " of the time and is scaled up to all of it"}),
              "ask for fewer events (--events) so that all fit at once"};
    case state::starved:
      return {"multiplexed",
              read.running > 0
                  ? joined({quoted(what), " was on a counter for ", share, " of the time, too little to scale"})
                  : joined({quoted(what), " was never on a counter: others held them all the time"}),
              "ask for fewer events (--events), stop other profilers, and as root the NMI watchdog: "
              "sysctl kernel.nmi_watchdog=0"};
    case state::unsupported:
      return {
          "event_unsupported",
          joined({"the kernel accepts ", quoted(what), " (", encoding_of(what),
                  "), but it stayed 0 in a loop made to cause it"}),
          "nothing to be done if the PMU does not have it; if another processor or socket must take part, allow it"};
    case state::failed:
      break;
  }
  return {"not_counted",
          joined({"reading ", quoted(what), " gave no data: the kernel has taken it off the counters for good"}),
          "stop other profilers and run again"};
}

}  // namespace contend::counters
