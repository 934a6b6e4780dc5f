// SPDX-License-Identifier: MIT
// The program's debugging information: where its variables lie and where its types are described. Read once, when
// something is asked first.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace contend::coherence {

/// A variable of static or thread storage.
struct static_variable {
  std::uint64_t at = 0;  ///< address in this process; offset in the program's thread-local block
  std::uint64_t size = 0;
  std::string name;  ///< qualified; of one within a function the bare name
  Dwarf_Off type = 0;
};

/// A type's or function's name as gcc, clang and the demangler all would write it, or should have.
[[nodiscard]] std::string normalised(std::string_view name);

class layout_index {
 public:
  /// That of this program, not of its libraries.
  static layout_index& of_program();
  layout_index();
  ~layout_index();
  layout_index(const layout_index&) = delete;
  layout_index& operator=(const layout_index&) = delete;

  [[nodiscard]] bool has_debug_information() const noexcept { return dwarf_ != nullptr; }
  /// The variable that holds an address, or nullptr.
  const static_variable* variable_at(std::uint64_t address);
  /// Likewise by its offset in the program's thread-local block.
  const static_variable* thread_local_at(std::uint64_t offset);
  /// The definition of the type of this name, as the demangler writes it; 0: none, or more than one.
  Dwarf_Off type_named(std::string_view demangled);
  /// The definition that goes with an entry that only declares its type; 0: not to be found.
  Dwarf_Off definition_of(Dwarf_Off declaration);
  /// With its scopes; "" if the type has no name.
  std::string name_of(Dwarf_Off type);
  Dwarf_Die die(Dwarf_Off at) const;

 private:
  struct scope {
    std::size_t parent;
    const char* name;
  };
  struct described_type {
    Dwarf_Off at;
    std::size_t scope;
    const char* name;
    bool declared_only;
  };
  void read();
  void read_scope(Dwarf_Die* in, std::size_t scope);
  void read_functions(Dwarf_Die* in);
  void add_type(Dwarf_Die* die, std::size_t scope);
  void add_variable(Dwarf_Die* die, bool in_function);
  void sort_variables();
  std::string qualified(const described_type& one) const;
  const std::vector<described_type>* named_as(Dwarf_Off type);

  int file_ = -1;
  Dwarf* dwarf_ = nullptr;
  std::uint64_t bias_ = 0;
  bool was_read_ = false;
  bool functions_were_read_ = false;
  std::vector<scope> scopes_;
  std::unordered_map<std::string_view, std::vector<described_type>> types_;  // by name up to its arguments
  std::vector<static_variable> variables_, thread_locals_;                   // by address
};

}  // namespace contend::coherence
