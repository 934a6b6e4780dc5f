// SPDX-License-Identifier: MIT
// Small fixed programs whose exact counts and times are in model_numbers.json, with the version of the model that gave
// them: a model that gives others must have another version. Their accesses are volatile or atomic, so that every
// compiler makes the same ones.
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "perf/coherence/machine_file.hpp"
#include "perf/coherence/model_version.hpp"
#include "perf/coherence/simulation.hpp"
#include "perf/record/atomic_file.hpp"

extern "C" unsigned long __tsan_atomic64_compare_exchange_val(volatile unsigned long*, unsigned long, unsigned long,
                                                              int, int);

namespace contend::coherence {
namespace {

using nlohmann::ordered_json;
constexpr auto relaxed = std::memory_order_relaxed;
constexpr unsigned steps = 200;

struct alignas(128) own_line {
  volatile unsigned long word;
};
own_line lines[max_cores];
alignas(128) volatile unsigned long packed[max_cores];
alignas(128) std::atomic<unsigned long> total;
alignas(128) std::atomic<unsigned> flag;
alignas(128) std::atomic<unsigned> turn;
alignas(128) volatile unsigned long guarded;
alignas(128) pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
alignas(128) void* volatile block[max_cores];
unsigned running;
picoseconds ends[max_cores];

void lines_of_their_own(unsigned i) { lines[i].word = lines[i].word + 1; }
void neighbours_on_a_line(unsigned i) { packed[i] = packed[i] + 1; }
void fetch_add(unsigned) { total.fetch_add(1, relaxed); }
void compare_and_swap(unsigned) {  // by the hook: gcc keeps what is expected in memory, clang does not
  for (unsigned long seen = total.load(relaxed);;) {
    const unsigned long before =
        __tsan_atomic64_compare_exchange_val(reinterpret_cast<volatile unsigned long*>(&total), seen, seen + 1, 0, 0);
    if (before == seen) return;
    seen = before;
  }
}
void one_writes_all_read(unsigned i) {
  if (i == 0)
    guarded = guarded + 1;
  else
    (void)guarded;
}
void stores_in_the_buffer(unsigned i) {
  for (unsigned k = 0; k < 6; ++k) packed[(i + 8 * k) % max_cores] = k;
  fence();
}
void spin_lock(unsigned) {
  while (flag.exchange(1, std::memory_order_acquire) != 0)
    while (flag.load(relaxed) != 0) relax();
  guarded = guarded + 1;
  flag.store(0, std::memory_order_release);
}
void library_mutex(unsigned) {
  pthread_mutex_lock(&mutex);
  guarded = guarded + 1;
  pthread_mutex_unlock(&mutex);
}
void parked_in_turn(unsigned i) {
  for (unsigned seen = turn.load(std::memory_order_acquire); seen % running != i;
       seen = turn.load(std::memory_order_acquire))
    park(&turn, seen, 0);
  turn.fetch_add(1, std::memory_order_release);
  wake(&turn, max_cores);
}
void work_and_a_nap(unsigned i) {
  pass(1'000 * (1 + i % 5));
  total.fetch_add(1, relaxed);
  if (i % 4 == 1) sleep_until(now() + 700'000);
}
void blocks_handed_on(unsigned i) {
  block[i] = std::malloc(24 + 16 * (i % 3));
  *static_cast<volatile unsigned long*>(block[i]) = i;
  std::free(block[i]);
}

struct program {
  const char* name;
  void (*step)(unsigned);
};
constexpr program programs[] = {{"lines of their own", lines_of_their_own},
                                {"neighbours on a line", neighbours_on_a_line},
                                {"fetch_add", fetch_add},
                                {"compare and swap", compare_and_swap},
                                {"one writes, all read", one_writes_all_read},
                                {"stores in the buffer", stores_in_the_buffer},
                                {"spin lock", spin_lock},
                                {"the C library's mutex", library_mutex},
                                {"parked in turn", parked_in_turn},
                                {"work and a nap", work_and_a_nap},
                                {"blocks handed on", blocks_handed_on}};

void (*chosen)(unsigned);

/// Counts and times of a program: the same in every process, whatever ran before.
ordered_json numbers(const program& one, unsigned threads, const machine& m, const schedule_options& schedule) {
  chosen = one.step;
  running = threads;
  total = 0;
  flag = 0;
  turn = 0;
  simulation all(m, threads, schedule);
  all.run(
      [](unsigned i) {
        void (*step)(unsigned) = nullptr;
        {
          const outside here;
          step = chosen;
        }
        for (unsigned k = 0; k < steps; ++k) step(i);
        const outside here;
        ends[i] = now();
      },
      {}, 1'000'000'000'000);
  const auto c = all.model().counts();
  picoseconds sum = 0;
  for (unsigned i = 0; i < threads; ++i) sum += ends[i];
  return {{"accesses", c.accesses},
          {"line_transfers", c.line_transfers},
          {"invalidations", c.invalidations},
          {"upgrades", c.upgrades},
          {"write_backs", c.write_backs},
          {"true_sharing", c.true_sharing},
          {"false_sharing", c.false_sharing},
          {"failed_cas", c.failed_cas},
          {"spins", c.spins},
          {"parks", c.parks},
          {"last_end_ps", *std::max_element(ends, ends + threads)},
          {"sum_of_ends_ps", sum}};
}

ordered_json all_numbers() {
  ordered_json out = ordered_json::object();
  for (const char* name : {"zen4", "spr-2s"})
    for (const auto& one : programs)
      for (const unsigned threads : {1U, 2U, 4U, 16U, 72U})
        for (const bool varied : {false, true}) {
          if (varied && threads != 16) continue;
          schedule_options schedule;
          if (varied) schedule = {.kind = schedule_kind::varied, .seed = 1};
          out[std::string(name) + ", " + one.name + ", " + std::to_string(threads) + " threads" +
              (varied ? ", varied" : "")] = numbers(one, threads, load_machine(name), schedule);
        }
  return out;
}

/// A description's figures, without what is said of where they are from.
ordered_json bare(const ordered_json& description) {
  ordered_json out = description;
  if (!out.is_object()) return out;
  for (const char* words : {"source", "about", "calibration"}) out.erase(words);
  for (auto& [key, value] : out.items()) value = bare(value);
  return out;
}

ordered_json machines() {
  return {{"zen4", bare(machine_json(load_machine("zen4")))}, {"spr-2s", bare(machine_json(load_machine("spr-2s")))}};
}

/// The first difference of a program on one of the machines that `stored` knows as they are now, as a sentence; "" if
/// there is none.
std::string difference(const ordered_json& stored, const ordered_json& now, const ordered_json& after) {
  for (const auto& [name, numbers] : stored.at("programs").items()) {
    const std::string on = name.substr(0, name.find(','));
    if (stored.at("machines").at(on) != now.at(on)) continue;  // other figures give other numbers
    if (!after.contains(name)) return "'" + name + "' is no program of this test any more";
    for (const auto& [key, value] : numbers.items())
      if (after[name][key] != value)
        return "'" + name + "': " + key + " was " + value.dump() + " and is " + after[name][key].dump();
  }
  return {};
}

/// One machine and one program a line.
std::string text_of(const ordered_json& numbers) {
  std::string text = "{\n \"model_version\": \"" + std::string(model_version) + "\"";
  const std::pair<const char*, ordered_json> parts[] = {{"machines", machines()}, {"programs", numbers}};
  for (const auto& [part, entries] : parts) {
    text += ",\n \"" + std::string(part) + "\": {";
    const char* separator = "\n  ";
    for (const auto& [name, one] : entries.items()) {
      text += separator + ordered_json(name).dump() + ": " + one.dump();
      separator = ",\n  ";
    }
    text += "\n }";
  }
  return text + "\n}\n";
}

TEST(model_version, is_another_one_wherever_a_fixed_program_has_other_numbers) {
  const std::string path = CONTEND_MODEL_NUMBERS;
  const std::string renew = "RENEW_MODEL_NUMBERS=1 " + testing::internal::GetArgvs()[0];
  std::ifstream file(path);
  const auto stored = ordered_json::parse(file, nullptr, false);
  const auto found = all_numbers();
  const bool told = stored.is_object() && stored.contains("programs") && stored.contains("machines");
  const std::string version = told ? stored.value("model_version", "") : "";
  const std::string differs = told ? difference(stored, machines(), found) : "";
  const std::string raise = "The model gives other numbers than version " + version + " of it did: " + differs +
                            ". If that is meant, raise model_version in perf/coherence/model_version.hpp, say in "
                            "perf/coherence/README.md what changed, build, and renew the numbers: " +
                            renew;
  if (std::getenv("RENEW_MODEL_NUMBERS") != nullptr) {
    ASSERT_FALSE(version == model_version && !differs.empty()) << raise;
    record::write_atomically(path, text_of(found));
    return;
  }
  ASSERT_TRUE(told) << path << " is missing or no JSON; renew it: " << renew;
  ASSERT_EQ(version, model_version) << path << " has numbers of another version of the model; renew them: " << renew;
  ASSERT_EQ(differs, "") << raise;
  ASSERT_EQ(stored["machines"], machines()) << "a machine's description changed; renew the numbers: " << renew;
  EXPECT_EQ(stored["programs"].size(), found.size()) << "programs were added; renew the numbers: " << renew;
}

TEST(lookahead, changes_no_number_of_the_fixed_programs) {
  for (const char* name : {"zen4", "spr-2s"}) {
    const auto m = load_machine(name);
    for (const auto& one : programs)
      for (const unsigned threads : {2U, 4U, 16U, 64U})
        for (const auto kind : {schedule_kind::none, schedule_kind::varied}) {
          schedule_options ahead{.kind = kind, .seed = 3};
          schedule_options in_turn = ahead;
          in_turn.lookahead = false;
          EXPECT_EQ(numbers(one, threads, m, ahead), numbers(one, threads, m, in_turn))
              << one.name << " on " << name << ", " << threads << " threads, schedule " << static_cast<int>(kind);
        }
  }
}

TEST(model_version, a_difference_is_told_in_words) {
  const ordered_json m = {{"m", 1}};
  const ordered_json stored = {{"machines", m}, {"programs", {{"m, a", {{"accesses", 3}, {"spins", 0}}}}}};
  EXPECT_EQ(difference(stored, m, stored["programs"]), "");
  const ordered_json other = {{"m, a", {{"accesses", 3}, {"spins", 1}}}};
  EXPECT_EQ(difference(stored, m, other), "'m, a': spins was 0 and is 1");
  EXPECT_EQ(difference(stored, m, {{"m, b", ordered_json::object()}}), "'m, a' is no program of this test any more");
  EXPECT_EQ(difference(stored, {{"m", 2}}, other), "") << "on a machine of other figures nothing is compared";
}

TEST(model_version, the_programs_do_what_they_are_called) {
  const auto m = load_machine("spr-2s");
  const auto count = [&](std::size_t which, const char* key) {
    return numbers(programs[which], 4, m, {}).at(key).get<std::uint64_t>();
  };
  EXPECT_EQ(count(0, "line_transfers") + count(0, "false_sharing"), 0U);
  EXPECT_GT(count(1, "false_sharing"), 0U);
  EXPECT_GT(count(2, "true_sharing"), 0U);
  EXPECT_GT(count(3, "failed_cas"), 0U);
  EXPECT_GT(count(6, "spins"), 0U);
  EXPECT_GT(count(7, "parks"), 0U);
  EXPECT_GT(count(8, "parks"), 0U);
}

}  // namespace
}  // namespace contend::coherence
