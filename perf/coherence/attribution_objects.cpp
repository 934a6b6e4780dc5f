// SPDX-License-Identifier: MIT
// See attribution_objects.hpp. The tables lie in memory of their own: they must not move what the program allocates.
#include "attribution_objects.hpp"

#include <sys/mman.h>
#include <unwind.h>

#include <algorithm>
#include <cstring>

#include "fiber.hpp"

extern "C" {
extern void* __libc_stack_end;           // the dynamic linker's: where the first thread's stack ends
extern const char __executable_start[];  // the linker's: the program from its first byte …
extern const char etext[];               // … to the end of its code
}

namespace contend::coherence {
namespace {

template <class T>
T* map(std::size_t count) noexcept {
  void* const at =
      ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? nullptr : static_cast<T*>(at);
}

/// Which stacks blocks were asked for with, each once. Open addressing; one that is full forgets the newcomers.
struct stack_table {
  static constexpr std::uint32_t capacity = 1U << 14;
  struct entry {
    std::uint32_t count;
    const void* frames[max_frames];
  };
  entry* entries = map<entry>(capacity);
  std::uint32_t used = 0;

  std::uint32_t number_of(const void* const* frames, unsigned count) noexcept {
    if (entries == nullptr || count == 0) return 0;
    std::uint64_t hash = count;
    for (unsigned i = 0; i < count; ++i)
      hash = (hash ^ reinterpret_cast<std::uint64_t>(frames[i])) * 0x9E3779B97F4A7C15U;
    for (std::uint32_t at = static_cast<std::uint32_t>(hash >> 40) % capacity;; at = (at + 1) % capacity) {
      entry& e = entries[at];
      if (at == 0) continue;  // 0 is for none
      if (e.count == count && std::equal(frames, frames + count, e.frames)) return at;
      if (e.count != 0) continue;
      if (used + 2 > capacity / 2) return 0;
      ++used;
      e.count = count;
      std::copy(frames, frames + count, e.frames);
      return at;
    }
  }
};

/// The blocks, by address.
struct block_table {
  heap_block* entries = nullptr;
  std::size_t capacity = 0;
  std::size_t used = 0;
  std::uint64_t sequence = 0;

  static std::size_t hash(std::uint64_t address) noexcept { return (address >> 4) * 0x9E3779B97F4A7C15U >> 24; }
  heap_block& slot(std::uint64_t address) const noexcept {
    std::size_t at = hash(address) % capacity;
    while (entries[at].at != 0 && entries[at].at != address) at = (at + 1) % capacity;
    return entries[at];
  }
  bool grow() noexcept {
    const block_table old = *this;
    capacity = old.capacity == 0 ? std::size_t{1} << 12 : old.capacity * 4;
    entries = map<heap_block>(capacity);
    if (entries == nullptr) {
      *this = old;
      return false;
    }
    for (std::size_t i = 0; i < old.capacity; ++i)
      if (old.entries[i].at != 0) slot(old.entries[i].at) = old.entries[i];
    if (old.entries != nullptr) ::munmap(old.entries, old.capacity * sizeof(heap_block));
    return true;
  }
  void put(std::uint64_t address, std::uint64_t size, std::uint32_t stack) noexcept {
    if (2 * (used + 1) > capacity && !grow()) return;
    heap_block& mine = slot(address);
    used += mine.at == 0;
    mine = {address, size, ++sequence, stack};
  }
};

constinit block_table blocks;

stack_table& stacks() noexcept {
  static stack_table one;
  return one;
}

/// Not by malloc: there are a few objects, each noted from where the program may be inside of its allocator.
struct object_list {
  static constexpr std::size_t capacity = 256;
  struct entry {
    std::uint64_t at, size;
    const std::type_info* type;
    char role[64];
  };
  entry entries[capacity];
  std::size_t used = 0;

  void drop(std::uint64_t from, std::uint64_t to) noexcept {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < used; ++i)
      if (entries[i].at + entries[i].size <= from || entries[i].at >= to) entries[kept++] = entries[i];
    used = kept;
  }
};
constinit object_list objects{};

struct unwound {
  const void* from;
  const void** out;
  unsigned at_most;
  unsigned count;
};

_Unwind_Reason_Code one_frame(_Unwind_Context* context, void* into) {
  auto& all = *static_cast<unwound*>(into);
  const void* const at = reinterpret_cast<const void*>(::_Unwind_GetIP(context));
  if (all.count > 0 || at == all.from) all.out[all.count++] = at;
  return all.count < all.at_most ? _URC_NO_REASON : _URC_END_OF_STACK;
}

bool in_program(const void* code) noexcept {
  return code >= static_cast<const void*>(__executable_start) && code < static_cast<const void*>(etext);
}

}  // namespace

void note_object(const void* at, std::size_t size, const std::type_info& type, const char* role) {
  const auto address = reinterpret_cast<std::uint64_t>(at);
  forget_object(at);
  if (objects.used == object_list::capacity) objects.drop(objects.entries[0].at, objects.entries[0].at + 1);
  auto& fresh = objects.entries[objects.used++];
  fresh = {address, size, &type, {}};
  if (role != nullptr) std::strncpy(fresh.role, role, sizeof fresh.role - 1);
}

void forget_object(const void* at) noexcept {
  const auto address = reinterpret_cast<std::uint64_t>(at);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < objects.used; ++i)
    if (objects.entries[i].at != address) objects.entries[kept++] = objects.entries[i];
  objects.used = kept;
}

void note_allocation(const void* at, std::size_t size, const void* const* frames, unsigned count) noexcept {
  if (at == nullptr) return;
  const auto address = reinterpret_cast<std::uint64_t>(at);
  if (objects.used != 0) objects.drop(address, address + size);
  blocks.put(address, size, stacks().number_of(frames, std::min(count, max_frames)));
}

unsigned walk_stack(const void* return_address, const void* frame_address, const void** out,
                    unsigned at_most) noexcept {
  if (at_most == 0) return 0;
  if (!in_program(return_address)) {
    unwound all{return_address, out, at_most, 0};
    ::_Unwind_Backtrace(&one_frame, &all);
    return all.count;
  }
  const auto fiber = fiber_part_at(frame_address);
  const void* const end = fiber.has_value() ? fiber->end : __libc_stack_end;
  unsigned count = 0;
  const void* code = return_address;
  const void* frame = frame_address;
  while (true) {
    out[count++] = code;
    const void* const outer = *static_cast<const void* const*>(frame);
    if (count == at_most || outer <= frame || outer >= end || reinterpret_cast<std::uint64_t>(outer) % 8 != 0) break;
    // A stack that is neither a fiber's nor the first thread's: where it ends is not known.
    if (!fiber.has_value() && static_cast<const char*>(outer) - static_cast<const char*>(frame) > (1 << 16)) break;
    frame = outer;
    code = static_cast<const void* const*>(frame)[1];
    if (!in_program(code)) break;
  }
  return count;
}

std::vector<known_object> known_objects() {
  std::vector<known_object> out;
  for (std::size_t i = 0; i < objects.used; ++i) {
    const auto& one = objects.entries[i];
    out.push_back({one.at, one.size, one.type, one.role});
  }
  return out;
}

std::vector<heap_block> heap_blocks() {
  const block_table& all = blocks;
  std::vector<heap_block> out;
  for (std::size_t i = 0; i < all.capacity; ++i)
    if (all.entries[i].at != 0) out.push_back(all.entries[i]);
  std::sort(out.begin(), out.end(), [](const heap_block& a, const heap_block& b) { return a.at < b.at; });
  return out;
}

std::array<const void*, max_frames> allocation_frames(std::uint32_t stack) {
  std::array<const void*, max_frames> out{};
  if (stack == 0 || stacks().entries == nullptr) return out;
  const auto& one = stacks().entries[stack];
  std::copy(one.frames, one.frames + one.count, out.begin());
  return out;
}

}  // namespace contend::coherence
