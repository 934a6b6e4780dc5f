// SPDX-License-Identifier: MIT
// Flags that people know from Google Benchmark, and numbers in arguments.
#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"

namespace contend::bench {

inline constexpr std::string_view simulate_verb = "contend simulate";
/// After an argument of measuring that was given to contend simulate.
inline constexpr const char* no_clock =
    ": simulated threads have no use for it: a cell is simulated once and is exact; it belongs to contend bench";

/// The number that `text`, given to `argument`, is. Throws usage_error if it is none or out of range.
template <class Number>
Number number_in(const std::string& argument, const std::string& text, Number low, Number high, const char* what) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < low || value > high)
    throw usage_error(argument + ": '" + text + "' is not " + what + "; expected a number from " + std::to_string(low) +
                      " to " + std::to_string(high));
  return value;
}

/// Takes Google Benchmark's flags out of `arguments`. Throws usage_error for those that cannot be honoured.
void take_google_flags(std::vector<std::string>& arguments, options& out);

}  // namespace contend::bench
