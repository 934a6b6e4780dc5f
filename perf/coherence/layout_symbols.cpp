// SPDX-License-Identifier: MIT
// See layout_symbols.hpp. The file's own table is read: the pages of zeroed data belong to no module that libdw knows.
#include "layout_symbols.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

namespace contend::coherence {
namespace {

struct entry {
  std::uint64_t at, size;
  std::string name;
};

/// What lies in a file's bytes at an offset, if it is whole.
template <class T>
const T* in_file(const std::vector<char>& file, std::uint64_t offset, std::uint64_t count = 1) {
  if (offset > file.size() || count > (file.size() - offset) / sizeof(T)) return nullptr;
  return reinterpret_cast<const T*>(file.data() + offset);
}

/// The program's data, by address.
std::vector<entry> read_symbols() {
  std::ifstream in("/proc/self/exe", std::ios::binary | std::ios::ate);
  std::vector<char> file(in ? static_cast<std::size_t>(in.tellg()) : 0);
  in.seekg(0);
  in.read(file.data(), static_cast<std::streamsize>(file.size()));
  std::vector<entry> out;
  const auto* const head = in_file<ElfW(Ehdr)>(file, 0);
  if (head == nullptr || std::memcmp(head->e_ident, ELFMAG, SELFMAG) != 0) return out;
  const auto* const sections = in_file<ElfW(Shdr)>(file, head->e_shoff, head->e_shnum);
  if (sections == nullptr) return out;
  for (unsigned s = 0; s < head->e_shnum; ++s) {
    const auto& table = sections[s];
    if ((table.sh_type != SHT_SYMTAB && table.sh_type != SHT_DYNSYM) || table.sh_link >= head->e_shnum) continue;
    const std::uint64_t count = table.sh_size / sizeof(ElfW(Sym));
    const auto* const symbols = in_file<ElfW(Sym)>(file, table.sh_offset, count);
    const auto& text = sections[table.sh_link];
    const char* const names = in_file<char>(file, text.sh_offset, text.sh_size);
    if (symbols == nullptr || names == nullptr || text.sh_size == 0 || names[text.sh_size - 1] != '\0') continue;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto& one = symbols[i];
      if ((one.st_info & 0xf) == STT_OBJECT && one.st_size != 0 && one.st_shndx != SHN_UNDEF &&
          one.st_name < text.sh_size)
        out.push_back({one.st_value + program_bias(), one.st_size, names + one.st_name});
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const entry& a, const entry& b) { return a.at < b.at; });
  return out;
}

}  // namespace

std::string demangled(const char* name) {
  int failed = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &failed),
                                                         &std::free);
  return failed == 0 && text != nullptr ? text.get() : name;
}

std::uint64_t program_bias() {
  std::uint64_t bias = 0;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* out) {
        *static_cast<std::uint64_t*>(out) = info->dlpi_addr;
        return 1;  // the first is the program
      },
      &bias);
  return bias;
}

std::optional<data_symbol> data_symbol_at(std::uint64_t address) {
  static const std::vector<entry> program = read_symbols();
  auto after = std::upper_bound(program.begin(), program.end(), address,
                                [](std::uint64_t value, const entry& e) { return value < e.at; });
  for (int back = 0; after != program.begin() && back < 16; ++back) {
    --after;
    if (address - after->at < after->size) return data_symbol{demangled(after->name.c_str()), after->at, after->size};
  }
  Dl_info where{};
  void* found = nullptr;
  if (::dladdr1(reinterpret_cast<const void*>(address), &where, &found, RTLD_DL_SYMENT) == 0 ||
      where.dli_sname == nullptr || found == nullptr)
    return std::nullopt;
  const auto at = reinterpret_cast<std::uint64_t>(where.dli_saddr);
  const std::uint64_t size = static_cast<const ElfW(Sym)*>(found)->st_size;
  if (address - at >= size) return std::nullopt;
  return data_symbol{demangled(where.dli_sname), at, size};
}

}  // namespace contend::coherence
