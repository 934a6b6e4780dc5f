// SPDX-License-Identifier: MIT
// Each way in which opening a counter fails, by an injected call and, where it can be provoked here, for real.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <functional>
#include <set>
#include <string>

#include "fake_pmu.hpp"
#include "scratch.hpp"

namespace {

using namespace contend::counters;
using contend::testing::fake_pmu;
using contend::testing::raw;
using contend::testing::scratch;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

surroundings machine(int paranoid, bool pmu = true, bool seccomp = false, const char* hypervisor = "") {
  return {paranoid, false, seccomp, hypervisor, pmu};
}

struct failure {
  int error;
  surroundings around;
  side where;
  const char* caveat;
  const char* in_reason;
  const char* in_cure;
};

const failure failures[] = {
    {ENOENT, machine(2, false, false, "KVM"), side::user, "no_pmu", "KVM gives this virtual machine no PMU", "pmu=on"},
    {ENOENT, machine(2, false), side::user, "no_pmu", "no driver for this processor's counters", "dmesg"},
    {ENOENT, machine(2), side::user, "event_unsupported", "no event 'raw_7' with type 4, config 0x7", "--events"},
    {EOPNOTSUPP, machine(2, false, false, "Xen"), side::user, "no_pmu", "(EOPNOTSUPP)", "bare-metal"},
    {EOPNOTSUPP, machine(2), side::user, "event_unsupported", "(EOPNOTSUPP)", "--events"},
    {ENODEV, machine(2), side::user, "event_unsupported", "(ENODEV)", "--events"},
    {EACCES, machine(2), side::kernel, "paranoid", "perf_event_paranoid is 2: an ordinary user may count the kernel's",
     "kernel.perf_event_paranoid=1"},
    {EACCES, machine(3), side::user, "paranoid", "perf_event_paranoid is 3: an ordinary user may count its own",
     "kernel.perf_event_paranoid=2"},
    {EACCES, {std::nullopt, false, false, "", true}, side::user, "paranoid", "cannot be read", "CAP_PERFMON"},
    {EACCES, machine(1), side::kernel, "not_counted", "a security module refuses", "SELinux"},
    {EPERM, machine(2, true, true), side::user, "seccomp", "a seccomp filter keeps", "--security-opt seccomp"},
    {ENOSYS, machine(2, true, true), side::user, "seccomp", "(ENOSYS)", "SystemCallFilter"},
    {EPERM, machine(2), side::user, "not_counted", "no seccomp filter is on", "CAP_PERFMON"},
    {ENOSYS, machine(2), side::user, "not_counted", "has no perf_event_open", "CONFIG_PERF_EVENTS"},
    {EINVAL, machine(2), side::user, "event_unsupported", "does not take the encoding of 'raw_7'", "manual"},
    {EMFILE, machine(2), side::user, "not_counted", "no file descriptor left", "ulimit -n"},
    {ENFILE, machine(2), side::user, "not_counted", "the machine has no file descriptor", "fs.file-max"},
    {EBUSY, machine(2), side::user, "not_counted", "another program holds the PMU", "nmi_watchdog"},
    {E2BIG, machine(2), side::user, "not_counted", "older than the perf_event interface", "newer kernel"},
    {ENOSPC, machine(2), side::user, "not_counted", "errno 28", "man perf_event_open"},
};

TEST(why_not, gives_each_failure_its_own_sentence_caveat_and_cure) {
  std::set<std::string> sentences;
  for (const failure& one : failures) {
    const obstacle why = why_not(one.error, raw(7, one.where), one.around);
    EXPECT_EQ(why.caveat, one.caveat) << why.reason;
    EXPECT_THAT(why.reason, HasSubstr(one.in_reason));
    EXPECT_THAT(why.cure, HasSubstr(one.in_cure));
    EXPECT_TRUE(sentences.insert(why.reason).second) << "said twice: " << why.reason;
  }
}

TEST(why_not, says_no_pmu_only_of_events_that_need_one) {
  event software = raw(PERF_COUNT_SW_TASK_CLOCK);
  software.type = PERF_TYPE_SOFTWARE;
  EXPECT_EQ(why_not(ENOENT, software, machine(2, false)).caveat, "event_unsupported");
}

TEST(why_not, has_nothing_to_say_of_a_counted_reading) {
  EXPECT_THAT(why_not(reading{1.0, state::counted, 1}, raw(1)).caveat, IsEmpty());
  EXPECT_EQ(why_not(reading{std::nullopt, state::unsupported, 1}, raw(1)).caveat, "event_unsupported");
  EXPECT_THAT(why_not(reading{std::nullopt, state::starved, 0.03}, raw(1)).reason, HasSubstr("3 % of the time"));
}

TEST(opening, carries_every_error_to_the_event_and_goes_on) {
  for (const failure& one : failures) {
    if (one.error == EINVAL) continue;  // a group's matter: event_groups_test.cpp
    fake_pmu pmu;
    pmu.refuses = [&](const perf_event_attr& attr) { return attr.config == 7 ? one.error : 0; };
    const std::vector<event> events{raw(1), raw(7), raw(2)};
    thread_counters counters(events, pmu.calls());
    counters.begin();
    counters.end();
    const auto read = counters.readings();
    EXPECT_FALSE(counters.obstacles()[1].caveat.empty()) << std::strerror(one.error);
    EXPECT_EQ(read[1].what, state::failed);
    EXPECT_EQ(read[1].value, std::nullopt);
    EXPECT_EQ(read[0].what, state::counted);
    EXPECT_EQ(read[2].what, state::counted);
  }
}

TEST(opening, refused_for_the_kernel_leaves_the_user_side_alone) {
  fake_pmu pmu;
  pmu.refuses = [](const perf_event_attr& attr) { return attr.exclude_kernel == 0 ? EACCES : 0; };
  const std::vector<event> events{raw(1), raw(1, side::kernel), raw(2), raw(2, side::kernel)};
  const thread_counters counters(events, pmu.calls());
  EXPECT_THAT(counters.groups(), ::testing::ElementsAre(::testing::ElementsAre(0, 2)));
  EXPECT_THAT(counters.obstacles()[0].caveat, IsEmpty());
  EXPECT_FALSE(counters.obstacles()[1].caveat.empty());
}

// ---- surroundings

TEST(surroundings, are_read_from_the_kernels_files) {
  scratch root;
  root.put("proc/sys/kernel/perf_event_paranoid", "3\n")
      .put("proc/self/status", "Name:\tx\nCapEff:\t0000004000000000\nSeccomp:\t2\nSeccomp_filters:\t1\n")
      .put("sys/class/dmi/id/sys_vendor", "VMware, Inc.\n")
      .put("sys/bus/event_source/devices/cpu/type", "4\n");
  const surroundings around = read_surroundings(root.path());
  EXPECT_EQ(around.paranoid, 3);
  EXPECT_TRUE(around.privileged) << "CAP_PERFMON";
  EXPECT_TRUE(around.seccomp);
  EXPECT_EQ(around.hypervisor, "VMware");
  EXPECT_TRUE(around.pmu);
}

TEST(surroundings, that_cannot_be_read_are_unknown) {
  const scratch root;
  const surroundings around = read_surroundings(root.path());
  EXPECT_EQ(around.paranoid, std::nullopt);
  EXPECT_FALSE(around.privileged);
  EXPECT_FALSE(around.seccomp);
  EXPECT_THAT(around.hypervisor, IsEmpty());
  EXPECT_FALSE(around.pmu);
}

TEST(surroundings, know_the_pmus_of_processors_from_their_neighbours) {
  for (const auto& [name, is] :
       {std::pair{"cpu_core", true}, std::pair{"armv8_pmuv3_0", true}, std::pair{"armv8_cortex_a57", true},
        std::pair{"arm_cmn_0", false}, std::pair{"software", false}, std::pair{"uncore_imc_0", false}}) {
    scratch root;
    root.put(std::string("sys/bus/event_source/devices/") + name + "/type", "8\n");
    EXPECT_EQ(read_surroundings(root.path()).pmu, is) << name;
  }
}

TEST(surroundings, call_a_hypervisor_without_a_name_by_what_the_processor_says) {
  scratch root;
  root.put("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor lahf_lm\n");
  EXPECT_EQ(read_surroundings(root.path()).hypervisor, "a hypervisor");
  root.put("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu lahf_lm\n");
  EXPECT_THAT(read_surroundings(root.path()).hypervisor, IsEmpty());
}

// ---- the real call, in a child that gives up what the parent has

/// What `act` returns in a child process; "died" if it did not end well.
std::string in_child(const std::function<std::string()>& act) {
  int ends[2];
  if (::pipe(ends) != 0) return "died";
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string said = act();
    const bool written = ::write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size());
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string said;
  char part[512];
  for (ssize_t got; (got = ::read(ends[0], part, sizeof part)) > 0;) said.append(part, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? said : "died";
}

event task_clock(side where) {
  event made = raw(PERF_COUNT_SW_TASK_CLOCK, where);
  made.metric = "task_clock";
  made.type = PERF_TYPE_SOFTWARE;
  return made;
}

/// "caveat: reason" of the first event that cannot be opened, or "open".
std::string outcome(const std::vector<event>& events) {
  const thread_counters counters(events);
  for (const obstacle& why : counters.obstacles())
    if (!why.caveat.empty()) return why.caveat + ": " + why.reason;
  return "open";
}

TEST(really, an_ordinary_user_may_count_what_the_level_allows) {
  const std::string said = in_child([] {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return std::string("died");
    const surroundings around = read_surroundings();
    return std::to_string(around.paranoid.value_or(99)) + (around.privileged ? " privileged|" : "|") +
           outcome({task_clock(side::user)}) + "|" + outcome({task_clock(side::kernel)});
  });
  const int level = std::stoi(said);
  if (level == 99 || said.find("privileged") != std::string::npos)
    GTEST_SKIP() << "the level cannot be read, or the user has CAP_PERFMON: " << said;
  if (level <= 1)
    EXPECT_THAT(said, HasSubstr("|open|open"));
  else if (level == 2)
    EXPECT_THAT(said, HasSubstr("|open|paranoid: kernel.perf_event_paranoid is 2"));
  else
    EXPECT_THAT(said, AllOf(HasSubstr("|paranoid: kernel.perf_event_paranoid is "), HasSubstr("its own events")));
}

/// Lets every system call pass but perf_event_open, which gets `error`; false if this kernel has no filters.
bool filter_perf_event_open(unsigned error) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{std::size(program), program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST(really, a_seccomp_filter_is_named) {
  for (const auto& [error, name] : {std::pair{EPERM, "EPERM"}, std::pair{ENOSYS, "ENOSYS"}}) {
    const std::string said = in_child([error = error] {
      if (!filter_perf_event_open(static_cast<unsigned>(error))) return std::string("no filter");
      return outcome({task_clock(side::user)});
    });
    if (said == "no filter") GTEST_SKIP() << "this kernel or sandbox lets a process set no seccomp filter";
    EXPECT_THAT(said, AllOf(HasSubstr("seccomp: a seccomp filter"), HasSubstr(name)));
  }
}

TEST(really, too_many_open_files_are_named_with_the_limit) {
  const std::string said = in_child([] {
    const int free = ::open("/dev/null", O_RDONLY);
    ::close(free);
    const rlimit tight{static_cast<rlim_t>(free + 1), static_cast<rlim_t>(free + 1)};  // room for one more
    if (::setrlimit(RLIMIT_NOFILE, &tight) != 0) return std::string("died");
    return std::to_string(free + 1) + "|" + outcome({task_clock(side::user), task_clock(side::user)});
  });
  if (said.find("EMFILE") == std::string::npos && outcome({task_clock(side::user)}) != "open")
    GTEST_SKIP() << "not even software events here: " << said;
  EXPECT_THAT(said, HasSubstr("|not_counted: this process has no file descriptor left"));
  EXPECT_THAT(said, HasSubstr("the limit is " + said.substr(0, said.find('|'))));
}

TEST(really, an_unknown_event_is_refused_or_there_is_no_pmu) {
  event nonsense = raw(0xffff);
  nonsense.type = PERF_TYPE_HARDWARE;  // its events have numbers below 10
  const std::string said = outcome({nonsense});
  const bool pmu = read_surroundings().pmu;
  if (said.find("paranoid") == 0 || said.find("seccomp") == 0) GTEST_SKIP() << said;
  EXPECT_EQ(said.substr(0, said.find(':')), pmu ? "event_unsupported" : "no_pmu") << said;
}

}  // namespace
