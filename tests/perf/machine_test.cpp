// SPDX-License-Identifier: MIT
// Machine files: what is shipped, what a file may hold, and one clear sentence for everything else.
#include <gtest/gtest.h>

#include <algorithm>

#include "perf/coherence/machine_file.hpp"
#include "perf/coherence/model.hpp"
#include "tests/perf/scratch.hpp"

namespace contend::coherence {
namespace {

using json = nlohmann::ordered_json;

json zen4() { return machine_json(load_machine("zen4")); }

/// What is wrong with a file of this text; empty if nothing is.
std::string complaint(const std::string& text) {
  try {
    (void)parse_machine(text, "own.json");
  } catch (const bad_machine& wrong) {
    return wrong.what();
  }
  return "";
}

TEST(machine_file, what_is_shipped_has_128_cores_and_a_source_for_every_figure) {
  for (const auto& name : shipped_machines()) {
    const machine one = load_machine(name);
    EXPECT_EQ(one.name, name);
    EXPECT_EQ(one.cores, max_cores);
    EXPECT_EQ(one.line_size, 64U);
    EXPECT_FALSE(one.about.empty());
    EXPECT_GT(one.near.data, 0U);
    EXPECT_GT(one.remote.data, one.near.data);
    const json all = machine_json(one);
    for (const auto& [key, entry] : all.items()) {
      if (key == "name" || key == "about") continue;
      ASSERT_TRUE(entry.contains("source")) << name << " " << key;
      EXPECT_GT(entry["source"].get<std::string>().size(), 10U) << name << " " << key;
    }
  }
}

TEST(machine_file, zen4_has_clusters_of_eight_and_two_sockets_and_spr_2s_two_meshes) {
  const machine amd = load_machine("zen4");
  EXPECT_EQ(amd.protocol, coherence_protocol::moesi);
  EXPECT_EQ(&amd.between(0, 7), &amd.near);
  EXPECT_EQ(&amd.between(7, 8), &amd.far);
  EXPECT_EQ(&amd.between(0, 63), &amd.far);
  EXPECT_EQ(&amd.between(63, 64), &amd.remote);
  const machine intel = load_machine("spr-2s");
  EXPECT_EQ(intel.protocol, coherence_protocol::mesi);
  EXPECT_EQ(&intel.between(0, 63), &intel.near);
  EXPECT_EQ(&intel.between(63, 64), &intel.remote);
}

TEST(machine_file, written_and_read_again_it_is_the_same_machine) {
  machine one = load_machine("zen4");
  one.calibration = R"({"rounds":9})";
  one.rmw = 2'345;
  const json first = machine_json(one);
  const machine again = parse_machine(first.dump(2), "again.json");
  EXPECT_EQ(machine_json(again), first);
  EXPECT_EQ(again.rmw, 2'345U);
  EXPECT_EQ(again.far.acknowledge, one.far.acknowledge);
  EXPECT_EQ(again.calibration, one.calibration);
}

TEST(machine_file, an_unknown_name_gets_the_names_and_the_nearest_one) {
  try {
    (void)load_machine("zen5");
    FAIL();
  } catch (const bad_machine& wrong) {
    EXPECT_STREQ(wrong.what(),
                 "machine 'zen5' is not known, did you mean 'zen4'?; expected spr-2s, zen4, local (which 'contend "
                 "doctor --calibrate' writes), or a file *.json");
  }
  EXPECT_THROW((void)load_machine(""), bad_machine);
}

TEST(machine_file, local_is_in_the_results_and_a_file_is_anywhere) {
  testing::scratch here;
  try {
    (void)load_machine("local", here.path());
    FAIL();
  } catch (const bad_machine& wrong) {
    EXPECT_NE(std::string(wrong.what()).find("contend doctor --calibrate"), std::string::npos) << wrong.what();
  }
  json own = zen4();
  own["name"] = "mine";
  here.put("local.json", own.dump(1));
  EXPECT_EQ(load_machine("local", here.path()).name, "mine");
  EXPECT_EQ(load_machine((here.path() / "local.json").string()).name, "mine");
  EXPECT_THROW((void)load_machine((here.path() / "none.json").string()), bad_machine);
  EXPECT_THROW((void)load_machine(here.path().string() + "/"), bad_machine) << "a folder";
}

TEST(machine_file, bad_json_is_told_with_its_line) {
  EXPECT_EQ(complaint("{\n  \"name\": \"a\",\n  oops\n}").substr(0, 40), "'own.json' line 3: this is no JSON: synt");
  EXPECT_EQ(complaint("").substr(0, 34), "'own.json' line 1: this is no JSON");
  EXPECT_EQ(complaint("[1]"), "'own.json' line 1: expected a JSON object, not [1]");
}

TEST(machine_file, every_fault_is_told_with_its_line_and_key) {
  // dump(1) puts every key on a line of its own: name 2, about 3, protocol 4 (value 5, source 6), line_size 8 …
  const auto with = [](auto change) {
    json one = zen4();
    change(one);
    return complaint(one.dump(1));
  };
  EXPECT_EQ(with([](json&) {}), "");
  json misspelt = zen4();
  misspelt["rmws"] = misspelt["rmw"];
  const std::string text = misspelt.dump(1);
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.find("rmws")), '\n');
  EXPECT_EQ(complaint(text),
            "'own.json' line " + std::to_string(line) + ": key 'rmws' is not known; did you mean 'rmw'?");
  EXPECT_EQ(with([](json& one) { one.erase("rmw"); }), "'own.json' line 1: key 'rmw' is missing");
  EXPECT_EQ(with([](json& one) { one["near"].erase("probe"); }).substr(20), "key 'near.probe' is missing");
  EXPECT_EQ(with([](json& one) { one["near"]["probe"] = "6"; }).substr(20),
            "key 'near.probe' is \"6\"; expected a number of ns from 0 to 10000000");
  EXPECT_EQ(with([](json& one) { one["near"]["probe"] = -1; }).substr(20),
            "key 'near.probe' is -1; expected a number of ns from 0 to 10000000");
  EXPECT_EQ(with([](json& one) { one["near"]["prob"] = 1; }).substr(20),
            "key 'near.prob' is not known; did you mean 'probe'?");
  EXPECT_EQ(with([](json& one) { one["line_size"]["value"] = 96; }),
            "'own.json' line 8: key 'line_size' is 96; expected 64 or 128");
  EXPECT_EQ(with([](json& one) { one["cores"]["value"] = 129; }),
            "'own.json' line 12: key 'cores' is 129; expected a whole number from 1 to 128");
  EXPECT_EQ(with([](json& one) { one["cores"]["value"] = 2.5; }),
            "'own.json' line 12: key 'cores' is 2.5; expected a whole number from 1 to 128");
  EXPECT_EQ(with([](json& one) { one["cores"] = 64; }),
            "'own.json' line 12: key 'cores' is 64; expected {\"value\": ..., \"source\": \"where it is from\"}");
  EXPECT_EQ(with([](json& one) { one["cores"].erase("source"); }), "'own.json' line 12: key 'cores.source' is missing");
  EXPECT_EQ(with([](json& one) { one["cores"]["source"] = ""; }),
            "'own.json' line 14: key 'cores.source' is an empty text");
  EXPECT_EQ(with([](json& one) { one["protocol"]["value"] = "MSI"; }),
            "'own.json' line 4: key 'protocol' is \"MSI\"; expected \"MESI\" or \"MOESI\"");
  EXPECT_EQ(with([](json& one) { one["name"] = 4; }), "'own.json' line 2: key 'name' is 4; expected a text");
  EXPECT_EQ(complaint("{\"name\": \"a\",\n\"name\": \"b\"}"), "'own.json' line 2: key 'name' occurs twice");
}

TEST(machine_file, of_before_there_were_these_keys_can_still_be_read) {
  json one = zen4();
  one.erase("rmw_overlap");
  one.erase("libc_call");
  const machine read = parse_machine(one.dump(), "own.json");
  EXPECT_EQ(read.rmw_overlap, 0U);
  EXPECT_EQ(read.libc_call, 0U);
  EXPECT_EQ(read.sources.at("rmw_overlap"), "the file does not say");
  const json again = machine_json(read);
  EXPECT_EQ(again["rmw_overlap"]["value"], 0);
  EXPECT_EQ(again["rmw_overlap"]["source"], "the file does not say");
}

TEST(machine_file, a_time_is_whole_picoseconds) {
  json one = zen4();
  one["rmw"]["value"] = 0.0004;
  one["load"]["value"] = 1.2346;
  const machine read = parse_machine(one.dump(), "own.json");
  EXPECT_EQ(read.rmw, 0U);
  EXPECT_EQ(read.load, 1'235U);
}

}  // namespace
}  // namespace contend::coherence
