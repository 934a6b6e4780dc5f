// SPDX-License-Identifier: MIT
// What lies at an address of the simulated program.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "attribution_objects.hpp"
#include "layout.hpp"

namespace contend::coherence {

/// Something that covers the bytes [at, at + size).
struct named_thing {
  std::uint64_t at = 0;
  std::uint64_t size = 0;
  std::string object;
  std::string remark;          ///< to go behind its fields: whose it is, or why there are none
  std::string prefix;          ///< of its fields
  Dwarf_Off type = 0;          ///< 0: unknown, then its fields are offsets behind the prefix
  std::uint64_t elements = 0;  ///< 0: one object of the type, else so many in an array
  std::uint64_t type_at = 0;   ///< where the first one begins
  bool has_offsets = false;    ///< without a type: whether offsets from its beginning tell anything
  bool operator==(const named_thing& o) const { return at == o.at && size == o.size && object == o.object; }
};

/// Answers for one report. Objects and blocks are those of when it was made.
class namer {
 public:
  namer();
  /// What covers an address; always something, "unknown object" at worst.
  named_thing at(std::uint64_t address);

 private:
  struct typed_block {
    Dwarf_Off type = 0;
    std::uint64_t at = 0;
    std::uint64_t count = 0;
    std::string path, owner;
  };
  std::optional<named_thing> object_at(std::uint64_t address);
  static std::optional<named_thing> stack_or_thread_local_at(std::uint64_t address);
  std::optional<named_thing> block_at(std::uint64_t address);
  static std::optional<named_thing> variable_at(std::uint64_t address);
  static std::optional<named_thing> symbol_at(std::uint64_t address);
  const heap_block* find_block(std::uint64_t address) const;
  void follow_pointers();
  std::string allocated_at(std::uint32_t stack);

  std::vector<known_object> objects_;
  std::vector<heap_block> blocks_;
  std::uint64_t largest_block_ = 0;
  std::map<std::uint32_t, unsigned> blocks_of_stack_;
  bool followed_ = false;
  std::map<std::uint64_t, typed_block> typed_;
  std::map<std::uint32_t, typed_block> typed_stack_;  // `at` is from the block's beginning
};

inline constexpr const char* unknown_object = "unknown object";

/// The call of the C library that a function of this library stands for, or is a part of: "pthread_mutex_lock"; "" if
/// it is none. `name`: qualified, with or without parameters.
[[nodiscard]] std::string c_library_call(std::string name);

/// "a<b<c>, d>::e<f>" with what stands inside of more than `depth` brackets left out: 1: "a<b<…>, d>::e<f>".
[[nodiscard]] std::string abridged(const std::string& name, unsigned depth);

/// Names longer than this lose template arguments, innermost first.
inline constexpr std::size_t longest_name = 72;

/// Without the namespaces that say nothing here, and not much longer than longest_name.
[[nodiscard]] std::string shortened_name(std::string name);

}  // namespace contend::coherence
