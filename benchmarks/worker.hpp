// SPDX-License-Identifier: MIT
// Trials run in a worker process, so that a cell that hangs or crashes costs itself and nothing else.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "matrix.hpp"
#include "trial.hpp"

namespace contend::bench {

/// Why a trial gave no result. `caveat` is a code of the record's closed set, or "interrupted".
struct trial_failure {
  std::string caveat;
  std::string sentence;
};

using trial_outcome = std::variant<trial_result, trial_failure>;

/// Keeps one worker process alive and asks it for trials, one at a time.
///
/// The worker is this program again with the same arguments; it finds its end of the line in CONTEND_WORKER_FD.
/// A trial that outlasts the limit gets its worker killed: {"timeout"}. A worker that dies: {"crashed"}. A check that
/// failed: {"check_failed"}. The next trial starts a new worker; so does every trials_per_worker-th, since where a
/// process's memory happens to lie is one draw, and repetitions should draw again.
class supervisor {
 public:
  supervisor(std::vector<std::string> arguments, std::chrono::milliseconds limit);
  ~supervisor();
  supervisor(const supervisor&) = delete;
  supervisor& operator=(const supervisor&) = delete;

  /// Runs one trial; the limit counts from the end of the window. Returns {"interrupted"} when a signal handler of
  /// this process set the flag passed to interrupted_by().
  trial_outcome run(const cell& what, trial_kind kind, std::chrono::microseconds window,
                    std::span<const counters::event> events = {});

  /// A flag that a signal handler sets; looked at while waiting.
  void interrupted_by(const volatile int* flag) { interrupted_ = flag; }

 private:
  void start();
  void kill_worker();
  std::string why_it_died();

  std::vector<std::string> arguments_;
  std::chrono::milliseconds limit_;
  static constexpr unsigned trials_per_worker = 128;
  pid_t worker_ = -1;
  unsigned trials_of_worker_ = 0;
  int line_ = -1;
  std::string unread_;
  const volatile int* interrupted_ = nullptr;
};

/// True in a worker process.
bool is_worker();

/// The worker's life: reads requests until the line closes. Returns the exit status.
int serve(const matrix& all, std::vector<int> placement);

}  // namespace contend::bench
