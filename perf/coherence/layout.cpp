// SPDX-License-Identifier: MIT
// See layout.hpp.
#include "layout.hpp"

#include <dwarf.h>

#include <algorithm>
#include <cctype>
#include <string_view>

namespace contend::coherence {
namespace {

constexpr unsigned deepest = 24;  // levels of members: a description that contains itself ends here

constexpr std::uint64_t no_bound = std::uint64_t{1} << 40;  // of an array at the end of a record

struct wanted_bytes {
  std::uint64_t from;
  std::uint64_t to;
  std::vector<field>& out;
};

bool has(Dwarf_Die* die, unsigned attribute) { return ::dwarf_hasattr(die, attribute) != 0; }

std::string_view name_in(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  const char* const name = ::dwarf_formstring(::dwarf_attr_integrate(die, DW_AT_name, &attribute));
  return name != nullptr ? name : "";
}

std::uint64_t number_in(Dwarf_Die* die, unsigned which, std::uint64_t otherwise = 0) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  return ::dwarf_formudata(::dwarf_attr_integrate(die, which, &attribute), &value) == 0 ? value : otherwise;
}

/// The type without const, volatile and other names for it; the definition of one that is only declared here.
bool type_in(Dwarf_Die* die, Dwarf_Die& type) {
  Dwarf_Attribute attribute;
  Dwarf_Die named;
  if (::dwarf_attr_integrate(die, DW_AT_type, &attribute) == nullptr ||
      ::dwarf_formref_die(&attribute, &named) == nullptr || ::dwarf_peel_type(&named, &type) != 0)
    return false;
  if (has(&type, DW_AT_declaration))
    if (const Dwarf_Off whole = layout_index::of_program().definition_of(::dwarf_dieoffset(&type)); whole != 0)
      type = layout_index::of_program().die(whole);
  return true;
}

std::uint64_t size_in(Dwarf_Die* type) {
  Dwarf_Word size = 0;
  return ::dwarf_aggregate_size(type, &size) == 0 ? size : 0;
}

bool is_record(Dwarf_Die* type) {
  const int tag = ::dwarf_tag(type);
  return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

/// Reserved for the implementation: _Upper or __anything.
bool is_reserved(std::string_view name) {
  return name.size() > 1 && name[0] == '_' &&
         (name[1] == '_' || std::isupper(static_cast<unsigned char>(name[1])) != 0);
}

std::string member_of(const std::string& outer, std::string_view name) {
  if (name.empty() || (is_reserved(name) && !outer.empty())) return outer;
  if (name.starts_with("_vptr")) return outer + (outer.empty() ? "" : " ") + "(vtable pointer)";
  return outer + (outer.empty() || outer.ends_with("->") ? "" : ".") + std::string(name);
}

std::string indexed(const std::string& name, std::uint64_t index) { return name + '[' + std::to_string(index) + ']'; }

void walk(Dwarf_Die type, const std::string& name, std::uint64_t at, const wanted_bytes& w, unsigned depth);

void walk_array(Dwarf_Die type, const std::string& name, std::uint64_t at, const wanted_bytes& w, unsigned depth) {
  Dwarf_Die element;
  if (!type_in(&type, element)) return;
  std::vector<std::uint64_t> extents;
  Dwarf_Die child;
  for (int rc = ::dwarf_child(&type, &child); rc == 0; rc = ::dwarf_siblingof(&child, &child))
    if (::dwarf_tag(&child) == DW_TAG_subrange_type)
      extents.push_back(has(&child, DW_AT_count) ? number_in(&child, DW_AT_count)
                                                 : number_in(&child, DW_AT_upper_bound, no_bound - 1) + 1);
  const std::uint64_t size = size_in(&element);
  if (size == 0 || extents.empty()) return;
  std::uint64_t count = 1;
  for (const auto extent : extents) count *= extent;
  const std::uint64_t first = w.from > at ? (w.from - at) / size : 0;
  for (std::uint64_t i = first; i < count && at + i * size < w.to; ++i) {
    std::string index;
    std::uint64_t rest = i;
    for (std::size_t k = extents.size(); k-- > 0; rest /= extents[k]) index = indexed("", rest % extents[k]) + index;
    walk(element, name + index, at + i * size, w, depth + 1);
  }
}

/// A union of which the C library lets nobody see inside: pthread_mutex_t is one field.
bool is_opaque_union(Dwarf_Die* type) {
  if (::dwarf_tag(type) != DW_TAG_union_type) return false;
  bool any = false;
  Dwarf_Die child;
  for (int rc = ::dwarf_child(type, &child); rc == 0; rc = ::dwarf_siblingof(&child, &child)) {
    if (::dwarf_tag(&child) != DW_TAG_member) continue;
    if (!name_in(&child).starts_with("__")) return false;
    any = true;
  }
  return any;
}

void walk_record(Dwarf_Die type, const std::string& name, std::uint64_t at, const wanted_bytes& w, unsigned depth) {
  const std::size_t before = w.out.size();
  Dwarf_Die child;
  for (int rc = ::dwarf_child(&type, &child); rc == 0; rc = ::dwarf_siblingof(&child, &child)) {
    const int tag = ::dwarf_tag(&child);
    if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) || has(&child, DW_AT_external) ||
        (tag == DW_TAG_inheritance && number_in(&child, DW_AT_virtuality) != 0))
      continue;
    Dwarf_Die held;
    if (!type_in(&child, held)) continue;
    const std::string inner = tag == DW_TAG_member ? member_of(name, name_in(&child)) : name;
    if (has(&child, DW_AT_data_bit_offset)) {
      const std::uint64_t bit = number_in(&child, DW_AT_data_bit_offset);
      const std::uint64_t begin = at + bit / 8;
      const std::uint64_t end = at + (bit + number_in(&child, DW_AT_bit_size) + 7) / 8;
      if (begin < w.to && end > w.from) w.out.push_back({inner, begin, end - begin, 0});
      continue;
    }
    walk(held, inner, at + number_in(&child, DW_AT_data_member_location), w, depth + 1);
  }
  // One that is only declared, or has no members that could be told, is a field itself.
  const std::uint64_t size = size_in(&type);
  if (w.out.size() == before && has(&type, DW_AT_declaration))
    w.out.push_back({name, at, std::max<std::uint64_t>(size, 1), 0});
}

void walk(Dwarf_Die type, const std::string& name, std::uint64_t at, const wanted_bytes& w, unsigned depth) {
  if (depth > deepest || at >= w.to) return;
  const std::uint64_t size = size_in(&type);
  const int tag = ::dwarf_tag(&type);
  if (tag == DW_TAG_array_type) return walk_array(type, name, at, w, depth);
  if (at + size <= w.from && !has(&type, DW_AT_declaration)) return;
  if (is_record(&type) && !is_opaque_union(&type)) return walk_record(type, name, at, w, depth);
  field leaf{name, at, size, 0};
  Dwarf_Die target;
  if ((tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type || tag == DW_TAG_rvalue_reference_type) &&
      type_in(&type, target) && ::dwarf_tag(&target) != DW_TAG_subroutine_type && size_in(&target) != 0)
    leaf.points_to = ::dwarf_dieoffset(&target);
  w.out.push_back(std::move(leaf));
}

bool peeled(Dwarf_Off at, Dwarf_Die& type) {
  if (at == 0) return false;
  Dwarf_Die named = layout_index::of_program().die(at);
  return named.addr != nullptr && ::dwarf_peel_type(&named, &type) == 0;
}

void in_order(std::vector<field>& fields) {
  std::stable_sort(fields.begin(), fields.end(), [](const field& a, const field& b) { return a.offset < b.offset; });
}

}  // namespace

std::vector<field> fields_of(Dwarf_Off type, const std::string& name, std::uint64_t from, std::uint64_t to) {
  std::vector<field> out;
  Dwarf_Die whole;
  if (peeled(type, whole)) walk(whole, name, 0, {from, to, out}, 0);
  in_order(out);
  return out;
}

std::vector<field> fields_of_array(Dwarf_Off type, const std::string& name, std::uint64_t count, std::uint64_t from,
                                   std::uint64_t to) {
  std::vector<field> out;
  Dwarf_Die element;
  if (!peeled(type, element)) return out;
  const std::uint64_t size = size_in(&element);
  if (size == 0) return out;
  for (std::uint64_t i = from / size; i < count && i * size < to; ++i)
    walk(element, indexed(name, i), i * size, {from, to, out}, 0);
  in_order(out);
  return out;
}

void join_fields(std::vector<field>& fields) {
  std::vector<field> out;
  for (auto& one : fields) {
    const auto same = std::find_if(out.rbegin(), out.rend(), [&](const field& f) {
      return f.name == one.name && one.offset <= f.offset + f.size;
    });
    if (same == out.rend())
      out.push_back(std::move(one));
    else
      same->size = std::max(same->offset + same->size, one.offset + one.size) - same->offset;
  }
  fields = std::move(out);
}

std::uint64_t size_of_type(Dwarf_Off type) {
  Dwarf_Die whole;
  return peeled(type, whole) ? size_in(&whole) : 0;
}

}  // namespace contend::coherence
