// SPDX-License-Identifier: MIT
// See progress.hpp.
#include "progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace contend::bench {

std::string in_words(std::chrono::duration<double> time) {
  const auto seconds = static_cast<long>(std::lround(time.count()));
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {:02} min", seconds / 3600, seconds / 60 % 60);
}

progress_line::progress_line(std::size_t total, std::size_t cells, bool quiet)
    : total_(total), cells_(cells), quiet_(quiet), terminal_(::isatty(2) == 1), started_(clock::now()), shown_{} {}

progress_line::~progress_line() { end(); }

void progress_line::step(const std::string& name, std::size_t cells_finished) {
  ++done_;
  if (quiet_) return;
  const auto now = clock::now();
  const auto pause = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(15'000);
  if (now - shown_ < pause && done_ != total_) return;
  shown_ = now;
  const std::chrono::duration<double> elapsed = now - started_;
  const auto left = elapsed / static_cast<double>(done_) * static_cast<double>(total_ - done_);
  std::string text = total_ == cells_ ? "" : fmt::format("trial {} of {} · ", done_, total_);
  text += fmt::format("{} of {} cells finished", cells_finished, cells_);
  // The first few trials pay for the start, and tell nothing about the others.
  if (done_ >= 16 || 10 * done_ >= total_) text += fmt::format(" · {} left", in_words(left));
  if (!terminal_) {
    std::fprintf(stderr, "%s\n", text.c_str());
    return;
  }
  winsize size{};
  const std::size_t width = ::ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  std::string line = text + " · " + name;
  if (line.size() > width + 4) line.resize(width + 4);  // the dots take two bytes each
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  live_ = true;
}

void progress_line::say(const std::string& line) {
  if (quiet_) return;
  if (live_) std::fprintf(stderr, "\r\033[K");
  std::fprintf(stderr, "%s\n", line.c_str());
}

void progress_line::end() {
  if (live_) std::fprintf(stderr, "\r\033[K");
  live_ = false;
}

}  // namespace contend::bench
