// SPDX-License-Identifier: MIT
// See source_lines.hpp: libdw reads the debugging information, lazily.
#include "source_lines.hpp"

#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "function_index.hpp"

namespace contend::coherence {
namespace {

/// The modules of this process: the program and its libraries. Lives as long as the process.
Dwfl* modules() {
  static Dwfl* const all = []() -> Dwfl* {
    static char* debug_path = nullptr;
    // By build id on this machine: the standard way might ask a server.
    static const Dwfl_Callbacks callbacks{&dwfl_linux_proc_find_elf, &dwfl_build_id_find_debuginfo, nullptr,
                                          &debug_path};
    Dwfl* const made = ::dwfl_begin(&callbacks);
    if (made == nullptr) return nullptr;
    if (::dwfl_linux_proc_report(made, ::getpid()) != 0 || ::dwfl_report_end(made, nullptr, nullptr) != 0) {
      ::dwfl_end(made);
      return nullptr;
    }
    return made;
  }();
  return all;
}

/// The compilation unit that an address belongs to, or nullptr. Clang writes no table of their ranges: then each is
/// asked.
Dwarf_Die* unit_of(Dwarf_Addr at, Dwarf_Addr& bias) {
  Dwfl_Module* const module = ::dwfl_addrmodule(modules(), at);
  if (module == nullptr) return nullptr;
  if (Dwarf_Die* const listed = ::dwfl_module_addrdie(module, at, &bias); listed != nullptr) return listed;
  Dwarf_Die* unit = nullptr;
  while ((unit = ::dwfl_module_nextcu(module, unit, &bias)) != nullptr)
    if (::dwarf_haspc(unit, at - bias) == 1) return unit;
  return nullptr;
}

/// That of an entry's unit, read when it is asked for first.
const function_index& index_of(Dwarf_Die& entry) {
  static std::map<Dwarf_CU*, function_index> all;
  const auto known = all.find(entry.cu);
  if (known != all.end()) return known->second;
  Dwarf_Die unit = entry;
  ::dwarf_diecu(&entry, &unit, nullptr, nullptr);
  return all.try_emplace(entry.cu, unit).first->second;
}

std::string demangled(const char* name) {
  int failed = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &failed),
                                                         &std::free);
  return failed == 0 && text != nullptr ? text.get() : name;
}

std::string name_of(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  const char* const name = ::dwarf_formstring(::dwarf_attr_integrate(die, DW_AT_name, &attribute));
  if (name != nullptr) return name;
  return ::dwarf_tag(die) == DW_TAG_namespace ? "(anonymous namespace)" : "(unnamed)";
}

/// The name of a function with the namespaces, classes and functions that it is in.
std::string qualified(Dwarf_Die function) {
  Dwarf_Die declared = function;
  Dwarf_Attribute attribute;
  for (const unsigned link : {DW_AT_abstract_origin, DW_AT_specification})
    if (Dwarf_Die next;
        ::dwarf_attr(&declared, link, &attribute) != nullptr && ::dwarf_formref_die(&attribute, &next) != nullptr)
      declared = next;
  std::vector<Dwarf_Die> parents = index_of(declared).scopes_of(declared);
  std::string name = name_of(&function);
  std::size_t next = 1;
  if (parents.size() > 1 && name == "operator()" && !::dwarf_hasattr(&parents[1], DW_AT_name)) {
    name = "(lambda)";
    ++next;
  }
  for (; next < parents.size(); ++next) switch (::dwarf_tag(&parents[next])) {
      case DW_TAG_subprogram:
        return qualified(parents[next]) + "::" + name;
      case DW_TAG_namespace:
      case DW_TAG_class_type:
      case DW_TAG_structure_type:
      case DW_TAG_union_type:
        name = name_of(&parents[next]) + "::" + name;
    }
  return name;
}

/// From the root of the tree that this library was built in, if the file is in there.
std::string shortened(const char* path) {
  const std::string whole = std::filesystem::path(path).lexically_normal().string();
  constexpr std::string_view root = CONTEND_SOURCE_ROOT "/";
  return whole.starts_with(root) ? whole.substr(root.size()) : whole;
}

bool in_standard_library(const std::string& file) {
  return file.find("/c++/") != std::string::npos || file.find("/lib/gcc/") != std::string::npos;
}

/// The line on which a function that was inlined is called.
void caller_of(Dwarf_Die* unit, Dwarf_Die* inlined, source_place& place) {
  Dwarf_Attribute attribute;
  Dwarf_Word file = 0, line = 0;
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  if (::dwarf_formudata(::dwarf_attr(inlined, DW_AT_call_file, &attribute), &file) != 0 ||
      ::dwarf_formudata(::dwarf_attr(inlined, DW_AT_call_line, &attribute), &line) != 0 ||
      ::dwarf_getsrcfiles(unit, &files, &count) != 0 || file >= count)
    return;
  place.file = shortened(::dwarf_filesrc(files, file, nullptr, nullptr));
  place.line = static_cast<unsigned>(line);
}

/// The functions within an entry that were inlined around an address, the innermost first.
bool inlined_around(Dwarf_Die* in, Dwarf_Addr in_module, std::vector<Dwarf_Die>& found) {
  Dwarf_Die child;
  for (int rc = ::dwarf_child(in, &child); rc == 0; rc = ::dwarf_siblingof(&child, &child)) {
    const int tag = ::dwarf_tag(&child);
    if ((tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block) || ::dwarf_haspc(&child, in_module) != 1)
      continue;
    const bool any = inlined_around(&child, in_module, found);
    if (tag == DW_TAG_lexical_block && !any) continue;
    if (tag == DW_TAG_inlined_subroutine) found.push_back(child);
    return true;
  }
  return false;
}

/// The functions around an address, the innermost first: those that were inlined, and the one that they were inlined
/// into. (dwarf_getscopes looks for no function within a namespace's entry, which is where clang writes them.)
std::vector<Dwarf_Die> functions_around(Dwarf_Die* unit, Dwarf_Addr in_module) {
  std::vector<Dwarf_Die> found;
  const Dwarf_Die* const outermost = index_of(*unit).holding(in_module);
  if (outermost == nullptr) return found;
  Dwarf_Die function = *outermost;
  inlined_around(&function, in_module, found);
  found.push_back(function);
  return found;
}

/// Names the function that place is in, the innermost one at the address; from the standard library on to its callers,
/// as far as they were inlined into each other.
void find_function(Dwarf_Die* unit, Dwarf_Addr in_module, source_place& place) {
  for (auto& function : functions_around(unit, in_module)) {
    place.function = qualified(function);
    if (::dwarf_tag(&function) == DW_TAG_subprogram || !in_standard_library(place.file)) return;
    caller_of(unit, &function, place);
  }
}

std::string symbol_at(const void* address) {
  const auto at = reinterpret_cast<Dwarf_Addr>(address);
  Dwfl_Module* const module = modules() != nullptr ? ::dwfl_addrmodule(modules(), at) : nullptr;
  char text[32];
  if (module != nullptr) {
    GElf_Off offset = 0;
    GElf_Sym symbol;
    const char* const name = ::dwfl_module_addrinfo(module, at, &offset, &symbol, nullptr, nullptr, nullptr);
    if (name != nullptr) {
      std::snprintf(text, sizeof text, "+0x%jx", static_cast<std::uintmax_t>(offset));
      return demangled(name) + text;
    }
  }
  std::snprintf(text, sizeof text, "%p", address);
  return text;
}

}  // namespace

source_place source_of(const void* return_address) {
  source_place found;
  if (return_address == nullptr || modules() == nullptr) return found;
  const Dwarf_Addr at = reinterpret_cast<Dwarf_Addr>(return_address) - 1;  // within the call
  Dwarf_Addr bias = 0;
  Dwarf_Die* const unit = unit_of(at, bias);
  const char* file = nullptr;
  int number = 0;
  // Code that compilers merged from several lines has line 0: then it is what stands before it.
  for (Dwarf_Addr back = 0; unit != nullptr && number == 0 && back < 64; ++back) {
    Dwarf_Line* const line = ::dwarf_getsrc_die(unit, at - bias - back);
    file = line != nullptr ? ::dwarf_linesrc(line, nullptr, nullptr) : nullptr;
    if (file == nullptr || ::dwarf_lineno(line, &number) != 0) return found;
  }
  if (number == 0) return found;
  found.file = shortened(file);
  found.line = static_cast<unsigned>(number);
  find_function(unit, at - bias, found);
  return found;
}

void prepare_source_lines() {
  const auto here = reinterpret_cast<Dwarf_Addr>(&prepare_source_lines);
  Dwfl_Module* const program = modules() != nullptr ? ::dwfl_addrmodule(modules(), here) : nullptr;
  Dwarf_Addr bias = 0;
  for (Dwarf_Die* unit = nullptr;
       program != nullptr && (unit = ::dwfl_module_nextcu(program, unit, &bias)) != nullptr;) {
    (void)index_of(*unit);
    Dwarf_Lines* lines = nullptr;
    std::size_t count = 0;
    (void)::dwarf_getsrclines(unit, &lines, &count);
  }
  (void)source_of(reinterpret_cast<const void*>(here));  // the table of what addresses belong to which unit
}

std::string place_of(const void* return_address) {
  const source_place found = source_of(return_address);
  if (found.line == 0) return symbol_at(return_address);
  return found.file + ":" + std::to_string(found.line) + (found.function.empty() ? "" : " (" + found.function + ")");
}

}  // namespace contend::coherence
