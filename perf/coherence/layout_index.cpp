// SPDX-License-Identifier: MIT
// See layout_index.hpp.
#include "layout_index.hpp"

#include <dwarf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "layout_symbols.hpp"

namespace contend::coherence {
namespace {

constexpr std::size_t no_scope = ~std::size_t{0};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// "long unsigned int" → "unsigned long", and the like.
std::string arithmetic_type(std::string_view words) {
  unsigned longs = 0;
  bool is_unsigned = false, is_signed = false, is_short = false, is_char = false, is_double = false;
  while (!words.empty()) {
    const auto end = std::min(words.find(' '), words.size());
    const auto word = words.substr(0, end);
    longs += word == "long";
    is_unsigned |= word == "unsigned";
    is_signed |= word == "signed";
    is_short |= word == "short";
    is_char |= word == "char";
    is_double |= word == "double";
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  std::string out = is_unsigned ? "unsigned " : is_signed && is_char ? "signed " : "";
  if (is_char) return out + "char";
  if (is_short) return out + "short";
  if (is_double) return out + (longs ? "long double" : "double");
  return out + (longs > 1 ? "long long" : longs == 1 ? "long" : "int");
}

bool is_arithmetic(std::string_view word) {
  constexpr std::array<std::string_view, 7> all{"long", "unsigned", "signed", "short", "char", "int", "double"};
  return std::find(all.begin(), all.end(), word) != all.end();
}

void replace_all(std::string& in, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = in.find(what, at)) != std::string::npos; at += with.size())
    in.replace(at, what.size(), with);
}

const char* own_name(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  return ::dwarf_formstring(::dwarf_attr(die, DW_AT_name, &attribute));
}

/// Up to its template arguments.
std::string_view base_name(std::string_view name) { return name.substr(0, name.find('<')); }

}  // namespace

std::string normalised(std::string_view name) {
  std::string out;
  for (std::size_t at = 0; at < name.size();) {
    if (name[at] == ' ') {
      ++at;
      continue;
    }
    if (!is_word(name[at])) {
      out += name[at++];
      continue;
    }
    std::size_t end = at;
    while (end < name.size() && is_word(name[end])) ++end;
    std::string_view word = name.substr(at, end - at);
    if (is_arithmetic(word)) {
      for (std::size_t next = end; next < name.size() && name[next] == ' ';) {
        std::size_t stop = next + 1;
        while (stop < name.size() && is_word(name[stop])) ++stop;
        if (!is_arithmetic(name.substr(next + 1, stop - next - 1))) break;
        next = end = stop;
      }
      if (!out.empty() && is_word(out.back())) out += ' ';
      out += arithmetic_type(name.substr(at, end - at));
    } else {
      if (std::isdigit(static_cast<unsigned char>(word.front())) != 0)
        while (word.size() > 1 && std::string_view("uUlL").find(word.back()) != std::string_view::npos)
          word.remove_suffix(1);
      if (!out.empty() && is_word(out.back())) out += ' ';
      out += word;
    }
    at = end;
  }
  replace_all(out, "(anonymous namespace)", "{anonymous}");  // gcc's way
  return out;
}

layout_index& layout_index::of_program() {
  static layout_index one;
  return one;
}

layout_index::layout_index() : file_(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)), bias_(program_bias()) {
  if (file_ < 0) return;
  dwarf_ = ::dwarf_begin(file_, DWARF_C_READ);
  Dwarf_CU* unit = nullptr;
  Dwarf_Half version = 0;
  std::uint8_t type = 0;
  if (dwarf_ != nullptr && ::dwarf_get_units(dwarf_, nullptr, &unit, &version, &type, nullptr, nullptr) != 0) {
    ::dwarf_end(dwarf_);
    dwarf_ = nullptr;
  }
}

layout_index::~layout_index() {
  if (dwarf_ != nullptr) ::dwarf_end(dwarf_);
  if (file_ >= 0) ::close(file_);
}

Dwarf_Die layout_index::die(Dwarf_Off at) const {
  Dwarf_Die out{};
  if (dwarf_ == nullptr || ::dwarf_offdie(dwarf_, at, &out) == nullptr) out = {};
  return out;
}

void layout_index::read() {
  if (was_read_ || dwarf_ == nullptr) return;
  was_read_ = true;
  Dwarf_CU* unit = nullptr;
  Dwarf_Die top;
  while (::dwarf_get_units(dwarf_, unit, &unit, nullptr, nullptr, &top, nullptr) == 0) read_scope(&top, no_scope);
  sort_variables();
}

void layout_index::sort_variables() {
  for (auto* all : {&variables_, &thread_locals_})
    std::stable_sort(all->begin(), all->end(),
                     [](const static_variable& a, const static_variable& b) { return a.at < b.at; });
}

void layout_index::read_scope(Dwarf_Die* in, std::size_t scope) {
  Dwarf_Die child;
  for (int rc = ::dwarf_child(in, &child); rc == 0; rc = ::dwarf_siblingof(&child, &child)) {
    switch (::dwarf_tag(&child)) {
      case DW_TAG_class_type:
      case DW_TAG_structure_type:
      case DW_TAG_union_type:
        add_type(&child, scope);
        [[fallthrough]];
      case DW_TAG_namespace:
        if (::dwarf_haschildren(&child) != 0) {
          const char* const name = own_name(&child);
          scopes_.push_back({scope, name != nullptr ? name : "(anonymous namespace)"});
          read_scope(&child, scopes_.size() - 1);
        }
        break;
      case DW_TAG_variable:
        add_variable(&child, false);
        break;
      default:
        break;
    }
  }
}

void layout_index::read_functions(Dwarf_Die* in) {
  Dwarf_Die child;
  for (int rc = ::dwarf_child(in, &child); rc == 0; rc = ::dwarf_siblingof(&child, &child)) {
    const int tag = ::dwarf_tag(&child);
    if (tag == DW_TAG_variable) {
      const int around = ::dwarf_tag(in);
      if (around == DW_TAG_subprogram || around == DW_TAG_lexical_block) add_variable(&child, true);
    } else if (tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block || tag == DW_TAG_namespace ||
               tag == DW_TAG_class_type || tag == DW_TAG_structure_type) {
      read_functions(&child);
    }
  }
}

void layout_index::add_type(Dwarf_Die* die, std::size_t scope) {
  const char* const name = own_name(die);
  if (name == nullptr) return;
  Dwarf_Attribute attribute;
  types_[base_name(name)].push_back(
      {::dwarf_dieoffset(die), scope, name, ::dwarf_attr(die, DW_AT_declaration, &attribute) != nullptr});
}

void layout_index::add_variable(Dwarf_Die* die, bool in_function) {
  Dwarf_Attribute attribute;
  Dwarf_Op* op = nullptr;
  std::size_t count = 0;
  if (::dwarf_attr(die, DW_AT_location, &attribute) == nullptr || ::dwarf_getlocation(&attribute, &op, &count) != 0 ||
      count == 0)
    return;
  const bool by_thread =
      count == 2 && (op[1].atom == DW_OP_GNU_push_tls_address || op[1].atom == DW_OP_form_tls_address);
  const bool plus = count == 2 && op[1].atom == DW_OP_plus_uconst;  // clang, of several variables that it merged
  if (!by_thread && ((count != 1 && !plus) || (op[0].atom != DW_OP_addr && op[0].atom != DW_OP_addrx))) return;
  static_variable one;
  one.at = op[0].number;
  if (op[0].atom == DW_OP_addrx) {  // clang: its number in a table of addresses
    Dwarf_Attribute held;
    if (::dwarf_getlocation_attr(&attribute, op, &held) != 0 || ::dwarf_formaddr(&held, &one.at) != 0) return;
  }
  if (plus) one.at += op[1].number;
  if (!by_thread) one.at += bias_;
  Dwarf_Die type;
  if (::dwarf_attr_integrate(die, DW_AT_type, &attribute) == nullptr ||
      ::dwarf_formref_die(&attribute, &type) == nullptr || ::dwarf_aggregate_size(&type, &one.size) != 0)
    return;
  one.type = ::dwarf_dieoffset(&type);
  const char* linkage = ::dwarf_formstring(::dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));
  const char* name = ::dwarf_formstring(::dwarf_attr_integrate(die, DW_AT_name, &attribute));
  if (linkage != nullptr && !in_function)
    one.name = demangled(linkage);
  else if (name != nullptr)
    one.name = name;
  else
    return;
  (by_thread ? thread_locals_ : variables_).push_back(std::move(one));
}

namespace {

const static_variable* holding(const std::vector<static_variable>& all, std::uint64_t at) {
  auto after = std::upper_bound(all.begin(), all.end(), at,
                                [](std::uint64_t value, const static_variable& v) { return value < v.at; });
  while (after != all.begin()) {
    --after;
    if (at - after->at < after->size) return &*after;
    if (at - after->at > (1U << 24)) break;  // nothing else of any size begins so far in front
  }
  return nullptr;
}

}  // namespace

const static_variable* layout_index::variable_at(std::uint64_t address) {
  read();
  if (const auto* found = holding(variables_, address); found != nullptr) return found;
  if (!functions_were_read_ && dwarf_ != nullptr) {
    functions_were_read_ = true;
    Dwarf_CU* unit = nullptr;
    Dwarf_Die top;
    while (::dwarf_get_units(dwarf_, unit, &unit, nullptr, nullptr, &top, nullptr) == 0) read_functions(&top);
    sort_variables();
  }
  return holding(variables_, address);
}

const static_variable* layout_index::thread_local_at(std::uint64_t offset) {
  read();
  return holding(thread_locals_, offset);
}

std::string layout_index::qualified(const described_type& one) const {
  std::string out = one.name;
  for (std::size_t s = one.scope; s != no_scope; s = scopes_[s].parent) out = scopes_[s].name + ("::" + out);
  return out;
}

Dwarf_Off layout_index::type_named(std::string_view name) {
  read();
  // The last name outside of any brackets, up to its own arguments.
  std::size_t begin = 0;
  for (std::size_t at = 0, depth = 0; at + 1 < name.size(); ++at) {
    depth += name[at] == '<' || name[at] == '(';
    depth -= name[at] == '>' || name[at] == ')';
    if (depth == 0 && name[at] == ':' && name[at + 1] == ':') begin = at + 2;
  }
  const auto found = types_.find(base_name(name.substr(begin)));
  if (found == types_.end()) return 0;
  const std::string wanted = normalised(name);
  Dwarf_Off alike = 0;
  std::string alike_name;
  bool unclear = false;
  for (const auto& one : found->second) {
    if (one.declared_only) continue;
    const std::string whole = normalised(qualified(one));
    if (whole == wanted) return one.at;
    if (base_name(whole) != base_name(wanted)) continue;
    unclear |= alike != 0 && whole != alike_name;
    alike = one.at;
    alike_name = whole;
  }
  // Arguments may be spelt in ways that nobody foresaw; where there is one such type only, it is meant.
  return unclear ? 0 : alike;
}

const std::vector<layout_index::described_type>* layout_index::named_as(Dwarf_Off type) {
  read();
  Dwarf_Die described = die(type);
  const char* const name = described.addr != nullptr ? own_name(&described) : nullptr;
  const auto found = name != nullptr ? types_.find(base_name(name)) : types_.end();
  return found != types_.end() ? &found->second : nullptr;
}

std::string layout_index::name_of(Dwarf_Off type) {
  if (const auto* all = named_as(type); all != nullptr)
    for (const auto& one : *all)
      if (one.at == type) return qualified(one);
  Dwarf_Die described = die(type);
  const char* const name = described.addr != nullptr ? own_name(&described) : nullptr;
  return name != nullptr ? name : "";
}

Dwarf_Off layout_index::definition_of(Dwarf_Off declaration) {
  const std::string wanted = name_of(declaration);
  if (const auto* all = named_as(declaration); all != nullptr)
    for (const auto& one : *all)
      if (!one.declared_only && qualified(one) == wanted) return one.at;
  return 0;
}

}  // namespace contend::coherence
