// SPDX-License-Identifier: MIT
// See function_index.hpp.
#include "function_index.hpp"

#include <dwarf.h>

#include <algorithm>

namespace contend::coherence {
namespace {

constexpr std::size_t none = ~std::size_t{0};

/// From an entry down to the one at `to`, which lies within it; appended are those below it.
void descend(Dwarf_Die from, Dwarf_Off to, std::vector<Dwarf_Die>& path) {
  Dwarf_Die below;
  while (::dwarf_dieoffset(&from) != to && ::dwarf_child(&from, &below) == 0) {
    for (Dwarf_Die next; ::dwarf_siblingof(&below, &next) == 0 && ::dwarf_dieoffset(&next) <= to;) below = next;
    path.push_back(below);
    from = below;
  }
}

}  // namespace

function_index::function_index(Dwarf_Die unit) : dwarf_(::dwarf_cu_getdwarf(unit.cu)) {
  read(&unit, none);
  std::stable_sort(code_.begin(), code_.end(), [](const code& a, const code& b) { return a.begin < b.begin; });
}

void function_index::read(Dwarf_Die* in, std::size_t parent) {
  Dwarf_Die child;
  for (int rc = ::dwarf_child(in, &child); rc == 0; rc = ::dwarf_siblingof(&child, &child))
    switch (::dwarf_tag(&child)) {
      case DW_TAG_namespace:
      case DW_TAG_class_type:
      case DW_TAG_structure_type:
      case DW_TAG_union_type:
        scopes_.push_back({::dwarf_dieoffset(&child), parent});
        if (::dwarf_haschildren(&child) != 0) read(&child, scopes_.size() - 1);
        break;
      case DW_TAG_subprogram:
        scopes_.push_back({::dwarf_dieoffset(&child), parent});
        add_code(&child);
    }
}

void function_index::add_code(Dwarf_Die* function) {
  Dwarf_Addr base = 0, begin = 0, end = 0;
  for (std::ptrdiff_t at = 0; (at = ::dwarf_ranges(function, at, &base, &begin, &end)) > 0;)
    if (begin < end) code_.push_back({begin, end, *function});
}

const Dwarf_Die* function_index::holding(Dwarf_Addr in_module) const {
  const auto after = std::upper_bound(code_.begin(), code_.end(), in_module,
                                      [](Dwarf_Addr value, const code& c) { return value < c.begin; });
  if (after == code_.begin()) return nullptr;
  const code& before = *std::prev(after);
  return in_module < before.end ? &before.function : nullptr;
}

std::vector<Dwarf_Die> function_index::scopes_of(const Dwarf_Die& entry) const {
  Dwarf_Die innermost = entry;
  const Dwarf_Off at = ::dwarf_dieoffset(&innermost);
  const auto after = std::upper_bound(scopes_.begin(), scopes_.end(), at,
                                      [](Dwarf_Off value, const scope& s) { return value < s.at; });
  std::vector<Dwarf_Die> out;
  if (after == scopes_.begin()) return {entry};
  std::size_t nearest = static_cast<std::size_t>(after - scopes_.begin()) - 1;
  Dwarf_Die outer;
  if (scopes_[nearest].at != at && ::dwarf_offdie(dwarf_, scopes_[nearest].at, &outer) != nullptr) {
    descend(outer, at, out);
    std::reverse(out.begin(), out.end());
  }
  for (; nearest != none; nearest = scopes_[nearest].parent)
    if (::dwarf_offdie(dwarf_, scopes_[nearest].at, &outer) != nullptr) out.push_back(outer);
  return out;
}

}  // namespace contend::coherence
