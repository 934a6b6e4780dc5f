// SPDX-License-Identifier: MIT
// See run_environment.hpp.
#include "run_environment.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

namespace contend::bench {

run_environment::run_environment()
    : machine_({{"google_benchmark", "1.7"}, {"fmt", std::to_string(FMT_VERSION)}}),
      cpus_(host::core_to_core_cpus(machine_.machine())),
      last_(machine_.sampler().sample()) {
  for (const auto& one : machine_.machine().available) available_.push_back(one.cpu);
}

nlohmann::ordered_json run_environment::block() {
  nlohmann::ordered_json block = machine_.block();
  block["core_to_core"] = nullptr;
  return block;
}

nlohmann::ordered_json run_environment::at_start() {
  first_ = host::measure_core_to_core(cpus_.cpus);
  nlohmann::ordered_json block = machine_.block();
  block["core_to_core"] = host::core_to_core_json(first_, std::nullopt, cpus_.note);
  return block;
}

nlohmann::ordered_json run_environment::at_end(bool interrupted) {
  nlohmann::ordered_json block = machine_.block_at_end();
  std::optional<host::latency_matrix> second;
  if (!interrupted) second = host::measure_core_to_core(cpus_.cpus);
  block["core_to_core"] = host::core_to_core_json(first_, second, cpus_.note);
  if (second)
    if (const auto moved = host::drift(first_, *second); moved && moved->drifted) {
      drift_ = moved->sentence;
      block["caveats"].push_back("topology_drift");
      block["details"]["topology_drift"] = drift_;
    }
  return block;
}

disturbance run_environment::since_last_call() {
  const auto now = machine_.sampler().sample();
  const auto span = host::between(last_, now, available_);
  last_ = now;
  return {span.steal, span.throttled_ms};
}

}  // namespace contend::bench
