// SPDX-License-Identifier: MIT
// See google_json.hpp.
#include "google_json.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "perf/record/cell_record.hpp"

namespace contend::bench {

std::vector<benchmark::BenchmarkReporter::Run> run_mender::operator()(
    const std::vector<benchmark::BenchmarkReporter::Run>& runs) const {
  auto out = runs;
  std::erase_if(out, [](const auto& run) {
    return run.run_type == benchmark::BenchmarkReporter::Run::RT_Aggregate && run.counters.contains(without_number);
  });
  for (auto& run : out) {
    if (run.counters.erase(without_number) > 0) {
      run.error_occurred = true;
      run.error_message = std::exchange(run.report_label, "");
    }
    run.run_name.iterations.clear();
    run.run_name.repetitions.clear();
    run.run_name.time_type.clear();
    run.run_name.min_time.clear();
    run.run_name.min_warmup_time.clear();
    run.run_name.threads.clear();
    if (const auto found = threads_of_.find(run.run_name.function_name); found != threads_of_.end())
      run.threads = found->second;
    for (auto counter = run.counters.begin(); counter != run.counters.end();)
      counter = std::isfinite(counter->second.value) ? std::next(counter) : run.counters.erase(counter);
    // Its own idea of processor time is that of the waiting supervisor; the cell's is in a counter.
    if (const auto cpu = run.counters.find("cpu_ns_per_op");
        cpu != run.counters.end() && run.aggregate_unit == benchmark::kTime)
      run.cpu_accumulated_time =
          cpu->second.value * 1e-9 * static_cast<double>(std::max<std::int64_t>(1, run.iterations));
    if (!std::isfinite(run.real_accumulated_time)) run.real_accumulated_time = 0;
    if (!std::isfinite(run.cpu_accumulated_time)) run.cpu_accumulated_time = 0;
  }
  return out;
}

std::string mended_context(const std::string& text) {
  if (text.empty()) return "{\"context\": {}, \"benchmarks\": []}\n";
  auto all = nlohmann::ordered_json::parse(text, nullptr, false);
  if (all.is_discarded()) all = nlohmann::ordered_json::parse(text + "\n  ]\n}\n");
  // A repetition that gave no number is written as 0 ns, which compare.py takes for one. After a failed trial none of
  // its kind is in the file; results.json says why.
  if (all.contains("benchmarks")) {
    auto& runs = all["benchmarks"];
    const auto failed = [](const auto& run) { return run.value("error_occurred", false); };
    runs.erase(std::remove_if(runs.begin(), runs.end(), failed), runs.end());
  }
  if (all.contains("context") && !std::filesystem::exists("/sys/devices/system/cpu/cpu0/cpufreq"))
    all["context"]["cpu_scaling_enabled"] = nullptr;
  return record::to_text(all, 2) + "\n";
}

}  // namespace contend::bench
