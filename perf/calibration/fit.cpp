// SPDX-License-Identifier: MIT
// See fit.hpp.
#include "perf/calibration/fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <initializer_list>

#include "perf/host/text.hpp"

namespace contend::calibration {
namespace {

using coherence::legs;
using coherence::machine;
using coherence::picoseconds;
using host::joined;

double ns(picoseconds time) { return static_cast<double>(time) / 1000; }
picoseconds ps(double time) { return static_cast<picoseconds>(std::llround(std::max(time, 0.0) * 1000)); }

std::string shown(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", std::abs(value) < 10 ? 2 : std::abs(value) < 1000 ? 1 : 0, value);
  return text;
}

/// Half a transaction: from the moment the owner's turn begins until it loses the line, when somebody waits.
double held(const legs& way) { return ns(way.acknowledge) + ns(way.probe); }
double hand_over(const legs& way) { return held(way) + ns(way.data); }

double ping_pong_of(const legs& way, const machine& on) {
  const double turn = std::max(ns(way.request), ns(way.acknowledge)) + ns(way.probe);
  return 2 * turn + ns(way.data) + 1.5 * ns(on.load);  // an upgrade, a miss; a poll is half over when it finds it
}

double contended_add_of(const legs& way, const machine& on) {
  const double rmw = std::max(ns(on.rmw), 0.001);
  return hand_over(way) / std::max(1.0, std::ceil(held(way) / rmw));
}

/// Each has the line for `held` every two hand-overs; meanwhile the store buffer fills.
double false_sharing_of(const legs& way, const machine& on) {
  const double store = std::max(ns(on.store), 0.001);
  const double away = 2 * hand_over(way) - held(way);
  const double stores = held(way) / store + std::min(static_cast<double>(on.store_buffer), away / store);
  return 2 * hand_over(way) / std::max(stores, 1.0);
}

double shared_period(const legs& way) { return 2 * held(way) + ns(way.data); }

/// What the accesses take of locking and unlocking a mutex: the first looks at its kind and takes it, then its owner
/// and the number of its users are noted, the kind looked at and both taken back, beside the read-modify-write; the
/// last gives it back.
picoseconds uncontended_mutex(const machine& on) {
  const auto beside = [&](picoseconds hits) { return hits - std::min(hits, on.rmw_overlap); };
  return 2 * on.rmw + beside(3 * on.load + 4 * on.store) + beside(on.load);
}

const figure* measured(const figures& found, const std::string& name) {
  const auto at = found.find(name);
  return at != found.end() && at->second.median ? &at->second : nullptr;
}

std::string reason(const figures& found, const std::string& name) {
  const auto at = found.find(name);
  if (at == found.end() || at->second.why_not.empty()) return "no probe for it ran";
  return at->second.why_not;
}

std::string measured_text(const std::string& name, const figure& one) {
  return joined({"probe ", name, ": ", shown(*one.median), " ns, ", shown(one.low), " to ", shown(one.high), " in ",
                 std::to_string(one.rounds), " rounds"});
}

struct equation {
  double figure;
  double (*model)(const legs&, const machine&);
};

double misfit(const legs& way, const machine& on, const std::vector<equation>& all) {
  double sum = 0;
  for (const auto& one : all) {
    const double off = std::log(std::max(one.model(way, on), 1e-3) / one.figure);
    sum += off * off;
  }
  return sum;
}

/// Request, probe and acknowledgement as equally long, because the figures depend on held and data only. Looks on a
/// grid of 400 × 400, then twice on a finer one round the best.
legs best_legs(const machine& on, const std::vector<equation>& all) {
  double longest = 0;
  for (const auto& one : all) longest = std::max(longest, one.figure);
  double best_leg = 0, best_data = 0, least = 0;
  double leg_from = 0, data_from = 0, leg_step = longest / 400, data_step = longest / 400;
  for (unsigned pass = 0; pass < 3; ++pass) {
    bool first = true;
    for (unsigned i = 0; i <= 400; ++i)
      for (unsigned j = 0; j <= 400; ++j) {
        const double leg = leg_from + i * leg_step, data = data_from + j * data_step;
        const legs way{ps(leg), ps(leg), ps(data), ps(leg)};
        const double off = misfit(way, on, all);
        if (first || off < least) {
          least = off;
          best_leg = leg;
          best_data = data;
          first = false;
        }
      }
    leg_from = std::max(0.0, best_leg - leg_step);
    data_from = std::max(0.0, best_data - data_step);
    leg_step /= 200;
    data_step /= 200;
  }
  return {ps(best_leg), ps(best_leg), ps(best_data), ps(best_leg)};
}

/// The middle of contended_add at the numbers of threads that ran.
std::optional<double> middle_add(const figures& found, const std::string& how_far) {
  std::vector<double> all;
  for (const auto& [name, one] : found)
    if (name.starts_with("contended_add." + how_far + ".") && one.median) all.push_back(*one.median);
  if (all.empty()) return std::nullopt;
  std::sort(all.begin(), all.end());
  return (all[(all.size() - 1) / 2] + all[all.size() / 2]) / 2;
}

/// True if there was something to fit them to.
bool fit_legs(const figures& found, const std::string& how_far, machine& out, legs machine::*way) {
  std::vector<equation> all;
  std::string text;
  const auto add = [&](const std::string& name, std::optional<double> value,
                       double (*model)(const legs&, const machine&)) {
    if (!value || !(*value > 0)) return;
    all.push_back({*value, model});
    text += joined({text.empty() ? "" : ", ", name, " ", shown(*value), " ns"});
  };
  const auto value = [&](const char* probe) -> std::optional<double> {
    const auto* one = measured(found, joined({probe, ".", how_far}));
    return one == nullptr ? std::nullopt : one->median;
  };
  add("ping_pong", value("ping_pong"), ping_pong_of);
  add("cas_hand_over", value("cas_hand_over"), [](const legs& l, const machine&) { return hand_over(l); });
  add("contended_add", middle_add(found, how_far), contended_add_of);
  if (all.size() < 2) return false;
  out.*way = best_legs(out, all);
  out.sources[how_far] = joined({"fitted to the probes ", text,
                                 "; request, probe and acknowledge are taken as equally long, because no probe tells "
                                 "them apart; what the model gives for each probe is under calibration"});
  return true;
}

}  // namespace

std::optional<double> predicted(const std::string& probe, const machine& on) {
  const auto parts = host::split(probe, '.');
  if (parts.size() < 2) {
    if (probe == "wake_call") return ns(on.futex) + ns(on.wake) + held(on.near);
    return std::nullopt;
  }
  const legs& way = parts[1] == "near" ? on.near : parts[1] == "far" ? on.far : on.remote;
  if (parts[0] == "ping_pong") return ping_pong_of(way, on);
  if (parts[0] == "cas_hand_over") return hand_over(way);
  if (parts[0] == "contended_add") return contended_add_of(way, on);
  if (parts[0] == "false_sharing") return false_sharing_of(way, on);
  if (parts[0] == "write_to_reader") return ns(on.store);  // overwritten in the store buffer while the line travels
  if (parts[0] == "read_of_written")
    return shared_period(way) / (1 + std::ceil(held(way) / std::max(ns(on.load), 0.001)));
  return std::nullopt;
}

machine fit(const figures& found, const host_facts& host, const machine& fallback) {
  machine out = fallback;
  out.name = "local";
  out.calibration.clear();
  for (auto& [key, source] : out.sources) source = joined({"taken over from ", fallback.name, ": no probe for it"});
  const bool virtual_machine = host.virtual_machine.value_or(false);
  out.about = joined({host.cpu.empty() ? "a processor of unknown model" : host.cpu, ", ",
                      std::to_string(host.processors), host.processors == 1 ? " processor" : " processors",
                      virtual_machine ? ", a virtual machine: its processors may move and its figures with them" : "",
                      "; written by contend doctor --calibrate"});
  out.protocol = host.amd ? coherence::coherence_protocol::moesi : coherence::coherence_protocol::mesi;
  out.sources["protocol"] = host.amd ? "the processor's vendor is AMD (AMD64 Architecture Programmer's Manual, volume "
                                       "2, 7.3); no probe tells"
                                     : "not AMD, so the more common one; no probe tells";
  out.line_size = host.line_size == 128 ? 128 : 64;
  out.sources["line_size"] = joined({"what the machine says: ", std::to_string(host.line_size), " bytes"});
  out.cores = coherence::max_cores;
  out.sources["cores"] = joined({"the limit of the simulation; this machine has ", std::to_string(host.processors),
                                 ", beyond that it is a prediction for a larger machine of the same make"});
  out.cores_per_cluster = std::clamp(host.cores_per_cluster, 1U, coherence::max_cores);
  out.sources["cores_per_cluster"] = "cores that share a last-level cache, as the machine says";
  out.clusters_per_socket = std::clamp(host.clusters_per_socket, 1U, coherence::max_cores);
  out.sources["clusters_per_socket"] = "last-level caches per socket, as the machine says";

  struct direct {
    const char* probe;
    const char* key;
    picoseconds machine::*member;
  };
  constexpr std::array straight{direct{"load", "load", &machine::load},
                                direct{"store", "store", &machine::store},
                                direct{"rmw", "rmw", &machine::rmw},
                                direct{"fence", "fence", &machine::fence},
                                direct{"pause", "pause", &machine::pause},
                                direct{"memory", "memory", &machine::memory},
                                direct{"system_call", "system_call", &machine::system_call},
                                direct{"futex", "futex", &machine::futex},
                                direct{"block", "block", &machine::block}};
  for (const auto& one : straight) {
    if (const auto* figure = measured(found, one.probe)) {
      out.*one.member = ps(*figure->median);
      out.sources[one.key] = measured_text(one.probe, *figure);
    } else {
      out.sources[one.key] = joined({"taken over from ", fallback.name, ": ", reason(found, one.probe)});
    }
  }

  if (const auto* among = measured(found, "rmw_among_hits")) {
    const picoseconds alone = out.rmw + 8 * out.load + 8 * out.store;
    out.rmw_overlap = std::min(alone - std::min(alone, ps(*among->median)), out.rmw);
    out.sources["rmw_overlap"] =
        joined({measured_text("rmw_among_hits", *among),
                "; how much less that is than a rmw, eight loads and eight stores one by one"});
  } else {
    out.sources["rmw_overlap"] = joined({"taken over from ", fallback.name, ": ", reason(found, "rmw_among_hits")});
  }

  if (const auto* mutex = measured(found, "mutex")) {
    const picoseconds accesses = uncontended_mutex(out);
    out.libc_call = (std::max(accesses, ps(*mutex->median)) - accesses) / 2;
    out.sources["libc_call"] =
        joined({measured_text("mutex", *mutex), "; half of what the accesses of the two calls leave of it"});
  } else {
    out.sources["libc_call"] = joined({"taken over from ", fallback.name, ": ", reason(found, "mutex")});
  }

  const bool near = fit_legs(found, "near", out, &machine::near);
  if (!near) out.sources["near"] = joined({"taken over from ", fallback.name, ": ", reason(found, "ping_pong.near")});
  const auto nearer = [&](const char* key, const char* as, legs machine::*way, legs machine::*other) {
    if (fit_legs(found, key, out, way)) return;
    out.*way = out.*other;
    out.sources[key] = joined({"as ", as, ": ", reason(found, joined({"ping_pong.", key}))});
  };
  if (near || measured(found, "ping_pong.far") != nullptr) nearer("far", "near", &machine::far, &machine::near);
  if (near || measured(found, "ping_pong.remote") != nullptr) nearer("remote", "far", &machine::remote, &machine::far);

  if (const auto* call = measured(found, "wake_call")) {
    out.wake = ps(*call->median - ns(out.futex) - held(out.near));
    out.sources["wake"] = joined({measured_text("wake_call", *call), "; less a futex call and the word's transfer"});
  } else {
    out.sources["wake"] = joined({"taken over from ", fallback.name, ": ", reason(found, "wake_call")});
  }
  if (const auto* latency = measured(found, "wake_latency")) {
    out.wake_latency = ps(*latency->median - hand_over(out.near));
    out.sources["wake_latency"] = joined({measured_text("wake_latency", *latency), "; less the word's transfer"});
  } else {
    out.sources["wake_latency"] = joined({"taken over from ", fallback.name, ": ", reason(found, "wake_latency")});
  }
  return out;
}

}  // namespace contend::calibration
