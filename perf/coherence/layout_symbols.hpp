// SPDX-License-Identifier: MIT
// The symbol of data at an address, for programs and libraries without debugging information.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace contend::coherence {

struct data_symbol {
  std::string name;  ///< demangled
  std::uint64_t at = 0;
  std::uint64_t size = 0;
};

/// Of the program, from its table of symbols, which has static ones too unless it was stripped; of a library, those
/// that it exports.
[[nodiscard]] std::optional<data_symbol> data_symbol_at(std::uint64_t address);

/// As the demangler writes it; a name that is not mangled stays as it is.
[[nodiscard]] std::string demangled(const char* name);

/// Where the program is loaded, relative to where it was linked: 0 unless it is position independent.
[[nodiscard]] std::uint64_t program_bias();

}  // namespace contend::coherence
