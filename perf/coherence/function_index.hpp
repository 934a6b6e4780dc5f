// SPDX-License-Identifier: MIT
// The functions of a compile unit's debugging information, read once: which one holds an address, and what it is in.
#pragma once

#include <elfutils/libdw.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace contend::coherence {

/// libdw answers both questions by walking the unit from its beginning, which takes milliseconds in a large one.
class function_index {
 public:
  explicit function_index(Dwarf_Die unit);

  /// The function whose code holds an address, counted from the module's beginning: the one that stands for itself, not
  /// those that were inlined into it. Nullptr: none.
  [[nodiscard]] const Dwarf_Die* holding(Dwarf_Addr in_module) const;

  /// An entry of this unit and those around it, from the inside out, without the unit's own.
  [[nodiscard]] std::vector<Dwarf_Die> scopes_of(const Dwarf_Die& entry) const;

 private:
  struct scope {
    Dwarf_Off at;
    std::size_t parent;
  };
  struct code {
    Dwarf_Addr begin, end;
    Dwarf_Die function;
  };
  void read(Dwarf_Die* in, std::size_t parent);
  void add_code(Dwarf_Die* function);

  Dwarf* dwarf_ = nullptr;
  std::vector<scope> scopes_;  ///< namespaces, classes and functions, not what is within functions; by offset
  std::vector<code> code_;     ///< by address
};

}  // namespace contend::coherence
