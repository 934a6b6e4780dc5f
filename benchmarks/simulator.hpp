// SPDX-License-Identifier: MIT
// The other program, which has the simulated threads: one process of it, as the measuring program sees it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace contend::bench {

/// One process that simulates cells, one after another. What both say is in simulated_cells.cpp.
class simulator {
 public:
  /// `setup`: the first line that it is sent. `limit`: after which a cell is late.
  simulator(const std::filesystem::path& program, std::string setup, std::chrono::milliseconds limit);
  ~simulator() { end(); }
  simulator(const simulator&) = delete;
  simulator& operator=(const simulator&) = delete;

  /// Asks for a cell with a seed; false with a reason if there is no process to ask. `task`: the caller's number of it.
  bool ask(std::size_t task, const std::string& name, std::uint64_t seed, std::string& why);
  [[nodiscard]] bool busy() const { return busy_; }
  [[nodiscard]] std::size_t task() const { return task_; }
  /// Readable when an answer has come or the process has gone.
  [[nodiscard]] int from() const { return from_; }
  [[nodiscard]] bool late() const { return std::chrono::steady_clock::now() > deadline_; }

  /// Reads what has come; a whole line is an answer. False when the process is gone or talks nonsense.
  bool read(std::optional<nlohmann::ordered_json>& answer);
  void end();

 private:
  bool start(std::string& why);
  const std::filesystem::path& program_;
  std::string setup_;
  std::chrono::milliseconds limit_;
  std::chrono::steady_clock::time_point deadline_{};
  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
  bool busy_ = false;
  std::size_t task_ = 0;
  std::string unread_;
};

/// Why the program at this place cannot simulate, as a sentence; empty if it can. Starts it once and waits for its
/// greeting, for `limit` at most.
[[nodiscard]] std::string why_it_cannot_simulate(const std::filesystem::path& program,
                                                 std::chrono::milliseconds limit = std::chrono::seconds(30));

}  // namespace contend::bench
