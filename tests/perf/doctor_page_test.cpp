// SPDX-License-Identifier: MIT
// The doctor's page: how much room it takes, what it shows, and the layout that it is made with.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "perf/doctor/layout.hpp"
#include "perf/doctor/page.hpp"
#include "tests/perf/doctor_machines.hpp"

namespace contend::doctor {
namespace {

using namespace testing;

std::size_t rows(const std::string& page) {
  return static_cast<std::size_t>(std::count(page.begin(), page.end(), '\n'));
}

TEST(page, the_worst_machine_fits_40_rows_and_every_line_80_columns) {
  given here = virtual_machine();
  here.layout = "pack:1 l3:1 core:8 pu:1";
  here.cpu["model"] = "Intel(R) Xeon(R) Platinum 8480+ with a long name";
  here.cpu["governor"] = "powersave";
  here.cpu["boost"] = true;
  here.watch.others_busy = 1.2;
  here.watch.waiting = 0.4;
  here.watch.steal = 0.08;
  here.system["cpu_quota_cores"] = 1.5;
  here.counting = counts(state::failed, state::failed,
                         {"no_pmu", "the hypervisor KVM does not pass a performance monitoring unit to this machine",
                          "Enable the virtual PMU: in libvirt <pmu state='on'/>, in QEMU -cpu host,pmu=on."});
  facts known = here.made();
  known.first = alike(8, 22);
  set(known.first, 0, 3, 199);
  known.second = known.first;
  const std::string page = text_page(known, judge(known), {});
  EXPECT_LE(rows(page), 40U) << page;
  for (const auto line : host::split(page, '\n')) EXPECT_LE(columns(line), 80U) << line;
}

/// The machine of most readers: a virtual one with four processors, without a PMU, and something else running.
TEST(page, a_small_virtual_machine_fits_24_rows) {
  given here = virtual_machine();
  here.cpu["model"] = "AMD EPYC";
  here.system["kernel"] = "6.1.0-18-cloud-amd64";
  here.watch.others_busy = 1.9;
  here.counting = counts(state::failed, state::failed,
                         {"no_pmu", "no hardware counters: KVM gives this virtual machine no PMU (ENOENT)",
                          "use a machine whose hypervisor passes the counters on (a bare-metal instance; QEMU/KVM: "
                          "-cpu host,pmu=on)"});
  facts known = here.made();
  known.first = alike(4, 22);
  known.second = known.first;
  known.apart_s = 1;
  const std::string page = text_page(known, judge(known), {});
  EXPECT_LE(rows(page), 24U) << page;
  EXPECT_TRUE(contains(page, "hardware counters: none: KVM gives this virtual machine no PMU (ENOENT) →2")) << page;
}

TEST(page, what_to_do_is_numbered_as_the_verdicts_say) {
  given here = virtual_machine();
  here.watch.others_busy = 1.9;
  here.system["cpu_quota_cores"] = 2;
  const facts known = here.made();
  const diagnosis found = judge(known);
  const std::string page = text_page(known, found, {});
  for (std::size_t i = 0; i < found.to_do.size(); ++i)
    EXPECT_TRUE(contains(page, host::joined({std::to_string(i + 1), ". ", found.to_do[i].text}))) << page;
  EXPECT_TRUE(contains(page, "(4 of 4 processors; quota 2) →2")) << page;
}

TEST(page, of_many_things_to_do_the_last_is_shown_and_verbose_shows_all) {
  diagnosis found = judge(given().made());
  found.to_do.clear();
  for (const char* text : {"One.", "Two.", "Three.", "Four.", "Five.", "Six.", "Seven."})
    found.to_do.push_back({text, "", {"timings"}});
  const std::string page = text_page(given().made(), found, {});
  EXPECT_TRUE(contains(page, "4. Four. (more with --verbose) 7. Seven.")) << page;
  EXPECT_TRUE(contains(page, "→1,2,3,4,7")) << page;
  EXPECT_TRUE(contains(text_page(given().made(), found, {false, true}), "4. Four. 5. Five. 6. Six. 7. Seven."));
}

TEST(page, colours_only_when_asked_for_and_they_change_nothing_else) {
  facts known = virtual_machine().made();
  known.first = alike(4, 22);
  set(known.first, 0, 3, 199);
  const diagnosis found = judge(known);
  const std::string bare = text_page(known, found, {});
  std::string dyed = text_page(known, found, {true, false});
  EXPECT_FALSE(contains(bare, "\033"));
  EXPECT_TRUE(contains(dyed, "\033[31m")) << "199 is more than three times the least";
  for (std::size_t at = dyed.find("\033["); at != std::string::npos; at = dyed.find("\033["))
    dyed.erase(at, dyed.find('m', at) - at + 1);
  EXPECT_EQ(dyed, bare);
}

TEST(page, more_than_eight_processors_are_summed_up_by_distance) {
  given here;
  here.layout = "pack:2 l3:1 core:5 pu:1";
  facts known = here.made();
  known.first = alike(10, 130);
  set(known.first, 0, 1, 30);
  const std::string page = text_page(known, judge(known), {});
  EXPECT_TRUE(contains(page, "same l3: 30 / 130 / 130 ns")) << page;
  EXPECT_TRUE(contains(page, "other socket: 130 / 130 / 130 ns"));
}

TEST(page, verbose_lists_every_event_with_its_code) {
  given here;
  here.counting = counts(state::counted, state::failed, {"paranoid", "level 2", "Lower it."});
  const facts known = here.made();
  const std::string page = text_page(known, judge(known), {false, true});
  EXPECT_TRUE(contains(page, "cycles (kernel)"));
  EXPECT_TRUE(contains(page, "0:0x1d1"));
  EXPECT_TRUE(contains(page, "getrusage"));
  EXPECT_TRUE(contains(page, "cycles 0:0x1d1 counted 100 % VENDOR_NAME; a manual")) << page;
  EXPECT_TRUE(contains(page, "cycles (kernel) 0:0x1d1 not opened VENDOR_NAME; a manual"));
}

TEST(page, a_share_that_was_not_measured_is_null_in_the_document) {
  given here;
  here.counting = counts(state::counted, state::failed, {"paranoid", "level 2", "Lower it."});
  const facts known = here.made();
  const auto events = json_page(known, judge(known))["counters"]["events"];
  EXPECT_EQ(events[0]["running"], 1.0);
  EXPECT_TRUE(events[1]["running"].is_null());
  EXPECT_EQ(events[1]["why"]["caveat"], "paranoid");
}

TEST(layout, words_fill_lines_and_a_piece_is_never_broken) {
  EXPECT_EQ(fill({"aa", "bb", "cc"}, 5), (std::vector<std::string>{"aa bb", "cc"}));
  EXPECT_EQ(fill({"a", "longer than that", "b"}, 5), (std::vector<std::string>{"a", "longer than that", "b"}));
  EXPECT_EQ(pieces_of("steal 0.3 %; 22 ns"), (std::vector<std::string>{"steal", "0.3 %;", "22 ns"}));
  EXPECT_EQ(columns("22–99 ×"), 7U);
}

TEST(layout, numbers_are_as_long_as_they_need_to_be) {
  EXPECT_EQ(plain(0), "0");
  EXPECT_EQ(plain(0.25), "0.25");
  EXPECT_EQ(plain(1.26), "1.3");
  EXPECT_EQ(plain(21.7), "22");
}

}  // namespace
}  // namespace contend::doctor
