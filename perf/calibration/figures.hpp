// SPDX-License-Identifier: MIT
// What the probes found out about a machine: plain data between measuring and fitting.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace contend::calibration {

/// One probe's figure over all rounds, in ns. Without a median it says why in `why_not`.
struct figure {
  std::optional<double> median;
  double low = 0;  ///< least and most of the rounds
  double high = 0;
  unsigned rounds = 0;
  std::string why_not;  ///< a sentence
};

/// Two processors, by what they share. The words are those of machine files.
enum class reach { near, far, remote };

/// Names of probes. Those of two threads have the reach behind them: "ping_pong.far"; contended_add also has the
/// number of threads: "contended_add.near.4".
///
/// | probe           | ns per                                                              |
/// |-----------------|---------------------------------------------------------------------|
/// | load, store     | access of a line that hits, eight in a row that do not wait for     |
/// |                 | each other: what out-of-order execution leaves of it                |
/// | rmw             | fetch_add on a line of one's own                                    |
/// | rmw_among_hits  | the same, eight loads and eight stores of such lines with it        |
/// | fence           | sequentially consistent fence with nothing to wait for              |
/// | pause           | the processor's hint to spin loops                                  |
/// | memory          | load of a line that no cache has, each address from the one before  |
/// | mutex           | pthread_mutex_lock and _unlock of a mutex that nobody else uses     |
/// | system_call     | getppid                                                             |
/// | futex           | FUTEX_WAIT for another value and FUTEX_WAKE of nobody, the mean     |
/// | block           | hand-over of two threads on one processor, less two futex calls     |
/// | wake_call       | FUTEX_WAKE that wakes one, on another processor                     |
/// | wake_latency    | from its return until the woken thread runs                         |
/// | ping_pong       | one way, a thread that polls and one that stores                    |
/// | cas_hand_over   | one way, two threads that compare-and-swap one word                 |
/// | contended_add   | fetch_add of all threads together on one word                       |
/// | false_sharing   | plain store of each of two threads to a word of its own on one line |
/// | write_to_reader | store of one thread while another one reads the word                |
/// | read_of_written | load of that other one                                              |
using figures = std::map<std::string, figure>;

[[nodiscard]] inline const char* name_of(reach how_far) noexcept {
  return how_far == reach::near ? "near" : how_far == reach::far ? "far" : "remote";
}

/// What is known about the machine besides.
struct host_facts {
  std::string cpu;  ///< the model's name
  bool amd = false;
  unsigned line_size = 64;
  unsigned processors = 1;           ///< that this process may use
  unsigned cores_per_cluster = 1;    ///< of those
  unsigned clusters_per_socket = 1;  ///< of those
  std::optional<bool> virtual_machine;
};

}  // namespace contend::calibration
