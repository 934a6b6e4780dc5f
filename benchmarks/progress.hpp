// SPDX-License-Identifier: MIT
// Where a long run is and how long it will still take: one live line on a terminal, plain lines otherwise.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace contend::bench {

/// Writes to standard error. Not for several threads.
class progress_line {
 public:
  /// `total` trials of `cells` cells; silent if `quiet`.
  progress_line(std::size_t total, std::size_t cells, bool quiet);
  ~progress_line();
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;

  /// One more trial is done, the latest one of the cell `name`; `cells_finished` have all theirs.
  void step(const std::string& name, std::size_t cells_finished);
  /// A line that stays, above the live one.
  void say(const std::string& line);
  /// Ends the live line.
  void end();

 private:
  using clock = std::chrono::steady_clock;
  std::size_t total_, cells_;
  bool quiet_, terminal_;
  std::size_t done_ = 0;
  clock::time_point started_, shown_;
  bool live_ = false;
};

/// "2 min 05 s", "41 s".
std::string in_words(std::chrono::duration<double> time);

}  // namespace contend::bench
