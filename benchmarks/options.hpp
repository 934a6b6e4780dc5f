// SPDX-License-Identifier: MIT
// What the user asked the benchmark program for, checked.
#pragma once

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace contend::bench {

/// A wrong argument: what() is the one sentence to show; the program exits 2.
struct usage_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct options {
  std::string verb = "contend bench";  ///< or "contend simulate": whose messages they are
  std::string profile = "quick";       ///< quick, full; "custom" once a choice of cells was made by hand
  std::vector<unsigned> threads;       ///< empty: by profile and machine
  std::string filter;                  ///< regular expression over cell names; a leading '-' turns it round
  std::vector<std::string> families, workloads, primitives;
  int repetitions = 0;  ///< 0: by profile
  std::chrono::microseconds window{0};
  std::chrono::microseconds latency_window{0};
  std::chrono::milliseconds cell_limit{3000};
  std::string placement = "compact";
  bool timing = true;                 ///< the lens `time`
  bool counting = true;               ///< the lens `counters` beside it
  bool simulating = true;             ///< the lens `coherence`
  bool lens_chosen = false;           ///< by --lens: what of it cannot be done is an error then
  std::string machine;                ///< to simulate; empty: local.json of `results`, or zen4 where there is none
  unsigned line_size = 0;             ///< of the simulated machine, bytes; 0: as it says
  std::optional<std::uint64_t> seed;  ///< of the simulation
  unsigned schedules = 3;             ///< with which a cell is simulated: the seed's and those of the next ones
  bool validating = false;            ///< measure and simulate the same cells, and say how far apart they are
  bool weak = false;                  ///< simulate atomics as C++ allows them to be
  unsigned jobs = 1;                  ///< processes that simulate
  std::chrono::milliseconds simulation_limit{60'000};  ///< after which a simulated cell is stopped, by a real clock
  std::optional<std::string> events;                   ///< of --events; absent: the default ones
  std::filesystem::path results = "results";
  bool oversubscribe_spinners = false;
  std::optional<std::string> point;  ///< the one cell to measure in this process; absent: a run
  int trials = 3;                    ///< of it
  bool plan = false;
  bool list = false;
  bool json = false;
  std::filesystem::path json_file;  ///< what --json names, if anything
  bool markdown = false;
  bool quiet = false;
  bool report = true;
  bool history = true;  ///< add the run to history.sqlite
  std::string
      format;  ///< of --benchmark_format: console or json prints Google Benchmark's output; empty: progress only
  bool tabular = false, colour = ::isatty(1) == 1;  ///< of that console
  bool display_aggregates_only = false;             ///< there; google_benchmark.json has every repetition all the same
  std::vector<std::string> google_flags;  ///< passed on to Google Benchmark, ours first so that the user's win
  std::vector<std::string> command_line;

  /// Nothing is measured.
  bool only_simulates() const { return simulating && !timing; }
};

/// The verb that this program was started for, for messages before its options are read.
std::string verb_of(int argc, char** argv);

/// Reads the command line. Throws usage_error; prints help or version and exits 0 where asked for.
options parse_options(int argc, char** argv);

}  // namespace contend::bench
