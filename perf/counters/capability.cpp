// SPDX-License-Identifier: MIT
// Tries each event in a loop that must cause it, and says what came of it.
#include "perf/counters/capability.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <latch>
#include <mutex>
#include <thread>
#include <utility>

#include "perf/counters/probe_load.hpp"

namespace contend::counters {
namespace {

constexpr std::chrono::milliseconds length{20};

using pair_of_readings = std::array<std::vector<reading>, 2>;

/// What both threads of a load read of `events`, which fit one group.
pair_of_readings read_in_two_threads(std::span<const event> events, const kernel_calls& calls) {
  probe_load load;
  pair_of_readings read;
  std::mutex opening;
  std::latch together(2);
  const auto one_thread = [&](unsigned thread) {
    load.prepare(thread);
    std::optional<thread_counters> counters;
    {
      const std::lock_guard alone(opening);
      counters.emplace(events, calls);
    }
    together.arrive_and_wait();
    counters->begin();
    load.work(thread, length);
    counters->end();
    read[thread] = counters->readings();
    const std::lock_guard alone(opening);
    counters.reset();
  };
  std::array team{std::thread(one_thread, 0U), std::thread(one_thread, 1U)};  // the caller's affinity stays as it is
  for (std::thread& one : team) one.join();
  return read;
}

/// The better of what two threads read of one event; a 0 in both is not a count.
event_status judged(const event& what, const reading& a, const reading& b) {
  const auto rank = [](const reading& one) {
    return one.value.value_or(0) > 0 ? 3 : one.value ? 2 : one.what == state::starved ? 1 : 0;
  };
  reading best = rank(a) >= rank(b) ? a : b;
  if (rank(best) == 2 && what.from == origin::perf_event) best.what = state::unsupported;
  event_status status{what, best.what, best.running, {}};
  if (best.what != state::counted) status.why = why_not(best, what);
  return status;
}

event generic(const char* metric, std::uint64_t config, side where) {
  event made;
  made.metric = metric;
  made.where = where;
  made.type = PERF_TYPE_HARDWARE;
  made.config = config;
  made.name = metric;
  made.source = "perf_event_open(2)";
  return made;
}

bool counts(const event_status& status) { return status.how == state::counted || status.how == state::multiplexed; }

}  // namespace

capability probe(std::span<const event> events, const open_call& open) {
  return probe(events, kernel_calls{open, {}, {}, {}});
}

capability probe(std::span<const event> events, const kernel_calls& calls) {
  // The machine as a whole is judged by instructions, whichever events were asked for.
  std::vector<event> all(events.begin(), events.end());
  all.push_back(generic("instructions", PERF_COUNT_HW_INSTRUCTIONS, side::user));
  all.push_back(generic("instructions", PERF_COUNT_HW_INSTRUCTIONS, side::kernel));

  capability result;
  for (const event& one : all) result.events.push_back({one, state::failed, 0, {}});
  std::vector<std::vector<std::size_t>> groups;
  {
    const thread_counters tried(all, calls);
    for (std::size_t i = 0; i < all.size(); ++i) result.events[i].why = tried.obstacles()[i];
    groups = tried.groups();
  }
  auto& software = groups.emplace_back();
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].from != origin::perf_event) software.push_back(i);
  for (const auto& group : groups) {
    if (group.empty()) continue;
    std::vector<event> chosen;
    for (const std::size_t i : group) chosen.push_back(all[i]);
    const auto read = read_in_two_threads(chosen, calls);
    for (std::size_t k = 0; k < group.size(); ++k) result.events[group[k]] = judged(chosen[k], read[0][k], read[1][k]);
  }

  const event_status user = result.events[events.size()], kernel = result.events[events.size() + 1];
  result.events.resize(events.size());
  const auto some = [&](side where, const event_status& whole) {
    return counts(whole) || std::any_of(result.events.begin(), result.events.end(), [&](const event_status& one) {
             return counts(one) && one.what.where == where &&
                    (one.what.metric == "cycles" || one.what.metric == "instructions");
           });
  };
  result.hardware = some(side::user, user);
  result.kernel_side = some(side::kernel, kernel);
  if (!result.hardware)
    result.why = user.why;
  else if (!result.kernel_side)
    result.why = kernel.why;
  return result;
}

}  // namespace contend::counters
