// SPDX-License-Identifier: MIT
// malloc() and its kin and operator new in the place of the libraries', before main and in every thread.
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <limits>
#include <new>

#include "attribution_objects.hpp"
#include "heap.hpp"
#include "posix.hpp"

namespace contend::coherence::heap {
namespace {

constexpr std::size_t ordinary = 16;
constexpr std::size_t page = 4096;

/// What a call takes of a simulated thread's time.
void charge(const void* from) noexcept {
  if (!posix::simulated(from)) return;
  pass(picoseconds_per_call);
  watching = false;
  if (!current->schedule.serial()) current->in_order();  // which block it is may hang on what others free
  watching = true;
}

/// Whose blocks are to be known by the place that asked for them: not the engine's, nor those of who makes a report.
bool is_the_program_s() noexcept { return watching || current == nullptr || current->body == nullptr; }

/// Weak memory follows objects: a block that is handed out is none of those that were there before, and freeing one is
/// a write to all of it, which races with every use that does not happen before.
void begins(void* block) noexcept {
  if (!watching || current->weak == nullptr || !posix::in_a_fiber()) return;
  watching = false;
  current->weak->forget(reinterpret_cast<std::uint64_t>(block), usable(block));
  watching = true;
}
void ends(void* block, const void* from) noexcept {
  if (!watching || current->weak == nullptr || !posix::in_a_fiber()) return;
  watching = false;
  current->weak->plain({current->running->core, reinterpret_cast<std::uint64_t>(block),
                        static_cast<unsigned>(usable(block)), std::memory_order_relaxed, from},
                       true);
  current->stop_if_raced();
  watching = true;
}

thread_local bool noting = false;  // the unwinder may allocate

/// Tells the report who asked for the block; sets errno if there is none.
[[gnu::always_inline]] inline void* given(void* block, std::size_t size, const void* from, const void* frame) noexcept {
  if (block != nullptr) begins(block);
  if (block == nullptr) {
    errno = ENOMEM;
  } else if (!noting && is_the_program_s()) {
    noting = true;
    const bool watched = watching;
    watching = false;
    const void* frames[max_frames];
    note_block(block, size, frames, walk_stack(from, frame, frames, max_frames));
    watching = watched;
    noting = false;
  }
  return block;
}
#define GIVEN(block, size) given(block, size, __builtin_return_address(0), __builtin_frame_address(0))

/// For operator new: asks the new-handler as long as there is one.
template <class Allocate>
void* or_throw(Allocate one) {
  for (;;) {
    void* const block = one();
    if (block != nullptr) return block;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

}  // namespace

void link_heap() noexcept {}

}  // namespace contend::coherence::heap

using namespace contend::coherence;
using namespace contend::coherence::heap;

#define HERE __builtin_return_address(0)

extern "C" {

void* malloc(std::size_t size) noexcept {
  charge(HERE);
  return GIVEN(allocate(size, ordinary, false), size);
}

void free(void* block) noexcept {
  if (block == nullptr) return;
  charge(HERE);
  ends(block, HERE);
  const int before = errno;
  release(block);
  errno = before;
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  charge(HERE);
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return GIVEN(allocate(bytes, ordinary, true), bytes);
}

void* realloc(void* block, std::size_t size) noexcept {
  charge(HERE);
  if (block == nullptr) return GIVEN(allocate(size, ordinary, false), size);
  if (size == 0) {
    release(block);
    return nullptr;
  }
  return GIVEN(resize(block, size), size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  charge(HERE);
  if (alignment > std::numeric_limits<std::size_t>::max() / 4) {
    errno = ENOMEM;
    return nullptr;
  }
  return GIVEN(allocate(size, std::bit_ceil(std::max(alignment, ordinary)), false), size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  charge(HERE);
  if (!std::has_single_bit(alignment)) {
    errno = EINVAL;
    return nullptr;
  }
  return GIVEN(allocate(size, std::max(alignment, ordinary), false), size);
}

int posix_memalign(void** to, std::size_t alignment, std::size_t size) noexcept {
  charge(HERE);
  if (!std::has_single_bit(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  const int before = errno;
  void* const block = GIVEN(allocate(size, std::max(alignment, ordinary), false), size);
  errno = before;
  if (block == nullptr) return ENOMEM;
  *to = block;
  return 0;
}

void* valloc(std::size_t size) noexcept {
  charge(HERE);
  return GIVEN(allocate(size, page, false), size);
}

void* pvalloc(std::size_t size) noexcept {
  charge(HERE);
  return GIVEN(allocate((size + page - 1) / page * page, page, false), size);
}

std::size_t malloc_usable_size(void* block) noexcept { return usable(block); }
}

// The libraries' other forms of new and delete call these, and free().
void* operator new(std::size_t size) {
  charge(HERE);
  return GIVEN(or_throw([size] { return allocate(size, ordinary, false); }), size);
}
void* operator new[](std::size_t size) {
  charge(HERE);
  return GIVEN(or_throw([size] { return allocate(size, ordinary, false); }), size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  charge(HERE);
  return GIVEN(or_throw([=] { return allocate(size, std::max(static_cast<std::size_t>(alignment), ordinary), false); }),
               size);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  charge(HERE);
  return GIVEN(or_throw([=] { return allocate(size, std::max(static_cast<std::size_t>(alignment), ordinary), false); }),
               size);
}
