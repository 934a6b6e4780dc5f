// SPDX-License-Identifier: MIT
// See heap.hpp. As in glibc a block has 8 bytes before it, is aligned to 16 and takes 32 at least; the last 8 bytes of
// a block lie where the next one's 16 bytes of head begin:
//
// | offset from the block | what                                                                     |
// |-----------------------|--------------------------------------------------------------------------|
// | −16                   | the end of the block before; of a large block: how far below it begins   |
// | −8                    | size (with these 16 bytes) | in_use | large | whose region it is of << 56 |
// | 0                     | the user's bytes; of a free block: the next free one                     |
#include "heap.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "attribution_objects.hpp"
#include "fiber.hpp"
#include "posix.hpp"

namespace contend::coherence {
namespace heap {
namespace {

// Each core, and whoever is not simulated, has a region of its own, so that what one allocates does not move another's.
// The lower half is cut into blocks from below; the upper half is for large blocks.
constexpr std::uintptr_t arena = 0x620000000000;
constexpr std::size_t region_size = std::size_t{8} << 30;
// What the simulation itself allocates has regions of its own, too, so that the program's blocks lie where they lie
// whatever the simulation needs.
constexpr unsigned natives = 33;  // the first, and one for each fresh_heap()
constexpr unsigned regions = slots + 2 * natives;
constexpr std::size_t arena_size = regions * region_size;
static_assert(regions <= 256, "a block's head has 8 bits for its region");
constexpr std::size_t step = std::size_t{1} << 20;  // by which a region becomes accessible

constexpr std::uint64_t in_use = 1;
constexpr std::uint64_t large = 2;
constexpr std::uint64_t size_bits = (std::uint64_t{1} << 56) - 16;
constexpr unsigned region_shift = 56;

constexpr std::size_t head = 16;
constexpr std::size_t granule = 16;
constexpr std::size_t smallest = 32;
constexpr std::size_t page = 4096;
constexpr std::size_t large_from = 128 * 1024;  // glibc's M_MMAP_THRESHOLD
constexpr unsigned small_classes = 64;          // by 16 bytes, as glibc's tcache
constexpr unsigned classes = small_classes + 4 * 8;
constexpr unsigned cached_per_class = 7;  // likewise
constexpr unsigned looks = 16;            // at how many free blocks of other sizes before new ones are cut

struct free_block {
  free_block* next;
};

struct span {
  char* next = nullptr;
  char* end = nullptr;    // accessible up to here
  char* limit = nullptr;  // of the region
};

struct region {
  span blocks;
  span large_blocks;
  free_block* cached[small_classes] = {};  // freed by this core, whoever they belong to
  unsigned char in_cache[small_classes] = {};
  free_block* bins[classes] = {};  // of this region, by size
  free_block* large_bin = nullptr;
};

constinit region all[regions];
constinit unsigned native = slots;  // the region of whoever is not simulated; so many behind it is the simulation's
constinit unsigned apart_depth = 0;
constinit std::atomic<bool> locked{false};
constinit bool reserved = false;

void lock() noexcept {
  while (locked.exchange(true, std::memory_order_acquire))
    if (!watching) ::sched_yield();
}
void unlock() noexcept { locked.store(false, std::memory_order_release); }

class guard {
 public:
  guard() noexcept { lock(); }
  ~guard() { unlock(); }
  guard(const guard&) = delete;
  guard& operator=(const guard&) = delete;
};

/// A child of fork() has one thread: nobody else may hold the lock meanwhile.
[[gnu::constructor]] void survive_fork() { ::pthread_atfork(&lock, &unlock, &unlock); }

[[noreturn]] void die(const char* why) noexcept {
  const char* const parts[] = {"contend: heap: ", why, "\n"};
  for (const char* part : parts)
    if (::write(2, part, std::strlen(part)) < 0) break;
  std::abort();
}

unsigned caller() noexcept {
  const bool simulated = current != nullptr && current->running != nullptr && posix::in_a_fiber();
  if (simulated && watching) return current->running->core;
  return simulated || apart_depth != 0 ? native + natives : native;
}

std::uint64_t& head_of(void* block) noexcept { return static_cast<std::uint64_t*>(block)[-1]; }
std::size_t size_of(void* block) noexcept { return head_of(block) & size_bits; }
unsigned region_of(void* block) noexcept { return static_cast<unsigned>(head_of(block) >> region_shift); }
void set_head(void* block, std::size_t size, std::uint64_t flags, unsigned region) noexcept {
  head_of(block) = size | flags | std::uint64_t{region} << region_shift;
}

unsigned class_of(std::size_t size) noexcept {
  if (size < smallest + small_classes * granule) return static_cast<unsigned>((size - smallest) / granule);
  const unsigned log = static_cast<unsigned>(std::bit_width(size)) - 1;
  const unsigned quarter = (size >> (log - 2)) & 3;
  return std::min(small_classes + (log - 10) * 4 + quarter, classes - 1);
}

region& open(unsigned number) noexcept {
  region& r = all[number];
  if (r.blocks.limit != nullptr) return r;
  if (!reserved) {
    void* const at = ::mmap(reinterpret_cast<void*>(arena), arena_size, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (at != reinterpret_cast<void*>(arena)) die("the fixed addresses of the simulated program's heap are not free");
    reserved = true;
  }
  char* const begin = reinterpret_cast<char*>(arena + number * region_size);
  char* const middle = begin + region_size / 2;
  r.blocks = {begin, begin, middle};
  r.large_blocks = {middle, middle, begin + region_size};
  return r;
}

/// Makes the span accessible up to `to`; false if there is no memory.
bool extend(span& s, char* to) noexcept {
  if (to <= s.end) return true;
  if (to > s.limit) return false;
  const std::size_t more = (static_cast<std::size_t>(to - s.end) + step - 1) / step * step;
  const std::size_t grown = std::min(more, static_cast<std::size_t>(s.limit - s.end));
  if (::mprotect(s.end, grown, PROT_READ | PROT_WRITE) != 0) return false;
  s.end += grown;
  return true;
}

char* aligned(char* block, std::size_t alignment) noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(block);
  return block + ((alignment - at % alignment) % alignment);
}

void* cut(unsigned number, std::size_t size, std::size_t alignment) noexcept {
  region& r = open(number);
  char* block = aligned(r.blocks.next + head, alignment);
  while (block != r.blocks.next + head && static_cast<std::size_t>(block - head - r.blocks.next) < smallest)
    block += alignment;  // what is left below must be a block, too
  if (!extend(r.blocks, block - head + size + head)) return nullptr;
  if (const auto below = static_cast<std::size_t>(block - head - r.blocks.next); below != 0) {
    auto* const gap = reinterpret_cast<free_block*>(r.blocks.next + head);
    set_head(gap, below, 0, number);
    gap->next = r.bins[class_of(below)];
    r.bins[class_of(below)] = gap;
  }
  r.blocks.next = block - head + size;
  set_head(block, size, in_use, number);
  return block;
}

/// Takes the first that fits out of a list.
void* take(free_block*& list, std::size_t size, std::size_t alignment, unsigned most) noexcept {
  free_block** at = &list;
  for (unsigned i = 0; *at != nullptr && i < most; ++i, at = &(*at)->next) {
    free_block* const found = *at;
    if (size_of(found) < size || reinterpret_cast<std::uintptr_t>(found) % alignment != 0) continue;
    *at = found->next;
    head_of(found) |= in_use;
    return found;
  }
  return nullptr;
}

void* allocate_large(unsigned number, std::size_t bytes, std::size_t alignment) noexcept {
  if (bytes > region_size || alignment > region_size) return nullptr;
  region& r = open(number);
  const std::size_t size = (bytes + head + alignment + page - 1) / page * page;
  for (free_block** at = &r.large_bin; *at != nullptr; at = &(*at)->next) {
    free_block* const found = *at;
    if (size_of(found) < size || size_of(found) > 2 * size) continue;
    if (reinterpret_cast<std::uintptr_t>(found) % alignment != 0) continue;
    *at = found->next;
    found->next = nullptr;  // all else is zero since it was freed
    head_of(found) |= in_use;
    return found;
  }
  char* const begin = r.large_blocks.next;
  if (!extend(r.large_blocks, begin + size)) return nullptr;
  r.large_blocks.next = begin + size;
  char* const block = aligned(begin + head, alignment);
  reinterpret_cast<std::uint64_t*>(block)[-2] = static_cast<std::uint64_t>(block - begin);
  set_head(block, size, in_use | large, number);
  return block;
}

std::uint64_t below(void* block) noexcept { return static_cast<std::uint64_t*>(block)[-2]; }

void release_large(void* block) noexcept {
  region& r = all[region_of(block)];
  char* const begin = static_cast<char*>(block) - below(block);
  // Whole pages after the one with the block's beginning are given back; the rest is cleared.
  char* const kept = aligned(static_cast<char*>(block), page);
  std::memset(block, 0, static_cast<std::size_t>(kept - static_cast<char*>(block)));
  if (begin + size_of(block) > kept)
    ::madvise(kept, static_cast<std::size_t>(begin + size_of(block) - kept), MADV_DONTNEED);
  auto* const freed = static_cast<free_block*>(block);
  freed->next = r.large_bin;
  r.large_bin = freed;
}

/// A block that is in use, or the end of the program.
void check(void* block) noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(block);
  if (at < arena || at >= arena + arena_size || at % granule != 0) die("a block was freed that malloc() has not given");
  if ((head_of(block) & in_use) == 0) die("a block was freed twice, or its head was overwritten");
}

std::size_t chunk_for(std::size_t bytes) noexcept {
  return std::max(smallest, (bytes + head / 2 + granule - 1) / granule * granule);
}

}  // namespace

void* allocate(std::size_t bytes, std::size_t alignment, bool zero) noexcept {
  if (bytes > arena_size) return nullptr;
  const guard here;
  const unsigned number = caller();
  const std::size_t size = chunk_for(bytes);
  if (size >= large_from) return allocate_large(number, bytes, std::max(alignment, granule));
  region& r = open(number);
  const unsigned which = class_of(size);
  void* block = nullptr;
  if (which < small_classes && alignment <= granule && r.cached[which] != nullptr) {
    free_block* const first = r.cached[which];
    r.cached[which] = first->next;
    --r.in_cache[which];
    head_of(first) |= in_use;
    block = first;
  }
  if (block == nullptr && which < small_classes && alignment > granule) {
    block = take(r.cached[which], size, alignment, cached_per_class);
    if (block != nullptr) --r.in_cache[which];
  }
  if (block == nullptr) block = take(r.bins[which], size, alignment, looks);
  if (block == nullptr && which >= small_classes && which + 1 < classes)
    block = take(r.bins[which + 1], size, alignment, looks);
  if (block == nullptr) block = cut(number, size, alignment);
  if (block != nullptr && zero) std::memset(block, 0, bytes);
  return block;
}

void release(void* block) noexcept {
  check(block);
  const guard here;
  const std::uint64_t flags = head_of(block);
  head_of(block) &= ~in_use;
  if ((flags & large) != 0) return release_large(block);
  auto* const freed = static_cast<free_block*>(block);
  const unsigned which = class_of(size_of(block));
  region& mine = open(caller());
  if (which < small_classes && mine.in_cache[which] < cached_per_class) {
    ++mine.in_cache[which];
    freed->next = mine.cached[which];
    mine.cached[which] = freed;
    return;
  }
  region& home = all[region_of(block)];
  freed->next = home.bins[which];
  home.bins[which] = freed;
}

std::size_t usable(void* block) noexcept {
  if (block == nullptr) return 0;
  check(block);
  if ((head_of(block) & large) != 0) return size_of(block) - below(block);
  return size_of(block) - head / 2;
}

void* resize(void* block, std::size_t bytes) noexcept {
  const std::size_t had = usable(block);
  if (bytes <= had) return block;
  if ((head_of(block) & large) == 0 && chunk_for(bytes) < large_from) {  // into what has not been cut yet
    const guard here;
    region& r = all[region_of(block)];
    char* const begin = static_cast<char*>(block) - head;
    if (begin + size_of(block) == r.blocks.next && extend(r.blocks, begin + chunk_for(bytes) + head)) {
      set_head(block, chunk_for(bytes), in_use, region_of(block));
      r.blocks.next = begin + chunk_for(bytes);
      return block;
    }
  }
  void* const moved = allocate(bytes, granule, false);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, block, had);
  release(block);
  return moved;
}

for_simulation::for_simulation() noexcept {
  const guard here;
  ++apart_depth;
}
for_simulation::~for_simulation() {
  const guard here;
  --apart_depth;
}

void note_block(const void* block, std::size_t size, const void* const* frames, unsigned count) noexcept {
  const guard here;
  note_allocation(block, size, frames, count);
}

}  // namespace heap

void fresh_heap() {
  if (heap::native + 1 == slots + heap::natives)
    throw std::logic_error("a fresh heap was asked for " + std::to_string(heap::natives) +
                           " times in one process; expected at most " + std::to_string(heap::natives - 1));
  const heap::guard here;
  ++heap::native;
}

void at_fixed_addresses(const std::function<void()>& f) {
  fresh_heap();
  run_on_fixed_stack(f);
}

}  // namespace contend::coherence
