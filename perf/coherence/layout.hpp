// SPDX-License-Identifier: MIT
// Which members of a type lie at which bytes, as the program's debugging information has it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layout_index.hpp"

namespace contend::coherence {

/// A member that has no members itself, or one of the standard library's types as a whole.
struct field {
  std::string name;
  std::uint64_t offset = 0;  ///< from where the outermost object begins
  std::uint64_t size = 0;
  Dwarf_Off points_to = 0;  ///< of a pointer: the type at its other end, if it has a size
};

/// The fields of an object of type `type` that meet its bytes [from, to), in the order of their offsets, each with
/// `name` and a dot in front (none after "->"). Members of base classes are named as if they were the object's own;
/// members with reserved names
/// (_M_i, __data) belong to the library and are not told: std::atomic's is "next", std::array's third "slots[2]".
/// Of a union's members that overlap, all are told. Where the type is unknown there are none.
std::vector<field> fields_of(Dwarf_Off type, const std::string& name, std::uint64_t from, std::uint64_t to);

/// Likewise of `count` objects beside each other, "name[i]".
std::vector<field> fields_of_array(Dwarf_Off type, const std::string& name, std::uint64_t count, std::uint64_t from,
                                   std::uint64_t to);

/// Fields of one name that touch are one.
void join_fields(std::vector<field>& fields);

/// In bytes; 0 if unknown.
[[nodiscard]] std::uint64_t size_of_type(Dwarf_Off type);
}  // namespace contend::coherence
