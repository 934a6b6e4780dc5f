// SPDX-License-Identifier: MIT
// Laying out a page of text: words to lines, a label before them, colours for a terminal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "perf/host/text.hpp"

namespace contend::doctor {

inline constexpr std::size_t page_width = 80;
inline constexpr std::size_t label_width = 9;

/// Columns that UTF-8 text takes, if every character takes one.
[[nodiscard]] inline std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// `text` filled up with blanks, on the right, or on the left, to at least that many columns.
[[nodiscard]] inline std::string left(std::string_view text, std::size_t width) {
  return std::string(text) + std::string(width - std::min(width, columns(text)), ' ');
}
[[nodiscard]] inline std::string right(std::string_view text, std::size_t width) {
  return std::string(width - std::min(width, columns(text)), ' ') + std::string(text);
}

/// Breaks `pieces` into lines of at most `width` columns, never within a piece; a piece that is wider has a line of
/// its own. At least one line.
[[nodiscard]] inline std::vector<std::string> fill(const std::vector<std::string>& pieces, std::size_t width) {
  std::vector<std::string> lines{""};
  for (const auto& piece : pieces) {
    if (!lines.back().empty() && columns(lines.back()) + 1 + columns(piece) > width) lines.emplace_back();
    if (!lines.back().empty()) lines.back() += ' ';
    lines.back() += piece;
  }
  return lines;
}

/// The words of a text as pieces; a number stays with the unit or the "%" behind it.
[[nodiscard]] inline std::vector<std::string> pieces_of(std::string_view text) {
  std::vector<std::string> pieces;
  for (const auto word : host::words(text)) {
    const bool unit = word.starts_with('%') || word == "ns" || word == "s" || word.starts_with("s;");
    if (unit && !pieces.empty())
      pieces.back().append(" ").append(word);
    else
      pieces.emplace_back(word);
  }
  return pieces;
}

/// Wraps text into ANSI colours, or leaves it as it is.
class paint {
 public:
  explicit paint(bool on) : on_(on) {}
  [[nodiscard]] std::string operator()(std::string_view code, std::string_view text) const {
    return on_ ? host::joined({"\033[", code, "m", text, "\033[0m"}) : std::string(text);
  }

 private:
  bool on_;
};

inline constexpr std::string_view green = "32", yellow = "33", red = "31", magenta = "35", bold = "1", faint = "2";

}  // namespace contend::doctor
