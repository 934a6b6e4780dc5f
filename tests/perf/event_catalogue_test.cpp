// SPDX-License-Identifier: MIT
// The catalogue is whole, agrees with libpfm4 except where libpfm4 is wrong, and finds its processors.
#include "perf/counters/event_catalogue.hpp"

#include <gtest/gtest.h>
#include <linux/perf_event.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <iostream>
#include <map>
#include <set>
#include <string>

#include "perf/counters/pfm.hpp"

namespace {

using namespace contend::counters;

constexpr std::array<std::string_view, 15> microarchitectures{"generic", "skx",    "clx",    "icl",    "icx",
                                                              "spr",     "zen1",   "zen2",   "zen3",   "zen4",
                                                              "zen5",    "arm_n1", "arm_n2", "arm_v1", "arm_v2"};
constexpr std::array<std::string_view, 11> defaults{
    "cycles", "instructions", "l1d_miss",           "l2_miss",   "llc_miss",   "modified_line_hit",
    "rfo",    "remote_hit",   "memory_order_clear", "lock_load", "branch_miss"};

std::string called(const catalogue_row& row) {
  return std::string(row.metric) + " of " + std::string(row.microarchitecture);
}

TEST(catalogue, has_one_row_per_metric_and_processor_each_whole) {
  std::set<std::string> seen;
  for (const auto& row : catalogue()) {
    EXPECT_TRUE(seen.insert(called(row)).second) << called(row) << " twice";
    EXPECT_NE(std::count(microarchitectures.begin(), microarchitectures.end(), row.microarchitecture), 0)
        << called(row);
    EXPECT_TRUE(std::all_of(row.metric.begin(), row.metric.end(), [](unsigned char letter) {
      return std::islower(letter) != 0 || std::isdigit(letter) != 0 || letter == '_';
    })) << called(row);
    EXPECT_FALSE(row.source.empty()) << called(row);
    EXPECT_NE(row.name.empty(), row.impossible.empty()) << called(row) << ": an encoding, or the reason for none";
  }
  EXPECT_GT(seen.size(), 400U);
}

TEST(catalogue, says_of_every_default_metric_how_or_why_not_on_every_processor) {
  for (const auto cpu : microarchitectures)
    for (const auto metric : defaults)
      EXPECT_EQ(std::count_if(catalogue().begin(), catalogue().end(),
                              [&](const auto& row) { return row.metric == metric && row.microarchitecture == cpu; }),
                1)
          << metric << " of " << cpu;
}

TEST(catalogue, offers_nothing_else_under_a_name_that_a_vendor_cannot_count) {
  std::map<std::string, std::string_view> reasons;
  for (const auto& row : catalogue()) reasons[called(row)] = row.impossible;
  for (const char* zen : {"zen1", "zen2", "zen3", "zen4", "zen5"}) {
    for (const char* metric : {"modified_line_hit", "llc_miss", "memory_order_clear"})
      EXPECT_FALSE(reasons.at(std::string(metric) + " of " + zen).empty()) << metric << " of " << zen;
  }
  for (const char* arm : {"arm_n1", "arm_n2", "arm_v1", "arm_v2"}) {
    for (const char* metric : {"modified_line_hit", "rfo", "memory_order_clear", "remote_hit", "lock_load"})
      EXPECT_FALSE(reasons.at(std::string(metric) + " of " + arm).empty()) << metric << " of " << arm;
  }
  for (const char* intel : {"skx", "clx", "icl", "icx", "spr"})
    EXPECT_TRUE(reasons.at(std::string("modified_line_hit of ") + intel).empty()) << intel;
}

// ---- libpfm4

struct disagreement {
  std::string_view metric, microarchitecture;
  std::uint64_t config, config1;  ///< what libpfm4 4.13 says; the catalogue has the vendor's value
  const char* reason;
};
constexpr std::array known_disagreements{
    disagreement{"hitm_rfo_remote", "skx", 0x1b7, 0x1004000002,
                 "its L3_MISS has the bit for local memory only; Intel's event has 0x103fc00002"},
    disagreement{"hitm_rfo_remote", "clx", 0x1b7, 0x1004000002,
                 "its L3_MISS has the bit for local memory only; Intel's event has 0x103fc00002"},
    disagreement{"uc_or_lock_load", "icl", 0x4c4, 0, "MEM_LOAD_MISC_RETIRED.UC is event 0xd4, not 0xc4"},
    disagreement{"uc_or_lock_load", "icx", 0x4c4, 0, "MEM_LOAD_MISC_RETIRED.UC is event 0xd4, not 0xc4"},
};

TEST(catalogue, agrees_with_libpfm4_wherever_that_knows_the_processor) {
  std::size_t agreed = 0, elsewhere = 0, disagreed = 0;
  for (const auto& row : catalogue()) {
    if (row.libpfm4.empty()) continue;
    const bool arm = row.microarchitecture.starts_with("arm_");
#if defined(__aarch64__)
    const bool has_tables = arm || row.microarchitecture == "generic";
#else
    const bool has_tables = !arm;
#endif
    if (!has_tables) {  // libpfm4 is built with the tables of one architecture
      ++elsewhere;
      continue;
    }
    const auto theirs = encode_with_libpfm4(std::string(row.libpfm4));
    ASSERT_TRUE(theirs.has_value()) << row.libpfm4 << " is no event of libpfm4";
    const auto known = std::find_if(known_disagreements.begin(), known_disagreements.end(), [&](const auto& one) {
      return one.metric == row.metric && one.microarchitecture == row.microarchitecture;
    });
    if (known == known_disagreements.end()) {
      EXPECT_EQ(theirs->type, row.type) << called(row);
      EXPECT_EQ(theirs->config, row.config) << called(row);
      EXPECT_EQ(theirs->config1, row.config1) << called(row);
      ++agreed;
    } else {
      EXPECT_EQ(theirs->config, known->config) << called(row) << ": libpfm4 has changed; " << known->reason;
      EXPECT_EQ(theirs->config1, known->config1) << called(row) << ": libpfm4 has changed; " << known->reason;
      EXPECT_FALSE(row.config == known->config && row.config1 == known->config1) << called(row);
      ++disagreed;
    }
  }
  std::cout << "libpfm4: " << agreed << " codes agree, " << disagreed << " are known to be wrong there, " << elsewhere
            << " are of the architecture that this build has not\n";
  EXPECT_GT(agreed, 50U);
}

TEST(libpfm4, gives_this_machines_names_and_refuses_another_ones) {
  const auto cycles = resolve_with_libpfm4("perf::PERF_COUNT_HW_CPU_CYCLES");
  ASSERT_TRUE(cycles.has_value());
  EXPECT_EQ(cycles->type, static_cast<std::uint32_t>(PERF_TYPE_HARDWARE));
  EXPECT_EQ(resolve_with_libpfm4("no_such_event_at_all"), std::nullopt);
#if defined(__x86_64__)
  // No machine is both.
  int foreign = 0;
  for (const char* name : {"skx::INST_RETIRED", "amd64_k8_revb::RETIRED_INSTRUCTIONS"}) {
    try {
      (void)resolve_with_libpfm4(name);
    } catch (const bad_event& wrong) {
      ++foreign;
      EXPECT_NE(std::string(wrong.what()).find("event of another processor"), std::string::npos) << wrong.what();
    }
  }
  EXPECT_GE(foreign, 1);
#endif
}

// ---- which processor

std::string x86(const char* vendor, int family, int model, int stepping) {
  return std::string("processor\t: 0\nvendor_id\t: ") + vendor + "\ncpu family\t: " + std::to_string(family) +
         "\nmodel\t\t: " + std::to_string(model) + "\nmodel name\t: a name\nstepping\t: " + std::to_string(stepping) +
         "\n\n";
}

std::string arm(const char* implementer, const char* part) {
  return std::string("processor\t: 0\nCPU implementer\t: ") + implementer +
         "\nCPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: " + part + "\nCPU revision\t: 1\n\n";
}

TEST(microarchitecture, is_known_by_the_numbers_in_cpuinfo) {
  EXPECT_EQ(microarchitecture_of(x86("GenuineIntel", 6, 0x55, 4)), "skx");
  EXPECT_EQ(microarchitecture_of(x86("GenuineIntel", 6, 0x55, 7)), "clx");
  EXPECT_EQ(microarchitecture_of(x86("GenuineIntel", 6, 0x7e, 5)), "icl");
  EXPECT_EQ(microarchitecture_of(x86("GenuineIntel", 6, 0x6a, 6)), "icx");
  EXPECT_EQ(microarchitecture_of(x86("GenuineIntel", 6, 0x8f, 8)), "spr");
  EXPECT_EQ(microarchitecture_of(x86("GenuineIntel", 6, 0xcf, 2)), "spr") << "Emerald Rapids";
  EXPECT_EQ(microarchitecture_of(x86("GenuineIntel", 6, 0xad, 1)), "spr") << "Granite Rapids";
  EXPECT_EQ(microarchitecture_of(x86("GenuineIntel", 6, 0x9e, 1)), "") << "client Skylake: no rows";
  EXPECT_EQ(microarchitecture_of(x86("AuthenticAMD", 23, 0x01, 2)), "zen1");
  EXPECT_EQ(microarchitecture_of(x86("AuthenticAMD", 23, 0x31, 0)), "zen2");
  EXPECT_EQ(microarchitecture_of(x86("AuthenticAMD", 25, 0x01, 1)), "zen3");
  EXPECT_EQ(microarchitecture_of(x86("AuthenticAMD", 25, 0x11, 1)), "zen4");
  EXPECT_EQ(microarchitecture_of(x86("AuthenticAMD", 25, 0x21, 1)), "zen3");
  EXPECT_EQ(microarchitecture_of(x86("AuthenticAMD", 25, 0x61, 1)), "zen4");
  EXPECT_EQ(microarchitecture_of(x86("AuthenticAMD", 26, 0x02, 1)), "zen5");
  EXPECT_EQ(microarchitecture_of(x86("AuthenticAMD", 26, 0x50, 0)), "") << "Zen 6: no rows";
  EXPECT_EQ(microarchitecture_of(arm("0x41", "0xd0c")), "arm_n1");
  EXPECT_EQ(microarchitecture_of(arm("0x41", "0xd49")), "arm_n2");
  EXPECT_EQ(microarchitecture_of(arm("0x41", "0xd40")), "arm_v1");
  EXPECT_EQ(microarchitecture_of(arm("0x41", "0xd4f")), "arm_v2");
  EXPECT_EQ(microarchitecture_of(arm("0x6d", "0xd49")), "arm_n2") << "Azure Cobalt 100";
  EXPECT_EQ(microarchitecture_of(arm("0x41", "0xd07")), "") << "Cortex-A57: no rows";
  EXPECT_EQ(microarchitecture_of(""), "");
}

TEST(microarchitecture, of_cores_of_several_kinds_is_none) {
  EXPECT_EQ(microarchitecture_of(arm("0x41", "0xd0c") + arm("0x41", "0xd0c")), "arm_n1");
  EXPECT_EQ(microarchitecture_of(arm("0x41", "0xd0c") + arm("0x41", "0xd07")), "");
  EXPECT_EQ(microarchitecture_of(arm("0x41", "0xd0c") + "Hardware\t: a board\nSerial\t: 1\n"), "arm_n1");
}

}  // namespace
