// SPDX-License-Identifier: MIT
// See run_environment.hpp.
#include "run_environment.hpp"

namespace contend::bench {

run_environment::run_environment(const host::topology& machine, const std::string&) : machine_(machine) {}

nlohmann::ordered_json run_environment::at_start() {
  std::vector<int> cpus;
  for (const auto& p : machine_.available) cpus.push_back(p.cpu);
  block_ = {{"cpu", nlohmann::ordered_json::object()},
            {"topology", {{"available_cpus", cpus}}},
            {"system", nlohmann::ordered_json::object()},
            {"load", nlohmann::ordered_json::object()},
            {"caveats", nlohmann::ordered_json::array()}};
  return block_;
}
nlohmann::ordered_json run_environment::at_end() { return block_; }
nlohmann::ordered_json run_environment::at_interruption() { return block_; }
disturbance run_environment::since_last_call() { return {}; }

}  // namespace contend::bench
