// SPDX-License-Identifier: MIT
// Machine descriptions as JSON files, every figure with its source: those that are shipped, and anybody's own.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "machine.hpp"

namespace contend::coherence {

/// A name that nobody knows, or a file that is no machine; what() is one sentence with file, line and key.
class bad_machine : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// The names of the machines that are built in, sorted: "spr-2s", "zen4".
[[nodiscard]] std::vector<std::string> shipped_machines();

/// The machine of this name: a shipped one, or "local" for the file that `contend doctor --calibrate` wrote into the
/// folder `results`. A name with a slash in it or with ".json" at its end is a file. Throws bad_machine.
[[nodiscard]] machine load_machine(const std::string& name_or_file, const std::filesystem::path& results = "results");

/// The machine that a file's text describes; `file` is for the messages. Throws bad_machine.
[[nodiscard]] machine parse_machine(std::string_view text, const std::string& file);

/// The description as a file has it: read again, it gives the same machine. Figures in ns, each with its source.
[[nodiscard]] nlohmann::ordered_json machine_json(const machine& one);

}  // namespace contend::coherence
