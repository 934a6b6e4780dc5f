// SPDX-License-Identifier: MIT
// Reading the small text files of /proc and /sys: missing is nothing, never an empty value.
#pragma once

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace contend::host {

/// Without white space at both ends.
[[nodiscard]] inline std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// The whole file as it is, or nothing if it cannot be opened or read (streams report neither a folder nor EIO).
[[nodiscard]] inline std::optional<std::string> read_text(const std::filesystem::path& path) {
  struct close_file {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, close_file> file(std::fopen(path.c_str(), "re"));
  if (!file) return std::nullopt;
  std::string text;
  char part[4096];
  while (const std::size_t got = std::fread(part, 1, sizeof part, file.get())) text.append(part, got);
  if (std::ferror(file.get()) != 0) return std::nullopt;
  return text;
}

/// The file's content without surrounding white space; nothing if it is missing or empty.
[[nodiscard]] inline std::optional<std::string> read_word(const std::filesystem::path& path) {
  const auto text = read_text(path);
  if (!text || trimmed(*text).empty()) return std::nullopt;
  return std::string(trimmed(*text));
}

/// The text as a number; nothing unless all of it is one.
template <class Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text,
                                                 int base = 10) requires std::is_integral_v<Number> {
  text = trimmed(text);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The text as a decimal number; nothing unless all of it is one. Does not look at the locale.
[[nodiscard]] inline std::optional<double> parse_decimal(std::string_view text) {
  text = trimmed(text);
  double value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The text cut at each `separator`; two separators in a row leave an empty piece.
[[nodiscard]] inline std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (;;) {
    const auto at = text.find(separator);
    pieces.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return pieces;
    text.remove_prefix(at + 1);
  }
}

/// The pieces one after the other. (g++ 12 takes "literal" + std::string for overlapping memory: -Wrestrict, bug
/// 105651.)
[[nodiscard]] inline std::string joined(std::initializer_list<std::string_view> pieces) {
  std::string all;
  for (const auto piece : pieces) all.append(piece);
  return all;
}

/// The words of a line, cut at blanks.
[[nodiscard]] inline std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> found;
  for (const auto word : split(line, ' '))
    if (!trimmed(word).empty()) found.push_back(trimmed(word));
  return found;
}

/// The value of the line "key value" or "key: value" or "key\t: value"; nothing if no line starts with that key.
[[nodiscard]] inline std::optional<std::string> value_of(std::string_view text, std::string_view key) {
  for (auto line : split(text, '\n')) {
    if (!line.starts_with(key)) continue;
    line.remove_prefix(key.size());
    if (line.empty() || (line[0] != ' ' && line[0] != '\t' && line[0] != ':')) continue;
    line = trimmed(line);
    if (line.starts_with(':')) line = trimmed(line.substr(1));
    return std::string(line);
  }
  return std::nullopt;
}

}  // namespace contend::host
